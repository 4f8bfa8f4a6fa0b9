"""People's flow files: found, imported beside ours, and told of in their own terms."""

from __future__ import annotations

import sys

import pytest
from flow_project import Project

from catalog.errors import InvalidInput, NotFound
from jobs import loader
from jobs.errors import BrokenFlow
from jobs.states import State


def test_a_flow_is_named_by_file_and_function_by_name_or_as_a_ready_one(project: Project) -> None:
    path = project.write("""
        from lakectl import flow
        @flow(name="Taxi months")
        def taxi(): ...
        @flow
        def zones(): ...
    """)
    for word in ("flows/mine.py:taxi", f"{path}:taxi", "Taxi months", "taxi"):
        found = loader.load(word, project.root)
        assert (found.name, found.origin) == ("Taxi months", "flows/mine.py:taxi")
    assert loader.load("ingest", project.root).origin == "ready:ingest"
    for word in ("nothing", "flows/mine.py:nothing", "flows/none.py:taxi"):
        with pytest.raises(NotFound):
            loader.load(word, project.root)
    with pytest.raises(InvalidInput, match="several flows: taxi, zones"):
        loader.load("flows/mine.py", project.root)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import no_such_thing\n", "mine.py, line 1: ModuleNotFoundError: No module named"),
        ("x = (\n", "mine.py, line 1: '(' was never closed"),
        ("def f():\n    raise ValueError('no')\nf()\n", "mine.py, line 2: ValueError: no"),
        ("import sys\nsys.exit(3)\n", "mine.py, line 2: SystemExit: it leaves the program"),
        (
            "from lakectl import flow\n@flow(retrys=1)\ndef f(): ...\n",
            "mine.py, line 2: A flow has no option 'retrys'",
        ),
    ],
)
def test_a_file_that_does_not_import_is_told_by_its_own_line(
    project: Project, text: str, told: str
) -> None:
    project.write("").write_text(text)
    with pytest.raises(BrokenFlow) as error:
        loader.load("flows/mine.py:f", project.root)
    assert told in error.value.message
    (broken, *ready) = loader.all_flows(project.root)
    assert told in (broken.problem or "")
    assert [info.name for info in ready] == list(loader.ready_names())


def test_folders_called_as_ours_shadow_nothing_and_are_found_relatively(project: Project) -> None:
    for name in ("jobs", "catalog", "screens"):
        package = project.root / "flows" / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "daily.py").write_text("NUMBER = 7\n")
    (project.root / "flows" / "shared.py").write_text("def clean(x): return x + 1\n")
    project.write("""
        from lakectl import flow, lake
        from . import shared
        from .jobs.daily import NUMBER
        import shared as by_its_bare_name

        @flow
        def etl():
            assert by_its_bare_name.clean(1) == 2
            lake().ls()
            return shared.clean(NUMBER)
    """)
    run = project.lake.runs.start("etl")
    assert run.state is State.COMPLETED, run.reason
    done = project.command("flow", "run", "etl", PYTHONPATH=str(project.root / "flows"))
    assert done.returncode == 0, done.stderr
    assert sys.modules["jobs"].__file__ != str(project.root / "flows" / "jobs" / "__init__.py")


def test_an_import_of_ones_own_jobs_is_told_how_to_be_written(project: Project) -> None:
    package = project.root / "flows" / "jobs"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "daily.py").write_text("NUMBER = 7\n")
    project.write("from jobs.daily import NUMBER\n")
    with pytest.raises(BrokenFlow) as error:
        loader.load("flows/mine.py:etl", project.root)
    assert "the name 'jobs' is lakectl's own package" in (error.value.hint or "")


def test_a_flow_of_a_session_runs_here_and_nowhere_else(project: Project) -> None:
    from lakectl import flow

    @flow
    def local() -> int:
        return 1

    assert local() == 1
    assert project.last().origin == "session"
    with pytest.raises(InvalidInput, match="no other process finds it"):
        project.lake.runs.start(local)
