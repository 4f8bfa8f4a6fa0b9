"""The lake from Python: datasets as objects, and a DuckDB connection that knows them by name."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from lake_shell import Shell, environment

import lakectl


@pytest.fixture
def own(lake: Shell) -> Iterator[lakectl.Lake]:
    """An empty lake, open in this process."""
    with lakectl.open(lake.cwd) as opened:
        yield opened


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (pd.DataFrame({"a": pd.period_range("2020-01", periods=2, freq="M")}), "period of pandas"),
        (pd.DataFrame({"a": [1, "x"]}), "Could not convert 'x'"),
        (pd.DataFrame({"a": [2**70]}), "too large"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "Duplicate column names"),
        (pd.DataFrame({"a": [1 + 2j]}), "column a"),
        (pd.Series([1]), "cannot be turned into Arrow"),
        (pa.table({}), "no columns"),
        ([1, 2], "A list cannot be loaded"),
    ],
)
def test_a_frame_that_cannot_be_kept_is_refused_in_a_sentence(
    own: lakectl.Lake, frame: object, told: str
) -> None:
    with pytest.raises(lakectl.LakeError, match=told):
        own.dataset("nyc.trips").append(frame)
    assert own.ls() == []


def test_what_a_call_says_itself_is_no_option(own: lakectl.Lake) -> None:
    trips = own.dataset("nyc.trips")
    for option in ({"mode": "overwrite"}, {"into": "nyc.other"}):
        with pytest.raises(lakectl.LakeError, match="There is no option"):
            trips.append(pa.table({"a": [1]}), **option)
    trips.append(pa.table({"a": [1]}))
    with pytest.raises(lakectl.LakeError, match="no version 99"):
        trips.at(99).describe()


def test_a_dataset_is_written_and_read_as_frames(own: lakectl.Lake) -> None:
    trips = own.dataset("nyc.trips")
    frame = pd.DataFrame({"id": [1, 2], "city": ["Oslo", None], "fare": [1.5, 2.5]})
    first = trips.append(frame, message="one")
    assert (first.version, first.rows_added, first.rows) == (1, 2, 2)
    trips.append(pa.table({"id": [3], "city": ["Rome"], "fare": [3.5]}))
    batch = pa.record_batch({"id": [4], "city": ["Bonn"], "fare": [4.5]})
    trips.append(batch)
    trips.append(pa.RecordBatchReader.from_batches(batch.schema, [batch, batch]))
    assert trips.to_arrow().num_rows == 6
    assert trips.to_pandas()["fare"].sum() == pytest.approx(1.5 + 2.5 + 3.5 + 3 * 4.5)
    assert [v.version for v in trips.versions()] == [4, 3, 2, 1]
    assert trips.versions()[-1].message == "one"

    merged = trips.merge(
        pa.table({"id": [1, 9], "city": ["Ulm", "Ulm"], "fare": [0.5, 9.0]}), ["id"]
    )
    assert (merged.rows_added, merged.rows) == (2, 7)
    assert trips.at(1).to_pandas()["city"].tolist()[0] == "Oslo"
    assert trips.at("v2").to_arrow().num_rows == 3
    trips.overwrite(pa.table({"id": [7], "city": ["Graz"], "fare": [7.0]}))
    assert trips.to_arrow().to_pylist() == [{"id": 7, "city": "Graz", "fare": 7.0}]
    assert trips.at(5).to_arrow().num_rows == 7
    assert trips.preview(1).rows == ((7, "Graz", 7),)
    assert "nyc.trips at 1" in repr(trips.at(1))


def test_what_cannot_be_is_refused_as_an_error_of_the_lake(own: lakectl.Lake) -> None:
    trips = own.dataset("nyc.trips")
    with pytest.raises(lakectl.NotFound):
        trips.to_arrow()
    trips.append(pa.table({"id": [1]}))
    with pytest.raises(lakectl.InvalidInput, match="past version"):
        trips.at(1).append(pa.table({"id": [1]}))
    with pytest.raises(lakectl.InvalidInput, match="cannot be loaded"):
        trips.append([{"id": 1}])
    with pytest.raises(lakectl.SchemaConflict):
        trips.append(pa.table({"id": ["x"]}))
    with pytest.raises(lakectl.SchemaConflict):
        trips.append(pa.table({"id": [1], "new": [1]}))
    with pytest.raises(lakectl.InvalidName):
        own.dataset("nope")
    with pytest.raises(lakectl.InvalidInput):
        trips.append(pa.table({"id": [1]}), schema="anything")
    with pytest.raises(lakectl.LakeError):
        trips.append(pa.table({"d": pa.array([10**60], pa.decimal256(70, 2))}))
    assert trips.to_arrow().num_rows == 1


def test_a_null_column_of_a_frame_takes_the_type_that_is_there(own: lakectl.Lake) -> None:
    trips = own.dataset("nyc.trips")
    trips.append(pd.DataFrame({"id": [1], "fare": [1.5], "city": ["Oslo"]}))
    trips.append(pd.DataFrame({"id": [2], "fare": [None], "city": [None]}))
    rows = trips.to_arrow().to_pylist()
    assert rows[1] == {"id": 2, "fare": None, "city": None}


def test_a_write_with_a_key_of_the_callers_own_lands_once(own: lakectl.Lake) -> None:
    trips = own.dataset("nyc.trips")
    rows = pa.table({"id": [1, 2]})
    for _ in range(3):
        report = trips.append(rows, write_key="load-2026-01-01")
        assert (report.version, report.rows) == (1, 2)
    assert trips.to_arrow().num_rows == 2


def test_every_dataset_is_there_by_name_in_a_connection(own: lakectl.Lake) -> None:
    root = own.settings.root
    for number in range(300):
        name = f"n{number % 3}.d{number:03d}"
        if number < 4:
            own.dataset(name).append(pa.table({"v": [number], "w": [number * 10]}))
    _copy_rows(root, 300)
    with lakectl.connect(root) as con:
        listed = con.sql("SELECT count(*) FROM duckdb_views() WHERE NOT internal").fetchall()
        assert listed == [(300,)]
        assert con.sql("SELECT v, w FROM n1.d001").fetchall() == [(1, 10)]
        joined = "SELECT a.v + b.v FROM n0.d000 a CROSS JOIN n2.d002 b"
        assert con.sql(joined).fetchall() == [(2,)]


def _copy_rows(root: Path, total: int) -> None:
    """Give the lake 300 names: rows of our tables copied, so that no name costs a commit."""
    import sqlite3

    with sqlite3.connect(root / ".lakectl/lake.db") as store:
        cursor = store.execute("SELECT * FROM datasets LIMIT 1")
        columns = [c[0] for c in cursor.description]
        row = dict(zip(columns, cursor.fetchone(), strict=True))
        pointer = store.execute("SELECT * FROM iceberg_tables LIMIT 1").fetchone()
        for number in range(4, total):
            namespace, name = f"n{number % 3}", f"d{number:03d}"
            new = {**row, "id": f"{number:032x}", "namespace": namespace, "name": name}
            marks = ", ".join("?" for _ in columns)
            store.execute(f"INSERT INTO datasets VALUES ({marks})", [new[c] for c in columns])
            store.execute(
                "INSERT INTO iceberg_tables VALUES (?, ?, ?, ?, ?, ?)",
                [pointer[0], namespace, name, *pointer[3:]],
            )
    store.close()


def test_a_connection_left_open_says_nothing_at_the_end(own: lakectl.Lake) -> None:
    own.dataset("nyc.trips").append(pa.table({"id": [1, 2]}))
    root = own.settings.root
    script = f"import lakectl; con = lakectl.connect({str(root)!r}); "
    script += "print(con.sql('SELECT count(*) FROM nyc.trips').fetchall())"
    words = [sys.executable, "-c", script]
    ran = subprocess.run(words, env=environment(root), capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("[(2,)]\n", "")


def test_a_connection_sees_new_versions_and_old_ones(own: lakectl.Lake) -> None:
    trips = own.dataset("nyc.trips")
    trips.append(pa.table({"id": [1, 2]}))
    own.tag("nyc.trips", "gold")
    con = lakectl.connect(own.settings.root)
    assert con.sql("SELECT count(*) FROM nyc.trips").fetchall() == [(2,)]
    trips.append(pa.table({"id": [3], "x": ["new"]}), schema="evolve")
    for query, expected in (
        ("SELECT count(*) FROM lake_at('nyc.trips', 1)", 2),
        ("SELECT count(*) FROM lake_at('nyc.trips', 'gold')", 2),
        ("SELECT count(*) FROM lake_at('nyc.trips', 'v2')", 3),
    ):
        assert con.sql(query).fetchall() == [(expected,)], query
    con.close()
    with lakectl.connect(own.settings.root) as newer:
        assert newer.sql("SELECT count(*), count(x) FROM nyc.trips").fetchall() == [(3, 1)]


def test_importing_the_package_costs_next_to_nothing(tmp_path: Path) -> None:
    heavy = "{'duckdb', 'pyarrow', 'pyiceberg', 'pandas', 'sqlalchemy', 'textual', 'catalog'}"
    code = f"import sys, lakectl; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


def test_a_users_own_package_of_our_name_does_not_break_the_command(
    trips: Shell, tmp_path: Path
) -> None:
    for name in ("catalog", "jobs", "screens"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('theirs')\n")
    shutil.copy(trips.cwd / "trips.csv", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "lakectl", "--lake", str(trips.cwd), "ls", "-o", "json"],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert '"nyc.trips"' in done.stdout
