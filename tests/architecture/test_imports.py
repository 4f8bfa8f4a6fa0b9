"""What a command imports is what it costs: browsing must not pay for engines it does not use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from catalog.ingest import IngestRequest
from jobs.builtin.upkeep import upkeep
from lakectl.root import init_lake, open_lake

_HEAVY = ("duckdb", "gcsfs", "pandas", "pyarrow", "pyiceberg", "sqlalchemy", "textual")
_RUN = """
import json, os, sys
os._exit = sys.exit  # a command lets go of its process at the end; here it is asked first
arguments, said = json.loads(sys.argv[1]), 0
sys.argv = ["lakectl", *arguments]
from lakectl.__main__ import main
try: main()
except SystemExit as leaving: said = leaving.code or 0
tops = {name.split(".")[0] for name in sys.modules}
sys.stderr.write("\\n@@" + json.dumps([said, sorted(tops)]))
"""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a lake with one dataset."""
    root = tmp_path_factory.mktemp("imports")
    init_lake(root / "lake")
    (root / "a.csv").write_text("a,b\n1,x\n")
    with open_lake(root / "lake") as opened:
        opened.ingest(IngestRequest(into="nyc.trips", sources=(str(root / "a.csv"),)))
        opened.runs.run_here(upkeep, {})
    return root / "lake"


def _imported(lake: Path, *arguments: str) -> tuple[int, set[str], str]:
    """The exit code, the top-level modules that a command has imported, and what it printed."""
    words = json.dumps(list(arguments))
    ran = subprocess.run(
        [sys.executable, "-c", _RUN, words], cwd=lake, capture_output=True, text=True, check=False
    )
    code, modules = json.loads(ran.stderr.rpartition("@@")[2])
    return code, set(modules), ran.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["ingest", "--help"],
        ["ls"],
        ["ls", "-o", "json"],
        ["show", "nyc.trips"],
        ["versions", "nyc.trips"],
        ["schema", "nyc.trips"],
        ["schema", "nyc.trips", "--history"],
        ["search", "trips"],
        ["run", "ls"],
        ["run", "show", "latest"],
        ["run", "logs", "latest", "-o", "json", "--level", "debug"],
        ["flow", "run", "--help"],
    ],
    ids=" ".join,
)
def test_browsing_imports_nothing_heavy(lake: Path, arguments: list[str]) -> None:
    code, modules, out = _imported(lake, *arguments)
    assert code == 0
    assert out.strip()
    assert modules.isdisjoint(_HEAVY), modules & set(_HEAVY)


def test_a_query_imports_duckdb_and_nothing_else_that_is_heavy(lake: Path) -> None:
    code, modules, out = _imported(lake, "sql", "SELECT sum(a) AS s FROM nyc.trips", "-o", "json")
    assert (code, json.loads(out)) == (0, [{"s": 1}])
    assert modules & set(_HEAVY) == {"duckdb"}


@pytest.mark.parametrize(
    "arguments", [["preview", "nyc.trips"], ["stats", "nyc.trips"]], ids=" ".join
)
def test_reading_imports_neither_pyiceberg_nor_sqlalchemy(lake: Path, arguments: list[str]) -> None:
    code, modules, _ = _imported(lake, *arguments)
    assert code == 0
    assert modules.isdisjoint({"pyiceberg", "sqlalchemy", "pyarrow", "pandas", "textual"})


def test_the_version_is_told_without_the_command_line_parser(lake: Path) -> None:
    _, modules, _ = _imported(lake, "--version")
    assert modules.isdisjoint({"click", "catalog", "jobs", "screens", "json" and "rich"})


def test_importing_lakectl_costs_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules); import lakectl; print(*set(sys.modules) - before)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    allowed = {"lakectl", "__future__", "typing"}
    tops = {name.split(".")[0] for name in ran.stdout.split()}
    assert not tops & {*_HEAVY, "click", "catalog", "jobs", "screens", "asyncio"}
    assert "lakectl" in tops | allowed


def test_opening_a_lake_and_listing_it_imports_nothing_heavy(lake: Path) -> None:
    code = (
        "import sys, lakectl; lake = lakectl.open(); lake.ls(); lake.describe('nyc.trips');"
        "lake.versions('nyc.trips'); lake.search('a'); lake.change_token(); lake.close();"
        "print(*{m.split('.')[0] for m in sys.modules})"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=lake, capture_output=True, text=True, check=True
    )
    assert set(ran.stdout.split()).isdisjoint(_HEAVY)


def test_a_write_to_sqlite_does_not_import_the_dialect_of_postgres() -> None:
    words = "import catalog.metadata.records, sys; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    modules = ran.stdout.split()
    assert "sqlalchemy.dialects.sqlite" in modules
    assert "sqlalchemy.dialects.postgresql" not in modules
