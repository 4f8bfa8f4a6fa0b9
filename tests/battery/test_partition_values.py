"""Partition values that look like patterns or paths: exactly the planned files are read."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest
from battery_table import Figure
from lake_builder import broken_rules, opened

import lakectl
from catalog.names import lit

_VALUES = [
    "*", "**", "?", "a*", "a?", "ab", "aa", "[ab]", "[a-z]", "[!a]", "a", "b", "{a,b}", "{a..z}",
    "'", "''", '"', "%2e", "%2F", "%2e%2e%2f", "..", ".", "../..", "/", "/etc/passwd", "a/b",
    "a\\b", "~", "$HOME", "`id`", "a=b", "part=a", "__HIVE_DEFAULT_PARTITION__", "null", "NULL",
    "", " ", " a", "a ", "\n", "\t", "\x1b[2J", "\u202e", "é", "e\u0301", "日本", "😀", "-rf", "--",
    ";", "#", "a" * 2000, "file:///etc/passwd", "s3://b/k", "A", "\ufeff",
]  # fmt: skip
_HOME = "lake {c} 'q'"


def _table(values: list[str], each: int) -> pa.Table:
    rows = [(value, n) for n in range(each) for value in values]
    return pa.table({"part": [v for v, _ in rows], "n": [n for _, n in rows]})


@pytest.mark.parametrize(
    ("count", "transforms"),
    [
        (25, ["part"]),
        pytest.param(
            len(_VALUES), ["part", "truncate(3, part)", "bucket(7, part)"],
            marks=pytest.mark.battery,
        ),
    ],
    ids=["some", "all"],
)  # fmt: skip
def test_a_filter_on_a_partition_value_gives_exactly_its_rows(
    tmp_path: Path, chance: random.Random, figure: Figure, count: int, transforms: list[str]
) -> None:
    values = chance.sample(_VALUES, count)
    seen = 0
    lakectl.init(tmp_path / _HOME)
    with opened(tmp_path / _HOME) as here:
        for number, transform in enumerate(transforms):
            name = f"n.t{number}"
            handle = here.dataset(name)
            handle.append(_table(values, 2), partition_by=[transform])
            handle.append(_table(values, 1))
            dataset = here.describe(name)
            planned = {f.path for f in here.handles.reader.files(dataset, dataset.snapshot_id)}
            folder = Path(dataset.location) / "data"
            assert planned == {str(path) for path in folder.rglob("*") if path.is_file()}
            assert all(Path(path).parent == folder for path in planned)
            if transform == "part":
                assert len(planned) == 2 * len(values)
            whole = here.sql(f"SELECT part, count(*), sum(n) FROM {name} GROUP BY 1", limit=10_000)
            assert sorted(whole.rows, key=str) == sorted(((v, 3, 1) for v in values), key=str)
            for value in values:
                query = f"SELECT part, n FROM {name} WHERE part = {lit(value)} ORDER BY n"
                assert here.sql(query).rows == ((value, 0), (value, 0), (value, 1)), value
                seen += 1
            assert here.to_arrow(name, 1).num_rows == 2 * len(values)
    assert broken_rules(tmp_path / _HOME) == []
    figure(
        "B5",
        f"{seen} filters on {len(values)} partition values like `*`, `[a-z]`, `%2e`, `../..`",
        "each gave exactly its rows; the files planned are the files of the folder, none of them "
        "named after a value",
    )
