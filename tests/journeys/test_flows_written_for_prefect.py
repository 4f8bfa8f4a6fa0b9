"""Flow files written for Prefect, with its usual arguments, run with their import lines changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flow_project import Project

from jobs.states import State
from lakectl.root import init_lake, open_lake

_IMPORTS = (
    (r"from prefect\.tasks import (.*)", r"from lakectl import \1"),
    (r"from prefect\.task_runners import (.*)", r"from lakectl import \1"),
    (r"from prefect import (.*)", r"from lakectl import \1"),
)
_ETL = '''
from time import sleep
import pandas as pd
from prefect import flow, task, get_run_logger
from prefect.tasks import task_input_hash
from datetime import timedelta


@task(log_prints=True, tags=["extract"], retries=3, retry_delay_seconds=0,
      cache_key_fn=task_input_hash, cache_expiration=timedelta(days=1))
def extract_data(url: str) -> pd.DataFrame:
    """Read raw trips."""
    print(f"reading {url}")
    return pd.DataFrame({"trip": [1, 2, 3, 4], "passenger_count": [0, 1, 2, 0]})


@task(log_prints=True)
def transform_data(df: pd.DataFrame) -> pd.DataFrame:
    print(f"pre: missing passenger count: {df['passenger_count'].isin([0]).sum()}")
    df = df[df["passenger_count"] != 0]
    print(f"post: missing passenger count: {df['passenger_count'].isin([0]).sum()}")
    return df


@task(log_prints=True, retries=3, name="Load data")
def load_data(table_name: str, df: pd.DataFrame) -> None:
    from lakectl import lake
    lake().dataset(table_name).append(df)


@flow(name="Subflow", log_prints=True)
def log_subflow(table_name: str) -> str:
    print(f"Logging Subflow for: {table_name}")
    return table_name


@flow(name="Ingest Data", description="Load yellow trips.", version="1")
def main_flow(table_name: str = "ny.yellow") -> None:
    log_subflow(table_name)
    raw = extract_data("s3://nowhere/trips.csv.gz")
    data = transform_data(raw)
    load_data(table_name, data)
    get_run_logger().info("all done")


if __name__ == "__main__":
    main_flow(table_name="ny.green")
'''
_PARENT = """
from prefect import flow, task, unmapped
from prefect.task_runners import ConcurrentTaskRunner
import pandas as pd


@task(retries=2)
def fetch(url: str) -> pd.DataFrame:
    return pd.DataFrame({"url": [url]})


@task()
def write_local(df: pd.DataFrame, color: str, name: str) -> str:
    return f"{color}/{name}-{len(df)}"


@flow(task_runner=ConcurrentTaskRunner())
def etl_web_to_lake(year: int, month: int, color: str) -> str:
    name = f"{color}_tripdata_{year}-{month:02}"
    df = fetch.submit(f"https://nowhere/{color}/{name}.csv.gz")
    path = write_local.submit(df, color, name, wait_for=[df])
    return path.result()


@flow()
def etl_parent_flow(months: list[int] = [1, 2], year: int = 2021, color: str = "yellow"):
    return [etl_web_to_lake(year, month, color) for month in months]


@task
def add(a, b):
    return a + b


@flow
def mapped():
    return add.map([1, 2, 3], unmapped(10))
"""
_FAILING = """
from prefect import flow, task

calls = []

@task(retries=3, retry_delay_seconds=[0, 0.1, 0.1])
def source():
    calls.append(1)
    if len(calls) < 3:
        raise ConnectionError("the source is away")
    return len(calls)

@task
def always_fails():
    raise ValueError("for good")

@flow(retries=1, retry_delay_seconds=0)
def load_flow():
    state = always_fails(return_state=True)
    assert state.is_failed()
    assert state.name == "Failed"
    return source()
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Return a lake of its own."""
    init_lake(tmp_path / "lake")
    with open_lake(tmp_path / "lake") as lake:
        yield Project(tmp_path / "lake", lake)


def _moved(text: str) -> str:
    for pattern, ours in _IMPORTS:
        text = re.sub(pattern, ours, text)
    assert "prefect" not in text.lower()
    return text


def test_an_etl_with_a_dirty_column_and_a_subflow(project: Project) -> None:
    project.write(_moved(_ETL), "ingest_data.py")
    done = project.command("flow", "run", "flows/ingest_data.py:main_flow", "-p", "table_name=n.t")
    assert done.returncode == 0, done.stderr
    assert "Task run 'transform_data-0' - pre: missing passenger count: 2" in done.stderr
    assert "Task run 'Load data-0' - Finished in state Completed()" in done.stderr
    assert project.lake.dataset("n.t").to_pandas().trip.tolist() == [2, 3]
    again = project.command("flow", "run", "Ingest Data", "-p", "table_name=n.t")
    assert "Finished in state Cached(" in again.stderr
    assert again.stderr.count("reading s3://") == 0


def test_it_runs_as_a_script_too(project: Project) -> None:
    import subprocess
    import sys

    path = project.write(_moved(_ETL), "ingest_data.py")
    done = subprocess.run(
        [sys.executable, str(path)], cwd=project.root, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert project.last().flow == "Ingest Data"
    assert project.lake.describe("ny.green").summary.rows == 2


def test_a_parametrised_parent_with_months_year_and_colour(project: Project) -> None:
    project.write(_moved(_PARENT), "parametrised.py")
    run = project.lake.runs.start("etl-parent-flow", {"months": [1, 2, 3], "color": "green"})
    assert run.state is State.COMPLETED, run.reason
    lines = project.tasks(run)
    assert list(lines) == [f"etl-web-to-lake-{n}" for n in range(3)]
    child = project.last(lines["etl-web-to-lake-2"].child_run or "")
    assert sorted(project.tasks(child)) == ["fetch-0", "write_local-0"]
    mapped = project.lake.runs.start("mapped")
    assert mapped.state is State.COMPLETED, mapped.reason


def test_retries_with_a_failing_source(project: Project) -> None:
    project.write(_moved(_FAILING), "failing.py")
    run = project.lake.runs.start("load-flow")
    assert (run.state, run.attempt) == (State.COMPLETED, 1), run.reason
    assert project.tasks(run)["source-0"].attempt == 3


def test_the_example_of_init_runs(project: Project) -> None:
    made = project.command("init", str(project.root / "other"), "--example", "taxi")
    assert made.returncode == 0, made.stderr
    with open_lake(project.root / "other") as lake:
        run = lake.runs.start("taxi", {"months": [1, 2], "trips": 50})
        assert run.state is State.COMPLETED, lake.runs.history.details(run.id).error
        assert lake.describe("nyc.trips").summary.version == 2
