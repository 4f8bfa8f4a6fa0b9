"""The lake inside flows: what was read and written, once, skipped, resumed, taken back."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from flow_project import Project

from catalog.errors import Conflict
from jobs.errors import InvalidParameters, RunConflict
from jobs.states import State
from lakectl import flow, lake, task


@task
def load(rows: int, into: str = "n.t") -> int:
    return int(lake().dataset(into).append(pd.DataFrame({"a": range(rows)})).version)


def test_a_run_tells_which_versions_it_read_and_which_it_wrote(project: Project) -> None:
    project.lake.dataset("n.source").append(pd.DataFrame({"a": [1]}))
    project.lake.dataset("n.source").append(pd.DataFrame({"a": [2]}))

    @flow
    def copies() -> None:
        old = lake().dataset("n.source").at("v1").to_pandas()
        lake().sql("SELECT count(*) FROM n.source")
        lake().dataset("n.copy").append(old)

    copies()
    history, run = project.lake.runs.history, project.last()
    assert [(r.dataset, r.version) for r in history.reads(run.id)] == [
        ("n.source", 1),
        ("n.source", 2),
    ]
    assert [(w.dataset, w.version, w.rows) for w in history.writes(run.id)] == [("n.copy", 1, 1)]
    (version,) = project.lake.versions("n.copy")
    assert version.run_id == run.id
    read = history.readers(project.lake.describe("n.source").id)
    assert {r.run_id for r in read} == {run.id}


def test_the_run_stands_in_the_snapshot_itself_for_any_engine(project: Project) -> None:
    @flow
    def writes() -> None:
        load(3)

    writes()
    dataset = project.lake.describe("n.t")
    told = json.loads(Path(dataset.metadata_location).read_text())
    summary = told["snapshots"][-1]["summary"]
    assert summary["lakectl.run-id"] == project.last().id


def test_what_a_subflow_wrote_counts_as_written_by_its_parent_too(project: Project) -> None:
    @flow
    def inner() -> None:
        load(2)

    @flow
    def outer() -> None:
        inner()

    outer()
    run = project.last()
    (write,) = project.lake.runs.history.writes(run.id)
    assert write.run_id != run.id


def test_a_task_that_failed_after_its_write_writes_once(project: Project) -> None:
    tries: list[int] = []

    @task(retries=2)
    def unlucky() -> None:
        load.fn(5)
        load.fn(1)
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError("after the write")

    @flow
    def etl() -> None:
        unlucky()

    etl()
    assert len(tries) == 3
    assert project.lake.describe("n.t").summary.rows == 6
    assert len(project.lake.versions("n.t")) == 2


def test_another_run_writes_again(project: Project) -> None:
    @flow
    def etl() -> None:
        load(5)

    etl()
    etl()
    assert project.lake.describe("n.t").summary.rows == 10


_RESUMED = """
    import os
    import pandas as pd
    from lakectl import flow, task, lake

    @task
    def extract(month):
        with open("extracts", "a") as out:
            out.write("x")
        return {"month": month, "rows": [1, 2, 3]}

    @task(persist_result=True)
    def clean(found):
        with open("cleans", "a") as out:
            out.write("x")
        return pd.DataFrame({"a": found["rows"]})

    @task
    def load(frame):
        lake().dataset("n.t").append(frame)
        if not os.path.exists("repaired"):
            raise ConnectionError("after the load")

    @flow
    def inner(month):
        load(clean(extract(month)))

    @flow
    def etl(month: int = 1):
        load(clean(extract(month)))

    @flow
    def outer():
        inner(2)
