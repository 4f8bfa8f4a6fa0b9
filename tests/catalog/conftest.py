"""A fresh lake for every test, and short ways to fill it and to look into it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import hypothesis
import pyarrow as pa
import pytest
from stories import reopened, store_of

from catalog.engine import session
from catalog.ingest import IngestRequest
from catalog.model import IngestReport
from lakectl.root import Lake, init_lake, open_lake

hypothesis.settings.register_profile(
    "lake",
    deadline=None,  # a shared machine
    max_examples=50,
    derandomize=True,  # the same examples everywhere: a red run is red again
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.load_profile("lake")

Put = Callable[..., IngestReport]
Rows = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """Return a lake in a folder of this test, opened."""
    init_lake(tmp_path / "lake")
    with open_lake(tmp_path / "lake") as opened:
        yield opened


@pytest.fixture
def put(lake: Lake, tmp_path: Path) -> Put:
    """Return a function that writes a file and loads it: `put("n.t", "a\\n1\\n", **options)`."""

    def load(into: str, content: str | bytes, file: str = "source.csv", **options: Any) -> Any:
        path = tmp_path / file
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return lake.ingest(IngestRequest(into=into, sources=(str(path),), **options))

    return load


@pytest.fixture
def rows(lake: Lake) -> Rows:
    """Return a function that gives the rows of a dataset at a version, in the order of its text."""

    def read(name: str, at: str | int | None = None) -> list[dict[str, Any]]:
        return sorted(lake.to_arrow(name, at).to_pylist(), key=str)

    return read


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """Return a DuckDB connection as the lake opens them."""
    opened = session.connect()
    yield opened
    opened.close()


@pytest.fixture
def put_back(lake: Lake, tmp_path: Path) -> Iterator[Callable[[], Lake]]:
    """Return a function that puts the store back as it was when the fixture was made."""
    lake.dataset("n.t").append(pa.table({"id": [0]}))
    shutil.copy(store_of(lake), tmp_path / "old.db")
    opened: list[Lake] = []

    def old() -> Lake:
        lake.close()
        shutil.copy(tmp_path / "old.db", store_of(lake))
        opened.append(reopened(lake))
        return opened[-1]

    yield old
    for one in opened:
        one.close()
