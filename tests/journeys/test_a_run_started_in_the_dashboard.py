"""The orders of the dashboard, given to a real lake: launched, watched, cancelled, done again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flow_project import Project

from catalog.errors import LakeError
from jobs.states import State
from lakectl.dashboard import LakeBackend
from lakectl.root import init_lake, open_lake

_FLOWS = """
    import time
    import pandas as pd
    from enum import Enum
    from pydantic import SecretStr
    from lakectl import flow, lake, task

    class Colour(Enum):
        YELLOW = "yellow"
        GREEN = "green"

    @flow
    def loads(rows: int, colour: Colour = Colour.YELLOW, password: SecretStr | None = None):
        '''Loads some rows.'''
        lake().dataset("n.t").append(pd.DataFrame({"a": range(rows)}))

    @flow
    def waits(seconds: float = 60):
        time.sleep(seconds)
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Return a lake with two flows."""
    init_lake(tmp_path / "lake")
    with open_lake(tmp_path / "lake") as lake:
        found = Project(tmp_path / "lake", lake)
        found.write(_FLOWS)
        yield found


@pytest.fixture
def backend(project: Project) -> Iterator[LakeBackend]:
    """Return the dashboard's side of it."""
    made = LakeBackend(project.lake)
    yield made
    made.close_desk()


def test_the_list_of_flows_and_its_forms_come_from_a_process_apart(backend: LakeBackend) -> None:
    flows = {flow.name: flow for flow in backend.flows()}
    assert list(flows)[:2] == ["loads", "waits"]
    fields = {field.name: field for field in flows["loads"].parameters}
    assert fields["colour"].choices == ("yellow", "green")
    assert fields["password"].secret
    assert backend.check_parameters("loads", {"rows": "x", "colour": "blue"}).keys() == {
        "rows",
        "colour",
    }
    assert backend.check_parameters("loads", {"rows": "3", "colour": "green"}) == {}


def test_a_launched_run_outlives_the_dashboard(project: Project, backend: LakeBackend) -> None:
    run_id = backend.launch("loads", {"rows": "3", "colour": "yellow", "password": "hunter2-x"})
    backend.close_desk()
    assert project.ended(run_id).state is State.COMPLETED
    assert project.lake.describe("n.t").summary.rows == 3
    assert b"hunter2-x" not in (project.root / ".lakectl" / "lake.db").read_bytes()
    assert backend.run_form(run_id) == {"rows": "3", "colour": "yellow", "password": ""}


def test_a_run_is_cancelled_and_done_again_and_taken_back(
    project: Project, backend: LakeBackend
) -> None:
    run_id = backend.launch("waits", {"seconds": "60"})
    project.until(lambda: project.last(run_id).state is State.RUNNING)
    assert "was asked to stop" in backend.cancel_run(run_id)
    assert project.ended(run_id, 25).state is State.CANCELLED
    loaded = backend.launch("loads", {"rows": "2"})
    project.ended(loaded)
    again = backend.rerun(loaded)
    assert project.ended(again).state is State.COMPLETED
    assert project.lake.describe("n.t").summary.rows == 4
    (effect,) = backend.undo_effects(again)
    assert (effect.from_version, effect.to_version, effect.conflict) == (2, 1, None)
    assert backend.undo_run(again) == "Undone: n.t."
    with pytest.raises(LakeError, match="nothing to resume"):
        backend.resume(loaded)


def test_a_flow_file_that_changes_or_breaks_is_seen_at_the_next_question(
    project: Project, backend: LakeBackend
) -> None:
    assert len(backend.flows()) == 6
    project.write("from lakectl import flow\n@flow\ndef other(): ...\n", "other.py")
    assert "other" in {flow.name for flow in backend.flows()}
    project.write("import os\nos._exit(3)\n", "leaves.py")
    with pytest.raises(LakeError, match="has ended"):
        backend.flows()
    (project.root / "flows" / "leaves.py").unlink()
    assert "other" in {flow.name for flow in backend.flows()}
