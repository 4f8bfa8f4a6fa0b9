"""An engine that shares no code with ours reads every table of a nasty lake as we do."""

from __future__ import annotations

import datetime
import decimal
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from independent_reader import IndependentReader
from lake_builder import load, opened
from lake_shell import Shell

import lakectl
from catalog.altering import Annotation
from catalog.schema import SchemaPolicy
from catalog.types import text_of

D = decimal.Decimal
_DAY = datetime.datetime.fromisoformat("1969-12-31T23:59:59.999999")


def _events(start: int, count: int) -> pa.Table:
    """Rows with a column for every transform; before 1970 and NULL among the values."""
    numbers = range(start, start + count)
    moments = [_DAY + datetime.timedelta(hours=n * 397 - 5000) for n in numbers]
    zone = datetime.UTC
    return pa.table(
        {
            "id": pa.array(list(numbers), pa.int64()),
            "small": pa.array([None if n % 7 == 0 else n - 20 for n in numbers], pa.int32()),
            "text": [None if n % 9 == 0 else f"ä*?[{n % 4}]" * (n % 3) for n in numbers],
            "at": pa.array(
                [None if n % 11 == 0 else m for n, m in zip(numbers, moments, strict=True)],
                pa.timestamp("us"),
            ),
            "seen": pa.array([m.replace(tzinfo=zone) for m in moments], pa.timestamp("us", "UTC")),
            "day": pa.array([m.date() for m in moments], pa.date32()),
            "price": pa.array([D(n * 37 - 900).scaleb(-2) for n in numbers], pa.decimal128(9, 2)),
        }
    )


def _plain(lake: lakectl.Lake, folder: Path) -> None:
    data = lake.dataset("nasty.plain")
    data.append(_events(0, 50))
    data.append(_events(50, 10))


_PARTS = {
    "by_text": ("text",),
    "by_day_column": ("day",),
    "by_year": ("year(day)",),
    "by_month": ("month(at)",),
    "by_day": ("day(seen)",),
    "by_hour": ("hour(at)",),
    "by_bucket": ("bucket(4, id)", "bucket(3, text)", "bucket(3, price)", "bucket(3, at)"),
    "by_truncate": ("truncate(10, small)", "truncate(2, text)", "truncate(100, price)"),
}


def _partitioned(name: str) -> Callable[[lakectl.Lake, Path], None]:
    def build(lake: lakectl.Lake, folder: Path) -> None:
        data = lake.dataset(f"nasty.{name}")
        data.append(_events(0, 40), partition_by=_PARTS[name])
        data.append(_events(40, 20))
        changed = _events(35, 10).set_column(1, "small", pa.array([5] * 10, pa.int32()))
        data.merge(changed, key=["id"])

    return build


def _evolved(lake: lakectl.Lake, folder: Path) -> None:
    data = lake.dataset("nasty.evolved")
    data.append(pa.table({"a": pa.array([1, None], pa.int32()), "b": ["x", ""]}))
    data.append(pa.table({"b": ["y"], "c": [2.5]}), schema="evolve")
    data.append(
        pa.table({"c": [None, 1.0], "a": pa.array([2**40, 3], pa.int64()), "b": [None, "z"]}),
        schema="evolve",
    )


def _widened(lake: lakectl.Lake, folder: Path) -> None:
    data = lake.dataset("nasty.widened")
    first = {"i": pa.array([1, -5], pa.int32()), "f": pa.array([0.5, None], pa.float32())}
    data.append(pa.table(first | {"d": pa.array([D("1.25"), None], pa.decimal128(5, 2))}))
    then = {"i": pa.array([2**40], pa.int64()), "f": pa.array([1e300], pa.float64())}
    data.append(
        pa.table(then | {"d": pa.array([D("12345678901234567890.25")], pa.decimal128(38, 2))}),
        schema="widen",
    )


