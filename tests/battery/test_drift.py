"""Data that change their shape in the middle of a load: the policy is applied, to all or none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from battery_table import Figure
from lake_builder import broken_rules, bytes_of, load, opened

import lakectl
from catalog.errors import LakeError
from catalog.types import text_of

_ASIDE = {"on_bad_row": "quarantine"}


@pytest.fixture
def drifting(fresh_lake: Path, tmp_path: Path) -> Iterator[lakectl.Lake]:
    import shutil

    shutil.copytree(fresh_lake, tmp_path / "lake")
    with opened(tmp_path / "lake") as lake:
        yield lake
    assert broken_rules(tmp_path / "lake") == []


def _kind(lake: lakectl.Lake, name: str, column: str) -> str:
    field = lake.describe(name).schema.find(column)
    assert field is not None
    return text_of(field.type)


# -- values after so many rows --------------------------------------------------------------------

_LONG, _DATE = "7", "2024-02-29"
# (usual value, late value, the type that a new dataset has then, the late value in it; or None)
_LATE: list[tuple[str, str, str, Any]] = [
    (_LONG, "1.5", "double", 1.5),
    (_LONG, "1" + "0" * 30, "double", 1e30),
    (_LONG, "1e400", "long", None),
    (_LONG, "x", "long", None),
    (_LONG, "007", "long", None),
    (_LONG, "9223372036854775808", "long", None),
    (_LONG, "123456789012345678901234567890.5", "long", None),
    ("9007199254740993", "1.5", "long", None),  # as doubles the others would be rounded
    ("0.5", "x", "double", None),
    ("0.5", "0.12345678901234567890", "double", None),
    ("0.5", "9007199254740993", "double", None),
    ("0.5", "nan", "double", None),
    (_DATE, "soon", "date", None),
    (_DATE, "2024-02-30", "date", None),
    (_DATE, "2024-02-29 10:30:00", "timestamp", "2024-02-29 10:30:00"),
    ("true", "yes", "boolean", None),
    ("2024-02-29 10:30:00", "2024-02-29 10:30:00+02:00", "timestamp", None),
]  # fmt: skip


def _judge(lake: lakectl.Lake, tmp_path: Path, number: int, rows: int) -> str:
    """Load one late value into a new dataset and into one that has the type; what came of it."""
    usual, late, kind, value = _LATE[number]
    path = tmp_path / f"late{number}.csv"
    path.write_text("n,v\n" + "".join(f"{n},{usual}\n" for n in range(rows)) + f"-1,{late}\n")
    name = f"late.a{number}"
    if value is None:
        before = bytes_of(tmp_path / "lake")
        with pytest.raises(LakeError) as told:
            load(lake, name, path)
        assert f"late{number}.csv, line {rows + 2}, column 'v': {late!r}" in told.value.message
        assert bytes_of(tmp_path / "lake") == before
    report = load(lake, name, path, **_ASIDE)
    assert report.rows_added + report.quarantined == rows + 1
    assert report.quarantined == (value is None)
    assert _kind(lake, name, "v") == kind
    found = lake.sql(f"SELECT v::VARCHAR, count(*) FROM {name} WHERE n >= 0 GROUP BY 1").rows
    assert [count for _, count in found] == [rows]
    first = lake.to_arrow(name).slice(0, 1)["v"][0].as_py()
    assert Decimal(usual) == Decimal(str(first)) if kind in {"long", "double"} else first
    if value is None:
        (reject,) = lake.to_arrow(f"{name}_quarantine").to_pylist()
        assert (reject["line"], reject["column"]) == (rows + 2, "v")
        assert late in reject["raw"]
        return "rejected"
    ((kept,),) = lake.sql(f"SELECT v FROM {name} WHERE n = -1").rows
    assert float(kept) == value if kind == "double" else kept == value
    # A dataset that has the narrow type keeps it: what does not fit is a bad row there.
    path.write_text(f"n,v\n0,{usual}\n")
    load(lake, f"late.b{number}", path)
    path.write_text("n,v\n" + "".join(f"{n},{usual}\n" for n in range(rows)) + f"-1,{late}\n")
    with pytest.raises(LakeError, match=f"line {rows + 2}, column 'v'"):
        load(lake, f"late.b{number}", path)
    return "promoted"


@pytest.mark.parametrize(
    ("rows", "numbers"),
    [
        (60_000, [0, 1, 3, 12]),
        pytest.param(60_000, range(len(_LATE)), marks=pytest.mark.battery),
    ],
    ids=["some", "all"],
)
def test_a_late_value_is_promoted_or_rejected_by_its_line_and_never_bent(
    drifting: lakectl.Lake, tmp_path: Path, figure: Figure, rows: int, numbers: list[int]
) -> None:
    came = [_judge(drifting, tmp_path, number, rows) for number in numbers]
    figure(
        "B2",
        f"{len(came)} values of another type after {rows:,} rows",
        f"{came.count('promoted')} widened the column of a new dataset, {came.count('rejected')} "
        "rejected by line and column; 0 rounded, 0 cut",
    )


# -- chunks of one load ---------------------------------------------------------------------------

_FIRST = {"a": [1, 2], "b": ["x", "y"]}
_SECONDS: dict[str, dict[str, list[Any]]] = {
    "the same": {"a": [3], "b": ["z"]},
    "a column more": {"a": [3], "b": ["z"], "c": [1.5]},
    "a column less": {"a": [3]},
    "a wider type": {"a": [3.5], "b": ["z"]},
    "another type": {"a": ["three"], "b": ["z"]},
    "another order": {"b": ["z"], "a": [3]},
    "another case": {"A": [3], "b": ["z"]},
    "a struct": {"a": [{"x": 1}], "b": ["z"]},
}
# What each source makes of it, by policy: the columns and rows, or None where it is refused.
_WHOLE = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}, {"a": 3, "b": "z"}]


def _reader(second: dict[str, list[Any]]) -> Any:
    """A stream whose second batch has a schema of its own."""
    first, then = pa.table(_FIRST), pa.table(second)
    batches = [*first.to_batches(), *then.to_batches()]
    return pa.RecordBatchReader.from_batches(first.schema, iter(batches))


def _lines(second: dict[str, list[Any]]) -> str:
    rows = [
        *pa.table(_FIRST).to_pylist(),
        *pa.table(second).to_pylist(),
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


def _csv(table: dict[str, list[Any]]) -> str:
    rows = zip(*table.values(), strict=True)
    lines = [",".join(table), *(",".join(str(v) for v in row) for row in rows)]
    return "".join(f"{line}\n" for line in lines)


def _by_stream(lake: lakectl.Lake, into: str, second: dict[str, list[Any]], policy: str) -> None:
    lake.dataset(into).append(_reader(second), schema=policy)


def _by_json(lake: lakectl.Lake, into: str, second: dict[str, list[Any]], policy: str) -> None:
    path = lake.settings.root / "lines.ndjson"
    path.write_text(_lines(second))
    load(lake, into, path, schema=policy)


def _by_files(lake: lakectl.Lake, into: str, second: dict[str, list[Any]], policy: str) -> None:
    paths = [lake.settings.root / f"{n}.csv" for n in (1, 2)]
    paths[0].write_text(_csv(_FIRST))
    paths[1].write_text(_csv(second))
    load(lake, into, *paths, schema=policy)


def _by_parquet(lake: lakectl.Lake, into: str, second: dict[str, list[Any]], policy: str) -> None:
    import pyarrow.parquet as pq

    paths = [lake.settings.root / f"{n}.parquet" for n in (1, 2)]
    pq.write_table(pa.table(_FIRST), paths[0])
    pq.write_table(pa.table(second), paths[1])
    load(lake, into, *paths, schema=policy)


_WAYS: dict[str, Callable[[lakectl.Lake, str, dict[str, list[Any]], str], None]] = {
    "an Arrow stream": _by_stream,
    "NDJSON": _by_json,
    "two CSV files": _by_files,
    "two Parquet files": _by_parquet,
}


def _all_or_nothing(lake: lakectl.Lake, way: str, what: str, policy: str, into: str) -> str:
    """Load two chunks into a dataset that has the first one's columns; what came of it."""
    lake.dataset(into).append(pa.table({"a": [0], "b": ["w"]}))
    before = bytes_of(lake.settings.root)
    try:
        _WAYS[way](lake, into, _SECONDS[what], policy)
    except LakeError:
        assert bytes_of(lake.settings.root) == before, (way, what, policy)
        return "refused"
    rows = [r for r in lake.to_arrow(into).to_pylist() if r["a"] != 0]
    assert len(rows) == 3, (way, what, policy, rows)
    third = {name: values[0] for name, values in _SECONDS[what].items()}
    for row, expected in zip(rows, [*pa.table(_FIRST).to_pylist(), third], strict=True):
        kept = {name: value for name, value in row.items() if value is not None}
        assert kept == expected, (way, what, policy, rows)
    names = lake.describe(into).schema.names
    if policy != "evolve":
        assert names == ["a", "b"], (way, what, policy)
    return "whole"


