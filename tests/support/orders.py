"""The dashboard's backend with the orders that are not given to a supervisor here.

Everything that is read comes from the real lake; orders are remembered, and answered as a
supervisor would.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from catalog.errors import Conflict
from jobs.model import Effect, FlowInfo, Parameter
from lakectl.dashboard import LakeBackend
from lakectl.root import Lake

FLOWS = (
    FlowInfo(
        "etl", "flows/etl.py:etl", "Loads the trips of a month.",
        (
            Parameter("year", "int", True, None, description="the year of the trips"),
            Parameter("month", "int", False, "1"),
            Parameter("colour", "text", False, "yellow", ("yellow", "green", "fhv")),
            Parameter("dry", "true or false", False, "false", description="write nothing"),
            Parameter("token", "text", False, None, secret=True),
        ),
        ("nyc", "daily"),
    ),
    FlowInfo("export", "flows/export.py:export", "Writes the marts to the bucket."),
    FlowInfo("clean", "flows/clean.py:clean", "Cleans what was loaded."),
    FlowInfo("broken", "flows/broken.py", problem="ModuleNotFoundError: No module named 'pandsa'"),
)  # fmt: skip


class OrdersBackend(LakeBackend):
    """Reads the lake, and remembers what was ordered.

    Args:
        lake: the lake.
        stands_at: where the clock of the dashboard stands.
    """

    def __init__(self, lake: Lake, stands_at: datetime | None = None) -> None:
        super().__init__(lake)
        self.stands_at = stands_at
        self.orders: list[tuple[Any, ...]] = []
        self.started = ""  # what a launch, a re-run or a resume answers
        self.found_flows: tuple[FlowInfo, ...] = FLOWS
        self.effects = [
            Effect("nyc.trips", 4, 3),
            Effect("mart.new", 1, None),
        ]

    def _order(self, *order: Any) -> str:
        self.orders.append(order)
        return self.started

    def cancel_run(self, run_id: str) -> str:
        """Remember it."""
        self._order("cancel", run_id)
        return "It was asked to stop."

    def rerun(self, run_id: str) -> str:
        """Remember it."""
        return self._order("rerun", run_id)

    def resume(self, run_id: str) -> str:
        """Remember it."""
        return self._order("resume", run_id)

    def undo_effects(self, run_id: str) -> list[Effect]:
        """Two datasets, one of which the run made."""
        return self.effects

    def undo_run(self, run_id: str) -> str:
        """Remember it."""
        self._order("undo", run_id)
        return "2 datasets were put back."

    def flows(self) -> list[FlowInfo]:
        """Some flows, one of which cannot be imported."""
        return list(self.found_flows)

    def check_parameters(self, flow: str, texts: Mapping[str, str]) -> dict[str, str]:
        """Whole numbers where they belong."""
        wrong = {} if flow != "etl" or texts.get("year") else {"year": "A value is needed."}
        for name in ("year", "month"):
            if texts.get(name) and not texts[name].isdigit():
                wrong[name] = f"{texts[name]!r} is no whole number."
        return wrong

    def launch(self, flow: str, texts: Mapping[str, str]) -> str:
        """Remember it; a conflict where nothing can be started."""
        if not self.started:
            raise Conflict("The queue is paused.", "lakectl queue resume default")
        return self._order("launch", flow, dict(texts))

    def run_form(self, run_id: str) -> Mapping[str, str]:
        """The parameters of a run as texts."""
        return {k: str(v) for k, v in self.run_details(run_id).parameters.items()}