def _nested(lake: lakectl.Lake, folder: Path) -> None:
    one = {
        "id": 1,
        "who": {"name": "Ann", "tags": [{"k": "a"}, {"k": None}]},
        "m": [[1, 2], [], None],
    }
    two = {"id": 2, "who": {"name": None, "tags": None}, "m": None}
    three = {
        "id": 3,
        "who": {"name": "Cid", "tags": [{"k": "c", "n": 1.5}], "age": 7},
        "m": [[None, 3]],
    }
    for number, rows in enumerate(([one, two], [three])):
        path = folder / f"n{number}.ndjson"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        load(lake, "nasty.nested", path, schema=SchemaPolicy.EVOLVE)


def _maps(lake: lakectl.Lake, folder: Path) -> None:
    kind = pa.map_(pa.string(), pa.int64())
    rows = pa.array([[("a", 1), ("b", None)], [], None], kind)
    lake.dataset("nasty.maps").append(pa.table({"id": [1, 2, 3], "m": rows}))


def _merged(lake: lakectl.Lake, folder: Path) -> None:
    data = lake.dataset("nasty.merged")
    data.append(_events(0, 30))
    data.append(_events(30, 30))
    data.merge(_events(25, 10).drop_columns(["seen"]), key=["id"], schema="evolve")
    data.merge(_events(100, 2), key=["id", "day"])


def _overwritten(lake: lakectl.Lake, folder: Path) -> None:
    data = lake.dataset("nasty.overwritten")
    data.append(_events(0, 30))
    data.overwrite(_events(500, 5))


def _rolled_back(lake: lakectl.Lake, folder: Path) -> None:
    data = lake.dataset("nasty.rolled_back")
    data.append(_events(0, 5))
    data.append(_events(5, 5).append_column("extra", pa.array(["x"] * 5)), schema="evolve")
    lake.rollback("nasty.rolled_back", 1)


def _rolled_back_and_on(lake: lakectl.Lake, folder: Path) -> None:
    data = lake.dataset("nasty.rolled_on")
    data.append(_events(0, 5))
    data.append(_events(5, 5))
    lake.tag("nasty.rolled_on", "kept")
    lake.rollback("nasty.rolled_on", 1)
    data.append(_events(20, 3))


def _quarantine(lake: lakectl.Lake, folder: Path) -> None:
    path = folder / "dirty.csv"
    path.write_text(
        "id,n\n" + "".join(f"{n},{n}\n" for n in range(50)) + "x,1\n7\n", encoding="utf-8"
    )
    load(lake, "nasty.dirty", path, on_bad_row="quarantine")


_ODD = ["a b", 'quo"te', "it's", "do.t", "Größe", "select", "x\ty", "日本", "-", "a/b*?[z]", "%20"]


def _odd_columns(lake: lakectl.Lake, folder: Path) -> None:
    columns = {name: [number, None, -number] for number, name in enumerate(_ODD)}
    lake.dataset("nasty.odd").append(pa.table(columns), partition_by=["bucket(2, a b)"])


def _floats(lake: lakectl.Lake, folder: Path) -> None:
    nan, inf = float("nan"), float("inf")
    rows = {"id": [1, 2, 3, 4, 5, 6], "x": [nan, inf, -inf, -0.0, 5e-324, None]}
    lake.dataset("nasty.floats").append(
        pa.table(rows | {"t": ["", None, "NULL", "nan", " ", "\n"]})
    )


def _times(lake: lakectl.Lake, folder: Path) -> None:
    edges = [
        datetime.datetime.fromisoformat("0001-01-01"),
        datetime.datetime.fromisoformat("9999-12-31T23:59:59.999999"),
        _DAY,
    ]
    lake.dataset("nasty.times").append(
        pa.table(
            {
                "at": pa.array(edges, pa.timestamp("us")),
                "seen": pa.array(
                    [e.replace(tzinfo=datetime.UTC) for e in edges], pa.timestamp("us", "UTC")
                ),
                "day": pa.array([e.date() for e in edges], pa.date32()),
                "clock": pa.array([e.time() for e in edges], pa.time64("us")),
                "raw": [b"\x00\xff", b"", None],
            }
        )
    )


def _renamed(lake: lakectl.Lake, folder: Path) -> None:
    lake.dataset("nasty.before").append(_events(0, 5))
    lake.rename("nasty.before", "other.after")
    lake.dataset("other.after").append(_events(5, 5))