"""


@pytest.mark.parametrize("name", ["etl", "outer"])
def test_a_resumed_run_takes_over_what_was_finished_and_writes_nothing_twice(
    project: Project, name: str
) -> None:
    project.write(_RESUMED)
    runs = project.lake.runs
    failed = runs.start(name)
    assert failed.state is State.FAILED
    (project.root / "repaired").touch()
    done = runs.finish(runs.resume(failed.name))
    assert (done.state, done.resume_of, done.root) == (State.COMPLETED, failed.id, failed.root)
    assert (project.root / "extracts").read_text() == "x"
    assert (project.root / "cleans").read_text() == "x"
    assert project.lake.describe("n.t").summary.rows == 3
    if name == "etl":
        tasks = project.tasks(done)
        assert [t.cached for t in tasks.values()] == [True, True, False]
        assert tasks["extract-0"].reason == "taken over from the resumed run"
    with pytest.raises(RunConflict, match="nothing to resume"):
        runs.resume(done.name)


def test_a_run_is_done_again_with_its_parameters_or_with_others(project: Project) -> None:
    project.write("""
        from lakectl import flow
        @flow
        def etl(month: int, kind: str = "yellow"):
            return month
    """)
    runs = project.lake.runs
    first = runs.start("etl", {"month": 3})
    again = runs.finish(runs.rerun(first.name))
    other = runs.finish(runs.rerun(first.id, {"month": 4}))
    kept = [runs.history.details(r.id).parameters for r in (first, again, other)]
    assert kept == [{"month": m, "kind": "yellow"} for m in (3, 3, 4)]
    assert again.rerun_of == first.id


def test_undoing_a_run_puts_every_dataset_back(project: Project) -> None:
    project.lake.dataset("n.t").append(pd.DataFrame({"a": [1]}))

    @flow
    def etl() -> None:
        load(2)
        load(3)
        load(1, "n.new")

    etl()
    runs, run = project.lake.runs, project.last()
    assert {(e.dataset, e.to_version) for e in runs.effects(run.name)} == {
        ("n.t", 1),
        ("n.new", None),
    }
    runs.undo(run.name)
    assert project.lake.describe("n.t").summary.rows == 1
    assert [str(s.name) for s in project.lake.ls()] == ["n.t"]
    assert runs.effects(run.name) == []
    with pytest.raises(RunConflict, match="was taken back"):
        runs.resume(run.name)


def test_a_run_after_which_somebody_wrote_is_not_undone_and_it_says_who(project: Project) -> None:
    @flow
    def etl() -> None:
        load(2)
        load(2, "n.other")

    etl()
    run = project.last()
    project.lake.dataset("n.t").append(pd.DataFrame({"a": [9]}), message="by hand")
    with pytest.raises(Conflict, match="v2 was written since by append"):
        project.lake.runs.undo(run.name)
    assert project.lake.describe("n.other").summary.rows == 2


def test_a_run_whose_inputs_are_those_of_the_last_time_is_skipped_visibly(
    project: Project,
) -> None:
    project.lake.dataset("n.source").append(pd.DataFrame({"a": [1]}))
    done: list[int] = []

    @flow(skip_if_unchanged=True)
    def etl(kind: str = "a") -> None:
        done.append(len(lake().dataset("n.source").to_pandas()))

    etl()
    assert etl(return_state=True).state is State.SKIPPED
    run = project.last()
    assert run.state is State.SKIPPED
    assert (run.reason or "").endswith("n.source v1")
    etl("b")
    project.lake.dataset("n.source").append(pd.DataFrame({"a": [2]}))
    etl("b")
    assert done == [1, 1, 2]


def test_secrets_are_masked_wherever_a_run_tells_of_them(project: Project) -> None:
    secret = "hunter2-canary"
    path = project.write(f"""
        import base64, logging, os
        from pydantic import SecretStr
        from lakectl import flow, task, get_run_logger, artifact, progress

        @task(task_run_name="with-{{word}}")
        def uses(word):
            get_run_logger().error("token %s", word)
            raise ValueError(f"cannot connect to postgres://me:{{word}}@db/x with {{word}}")

        @flow
        def etl(password: SecretStr):
            word = password.get_secret_value()
            assert word == {secret!r}
            print("plain", word, base64.b64encode(word.encode()).decode())
            artifact(word, markdown="see " + word)
            for _ in progress([1], label=word):
                pass
            os.write(2, word.encode())
            uses(word)
    """)
    done = project.command("flow", "run", str(path), "-p", f"password={secret}")
    assert done.returncode == 1
    run = project.last()
    assert run.state is State.FAILED
    assert "********" in (run.reason or "")
    encoded = "aHVudGVyMi1jYW5hcn"
    told = done.stdout + done.stderr
    database = (project.root / ".lakectl" / "lake.db").read_bytes()
    for text in (secret, encoded):
        assert text not in told
        assert text.encode() not in database
    again = project.command("run", "rerun", run.name)
    assert again.returncode == 2
    assert "given a secret that is not kept: password" in again.stderr


def test_a_transform_binds_values_and_never_sql(project: Project) -> None:
    rows = {"kind": ["a", "b", "a'; DROP"], "n": [1, 2, 3]}
    project.lake.dataset("n.source").append(pa.table(rows))
    sql = project.root / "pick.sql"
    sql.write_text(
        "SELECT kind, sum(n)::BIGINT AS total FROM n.source "
        "WHERE kind IN (SELECT unnest({{ kinds }})) AND n < {{ most }} GROUP BY kind"
    )
    run = project.lake.runs.start(
        "transform",
        {"sql": "pick.sql", "into": "n.picked",
         "parameters": {"kinds": ["a", "a'; DROP"], "most": 10}},
    )  # fmt: skip
    assert run.state is State.COMPLETED, run.reason
    found = project.lake.dataset("n.picked").to_pandas().sort_values("kind")
    assert found.values.tolist() == [["a", 1], ["a'; DROP", 3]]
    history = project.lake.runs.history
    assert [(r.dataset, r.version) for r in history.reads(run.id)] == [("n.source", 1)]
    for bad in ("DROP TABLE x", "COPY (SELECT 1) TO 'x'", "SELECT {{ missing }}"):
        assert (
            project.lake.runs.start("transform", {"sql": bad, "into": "n.x"}).state is State.FAILED
        )


def _transform(project: Project, **more: Any) -> Any:
    return project.lake.runs.start(
        "transform",
        {
            "sql": "SELECT a * 10 AS b FROM n.source",
            "into": "n.tens",
            "incremental": "n.source",
            **more,
        },
    )


def test_an_incremental_transform_takes_in_every_version_once(project: Project) -> None:
    source = project.lake.dataset("n.source")
    source.append(pd.DataFrame({"a": [1]}))
    for number in (2, 3):
        assert _transform(project).state is State.COMPLETED
        source.append(pd.DataFrame({"a": [number]}))
    source.append(pd.DataFrame({"a": [4]}))
    _transform(project)
    _transform(project)
    tens = project.lake.dataset("n.tens").to_pandas().b.tolist()
    assert sorted(tens) == [10, 20, 30, 40]
    assert len(project.lake.versions("n.tens")) == 3
    # Taken back: the next run takes the same versions in again.
    project.lake.rollback("n.tens", 2)
    _transform(project)
    assert sorted(project.lake.dataset("n.tens").to_pandas().b.tolist()) == [10, 20, 30, 40]
    # The source did not only grow: everything is made anew.
    source.overwrite(pd.DataFrame({"a": [7]}))
    _transform(project)
    assert project.lake.dataset("n.tens").to_pandas().b.tolist() == [70]


def test_a_load_by_the_command_leaves_a_run(project: Project) -> None:
    (project.root / "x.csv").write_text("a,b\n1,2\n")
    done = project.command("ingest", "x.csv", "--into", "n.t")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    run = project.last()
    assert (run.flow, run.origin, run.state) == ("ingest", "ready:ingest", State.COMPLETED)
    assert project.lake.versions("n.t")[0].run_id == run.id
    assert project.command("ingest", "y.csv", "--into", "n.t").returncode == 3
    assert project.last().reason == f"NotFound: There is no file y.csv (in {project.root})."


def test_upkeep_removes_old_runs_and_keeps_the_newest(project: Project) -> None:
    @flow
    def etl() -> None:
        load(1)

    for _ in range(4):
        etl()
    run = project.lake.runs.start("upkeep", {"keep_runs_days": 0, "keep_runs": 2})
    assert run.state is State.COMPLETED, run.reason
    left = [r.flow for r in project.lake.runs.page()]
    assert left.count("etl") == 2
    assert project.lake.describe("n.t").summary.rows == 4


def test_a_signed_address_is_kept_without_its_signature(project: Project) -> None:
    address = "http://127.0.0.1:9/x.csv?X-Amz-Signature=abcdef&page=2&token=hush"
    done = project.command("ingest", address, "--into", "n.t")
    assert done.returncode != 0
    run = project.last()
    (kept,) = project.lake.runs.history.details(run.id).parameters["sources"]
    assert kept == "http://127.0.0.1:9/x.csv?X-Amz-Signature=********&page=2&token=********"
    assert "hush" not in str(run.reason)


def test_tags_of_a_run_are_added_to_those_of_its_flow(project: Project) -> None:
    project.write("from lakectl import flow\n@flow(tags=['nightly'])\ndef etl(): ...\n")
    done = project.command("flow", "run", "etl", "-t", "by-hand", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tags"] == ["nightly", "by-hand"]


def _after_a_kill(project: Project, text: str) -> list[Any]:
    """What a dataset holds after a flow that kills itself once and is tried again."""
    project.write(
        "import datetime as dt, os, time\nimport pandas as pd\n"
        "from lakectl import flow, task, lake\n\n"
        "def die_once():\n"
        "    if not os.path.exists('died'):\n"
        "        open('died', 'w').close()\n"
        "        os.kill(os.getpid(), 9)\n" + dedent(text)
    )
    run = project.lake.runs.start("etl")
    held = project.lake.dataset("n.t").to_pandas().a.tolist() if project.lake.ls() else []
    return [run.state.value, *sorted(held)]


def test_an_attempt_that_leaves_out_what_is_done_writes_the_rest(project: Project) -> None:
    assert _after_a_kill(
        project,
        """
        DAYS = [dt.date(2026, 1, day) for day in (1, 2, 3)]

        @task
        def load(day):
            lake().dataset("n.t").append(pd.DataFrame({"a": [day.day]}))

        @flow(retries=1)
        def etl():
            have = set(lake().dataset("n.t").to_pandas().a) if lake().ls() else set()
            for day in [day for day in DAYS if day.day not in have]:
                load(day)
                die_once()
        """,
    ) == ["COMPLETED", 1, 2, 3]


def test_frames_of_one_shape_are_never_taken_for_each_other(project: Project) -> None:
    assert _after_a_kill(
        project,
        """
        @task
        def load(frame):
            lake().dataset("n.t").append(frame)

        @flow(retries=1)
        def etl():
            left = [1, 2, 3] if not os.path.exists("died") else [2, 3]
            for number in left:
                load(pd.DataFrame({"a": [number]}))
                die_once()
        """,
    ) == ["FAILED", 1]
    assert "with other content" in str(project.last().reason)


def test_nested_tasks_are_known_by_the_task_that_calls_them(project: Project) -> None:
    assert _after_a_kill(
        project,
        """
        @task
        def inner(frame):
            lake().dataset("n.t").append(frame)

        @task
        def outer(number):
            first = not os.path.exists("died")
            time.sleep(.3 * (number if first else 3 - number))
            inner(pd.DataFrame({"a": [number]}))

        @flow(retries=1)
        def etl():
            futures = outer.map([1, 2])
            if not os.path.exists("died"):
                futures[0].wait()
            die_once()
            futures.result()
        """,
    ) == ["COMPLETED", 1, 2]


def test_a_future_is_known_by_its_task_and_not_by_its_place(project: Project) -> None:
    assert _after_a_kill(
        project,
        """
        @task
        def poll(number):
            return number

        @task
        def extract():
            return 7

        @task
        def load(number):
            lake().dataset("n.t").append(pd.DataFrame({"a": [number]}))

        @flow(retries=1)
        def etl():
            for number in range(3 if os.path.exists("died") else 1):
                poll(number)
            load.submit(extract.submit()).result()
            die_once()
        """,
    ) == ["COMPLETED", 7]


def test_a_source_that_was_rolled_back_makes_the_target_anew(project: Project) -> None:
    source = project.lake.dataset("n.source")
    source.append(pd.DataFrame({"a": [1]}))
    source.append(pd.DataFrame({"a": [2]}))
    _transform(project)
    project.lake.rollback("n.source", 1)
    source.append(pd.DataFrame({"a": [3]}))
    _transform(project)
    assert sorted(project.lake.dataset("n.tens").to_pandas().b.tolist()) == [10, 30]


def test_a_run_that_was_taken_back_is_not_skipped_the_next_time(project: Project) -> None:
    project.lake.dataset("n.source").append(pd.DataFrame({"a": [1]}))

    @flow(skip_if_unchanged=True)
    def etl() -> None:
        lake().dataset("n.out").append(lake().dataset("n.source").to_pandas())

    etl()
    project.lake.runs.undo("latest")
    assert etl(return_state=True).state is State.COMPLETED


def test_values_that_would_reach_the_process_as_others_are_refused(project: Project) -> None:
    project.write("from lakectl import flow\n@flow\ndef etl(thing, more: bytes = b''): ...\n")
    for values in ({"thing": {1: "a"}}, {"thing": 1, "more": b"\xff"}):
        with pytest.raises(InvalidParameters, match="does not reach another process"):
            project.lake.runs.start("etl", values)
    assert project.lake.runs.start("etl", {"thing": {"a": [1, None]}}).state is State.COMPLETED