@pytest.mark.parametrize(
    "policies",
    [["refuse"], pytest.param(["refuse", "widen", "evolve"], marks=pytest.mark.battery)],
    ids=["refuse", "all"],
)
def test_a_load_whose_second_chunk_differs_comes_in_whole_or_not_at_all(
    drifting: lakectl.Lake, figure: Figure, policies: list[str]
) -> None:
    came = {
        (way, what, policy): _all_or_nothing(drifting, way, what, policy, f"n.t{number}_{policy}")
        for policy in policies
        for number, (way, what) in enumerate((w, s) for w in _WAYS for s in _SECONDS)
    }
    for way in _WAYS:
        assert came[way, "the same", "refuse"] == "whole"
        assert came[way, "another type", "refuse"] == "refused"
        assert came[way, "a column more", "refuse"] == "refused"
        if "evolve" in policies:
            assert came[way, "a struct", "evolve"] == "refused"
            if way != "an Arrow stream":  # its schema is said once, before the first batch
                assert came[way, "a column more", "evolve"] == "whole"
                assert came[way, "a column less", "evolve"] == "whole"
    counts = list(came.values())
    figure(
        "B6",
        f"{len(came)} loads whose second chunk differs: stream, NDJSON, two files; "
        f"{len(policies)} policies",
        f"{counts.count('whole')} came in whole as the policy allows, {counts.count('refused')} "
        "refused with the lake unchanged; 0 in part",
    )
