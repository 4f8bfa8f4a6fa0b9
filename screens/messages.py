"""What screens and widgets tell upwards. The app, which knows every screen, acts on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from jobs.model import FlowInfo


class OpenDataset(Message):
    """Show one dataset in detail, as it was at a version where one is given."""

    def __init__(self, name: str, version: int | None = None) -> None:
        super().__init__()
        self.name = name
        self.version = version


class OpenRun(Message):
    """Show one run in detail."""

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id


class OpenRuns(Message):
    """Show the list of runs, filtered as by this text."""

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self.wanted = wanted


class OpenForm(Message):
    """Show the form from which a flow is started.

    Args:
        flow: its name.
        run_id: the run whose parameters stand in the form; without it the defaults do.
        known: what was read of the flow already; finding it out again is slow.
    """

    def __init__(self, flow: str, run_id: str | None = None, known: FlowInfo | None = None) -> None:
        super().__init__()
        self.flow = flow
        self.run_id = run_id
        self.known = known


class Started(Message):
    """A form has become a run: it gives way to it."""

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id


class OpenQuery(Message):
    """Go to the SQL screen; a text that is not empty is put into the editor."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.text = text


class Go(Message):
    """Go somewhere that needs no telling what: one of `Go.PLACES`."""

    PLACES = ("up", "datasets", "flows", "runs", "palette", "help", "out")

    def __init__(self, to: str) -> None:
        super().__init__()
        self.to = to


class ToggleTimes(Message):
    """Show ages as dates, or dates as ages, everywhere."""


class RunsChanged(Message):
    """A run was ordered: ask again without waiting for the next look."""


class LakeChanged(Message):
    """Something in the lake is different: ask again."""


class Confirm(Message):
    """Ask before something is done.

    Args:
        title: the question.
        lines: what would happen.
        same_as: the shell line that would do the same.
        verb: what stands on the button.
        back: what stands on the one that changes nothing.
        then: called when the answer was yes.
    """

    def __init__(
        self,
        title: str,
        lines: tuple[str, ...],
        same_as: str,
        verb: str,
        then: Callable[[], None],
        back: str = "Cancel",
    ) -> None:
        super().__init__()
        self.title = title
        self.lines = lines
        self.same_as = same_as
        self.verb = verb
        self.then = then
        self.back = back


class AskTag(Message):
    """Ask for the name of a tag; `then` is called with it."""

    def __init__(self, dataset: str, version: int, then: Callable[[str], None]) -> None:
        super().__init__()
        self.dataset = dataset
        self.version = version
        self.then = then