def _annotated(lake: lakectl.Lake, folder: Path) -> None:
    lake.dataset("nasty.annotated").append(_events(0, 5))
    said = Annotation(
        owner="Ann", description='It\'s\n"odd"', labels={"team": "ü"}, columns={"id": "doc"}
    )
    lake.annotate("nasty.annotated", said)


def _shrunk(lake: lakectl.Lake, folder: Path) -> None:
    data = lake.dataset("nasty.shrunk")
    data.append(_events(0, 5))
    data.overwrite(_events(1, 2))


_BUILDERS: dict[str, Callable[[lakectl.Lake, Path], None]] = {
    "nasty.plain": _plain,
    **{f"nasty.{name}": _partitioned(name) for name in _PARTS},
    "nasty.evolved": _evolved,
    "nasty.widened": _widened,
    "nasty.nested": _nested,
    "nasty.maps": _maps,
    "nasty.merged": _merged,
    "nasty.overwritten": _overwritten,
    "nasty.rolled_back": _rolled_back,
    "nasty.rolled_on": _rolled_back_and_on,
    "nasty.dirty": _quarantine,
    "nasty.dirty_quarantine": lambda lake, folder: None,
    "nasty.odd": _odd_columns,
    "nasty.floats": _floats,
    "nasty.times": _times,
    "other.after": _renamed,
    "nasty.annotated": _annotated,
    "nasty.shrunk": _shrunk,
}


@pytest.fixture(scope="module")
def nasty(fresh_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A lake in which everything that ever went wrong elsewhere is to be found."""
    folder = tmp_path_factory.mktemp("nasty") / "lake"
    shutil.copytree(fresh_lake, folder)
    with opened(folder) as lake:
        for build in _BUILDERS.values():
            build(lake, tmp_path_factory.mktemp("sources"))
    return Shell(folder)


def _query(columns: list[tuple[str, str]], table: str) -> str:
    """Every value as text: each side writes it by the rules of its own version of DuckDB."""
    shown = []
    for name, kind in columns:
        quoted = '"' + name.replace('"', '""') + '"'
        as_text = f"hex({quoted})" if kind == "binary" else f"CAST({quoted} AS VARCHAR)"
        shown.append(f"coalesce({as_text}, '<null>') AS c{len(shown)}")
    return f"SELECT {', '.join(shown)} FROM {table} ORDER BY ALL"


@pytest.mark.parametrize("name", list(_BUILDERS))
def test_an_independent_reader_sees_the_same_rows(
    nasty: Shell, oracle: IndependentReader, name: str
) -> None:
    with opened(nasty.cwd) as lake:
        dataset = lake.describe(name)
        columns = [(f.name, text_of(f.type)) for f in dataset.schema.fields]
    ours = [tuple(row.values()) for row in nasty.sql(_query(columns, name))]
    theirs = oracle.read(dataset.metadata_location, _query(columns, "t"))
    assert len(ours) == dataset.summary.rows > 0
    assert ours == theirs


def test_counts_and_sums_agree_and_are_right(nasty: Shell, oracle: IndependentReader) -> None:
    sums = "SELECT count(*) AS c, sum(id) AS i, sum(small) AS s, sum(price)::VARCHAR AS p FROM "
    with opened(nasty.cwd) as lake:
        for name in [f"nasty.{part}" for part in _PARTS]:
            ours = lake.sql(sums + name).rows[0]
            (theirs,) = oracle.read(lake.describe(name).metadata_location, sums + "t")
            assert ours == theirs
            assert ours[:2] == (60, sum(range(60))), name


def test_the_independent_reader_sees_past_versions_too(
    nasty: Shell, oracle: IndependentReader
) -> None:
    with opened(nasty.cwd) as lake:
        location = lake.describe("nasty.merged").metadata_location
        for version in lake.versions("nasty.merged"):
            at = version.snapshot_id
            asked = f"SELECT count(*) FROM iceberg_scan('{location}', snapshot_from_id => {at})"
            assert oracle.read(location, asked) == [(version.rows,)]
            ours = lake.sql(f"SELECT count(*) FROM nasty.merged AT (VERSION => {version.version})")
            assert ours.rows == ((version.rows,),)
