"""The same rows in every form, nothing lost in JSON, nothing raw in a table."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lake_shell import Shell

from lakectl.cli.output import plain

_QUERY = "SELECT id, zone, fare FROM nyc.trips WHERE id < 3 ORDER BY id"
_ROWS = [(0, 0, 0.5), (1, 1, 1.5), (2, 2, 2.5)]


def test_the_same_rows_come_in_every_form(trips: Shell) -> None:
    def of(form: str) -> bytes:
        ran = trips.ok("sql", _QUERY, "-o", form)
        assert ran.err == ""
        return ran.raw

    names = ["id", "zone", "fare"]
    objects = [dict(zip(names, row, strict=True)) for row in _ROWS]
    assert json.loads(of("json")) == objects
    assert [json.loads(line) for line in of("jsonl").splitlines()] == objects
    assert list(csv.reader(io.StringIO(of("csv").decode()))) == [
        names,
        *[[str(v) for v in row] for row in _ROWS],
    ]
    tsv = of("tsv").decode()
    assert [line.split("\t") for line in tsv.splitlines()][1:] == [
        [str(v) for v in r] for r in _ROWS
    ]
    assert trips.ok("sql", _QUERY).raw.decode() == tsv  # a pipe gets TSV unasked
    for form in ("table", "wide", "md"):
        lines = of(form).decode().splitlines()
        assert [w.lower() for w in re.findall(r"\w+", lines[0])] == names
        assert len(lines) == len(_ROWS) + (2 if form == "md" else 1)
    assert pq.read_table(pa.BufferReader(of("parquet"))).to_pylist() == objects
    assert pa.ipc.open_stream(of("arrow")).read_all().to_pylist() == objects


_VALUES: list[tuple[str, Any]] = [
    ("'nan'::DOUBLE", "nan"),
    ("'-infinity'::DOUBLE", "-inf"),
    ("'nan'::FLOAT", "nan"),
    ("0.1::FLOAT", 0.1),
    ("0.1::DOUBLE", 0.1),
    ("1e300::DOUBLE", 1e300),
    ("9007199254740993::BIGINT", 9007199254740993),
    ("170141183460469231731687303715884105727::HUGEINT", 170141183460469231731687303715884105727),
    ("12345678901234567890.12::DECIMAL(38,2)", "12345678901234567890.12"),
    ("1.50::DECIMAL(5,2)", 1.5),
    ("-0.0700::DECIMAL(4,4)", -0.07),
    ("[0.5::DECIMAL(2,2)]", [0.5]),
    ("0.123456789012345678::DECIMAL(18,18)", "0.123456789012345678"),
    ("('0.' || repeat('1', 38))::DECIMAL(38,38)", "0." + "1" * 38),
    ("'\\x00\\xFF'::BLOB", "AP8="),
    ("DATE '2026-01-02'", "2026-01-02"),
    ("TIMESTAMP '2026-01-02 03:04:05.6'", "2026-01-02 03:04:05.6"),
    ("NULL", None),
    ("true", True),
    ("'Zo\u00eb \u65e5\u672c'", "Zo\u00eb \u65e5\u672c"),
    ("[1, NULL, 3]", [1, None, 3]),
    ("{'a': 1, 'b': {'c': ['x']}}", {"a": 1, "b": {"c": ["x"]}}),
    ("MAP {'k': 1.5::DOUBLE}", {"k": 1.5}),
    ("['nan'::DOUBLE, 1]", ["NaN", 1.0]),
    ("''", ""),
    ("'5c2a8a52-6f6c-4a0e-b43b-2f1f1f6f1c11'::UUID", "5c2a8a52-6f6c-4a0e-b43b-2f1f1f6f1c11"),
]


def test_json_loses_no_value(trips: Shell) -> None:
    columns = ", ".join(f"{sql} AS v{number}" for number, (sql, _) in enumerate(_VALUES))
    (row,) = trips.sql(f"SELECT {columns}")
    for number, (sql, expected) in enumerate(_VALUES):
        found = row[f"v{number}"]
        if isinstance(expected, str) and "2026" in expected:
            assert str(found).replace("T", " ").startswith(expected), sql
        elif isinstance(expected, list) and expected[0] == "NaN":
            assert str(found[0]).lower() == "nan", sql
        else:
            assert (found, type(found)) == (expected, type(expected)), sql
    strict = trips.ok("sql", f"SELECT {columns}", "-o", "json").out
    json.loads(strict, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


def test_moments_are_of_one_width_in_json_so_that_they_sort_as_text() -> None:
    full = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    moments = [full, full + timedelta(milliseconds=500)]
    assert plain(moments) == ["2026-01-02T03:04:05.000000Z", "2026-01-02T03:04:05.500000Z"]


def test_columns_of_one_name_keep_all_their_values_in_json(trips: Shell) -> None:
    (row,) = trips.sql("SELECT 1 AS a, 2 AS a, 3 AS a_1, 4 AS b, 5 AS a")
    assert sorted(row.values()) == [1, 2, 3, 4, 5]
    assert next(iter(row)) == "a"


_HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]52;c;cHduZWQ=\x07",
    "\x9b31m",
    "a\rb",
    "a\x08\x08b",
    "\u202etxt.exe",
    "line\nbreak",
    "tab\there",
    "[bold]x[/bold] [/]",
    "\x00nul"[1:],
    "e" + "\u0301" * 500,
]


def test_text_that_commands_a_terminal_never_reaches_one(warm_lake: Shell) -> None:
    lake = warm_lake
    rows = [{"id": n, "text\x1b[2J": text} for n, text in enumerate(_HOSTILE)]
    lake.file("bad.ndjson", [json.dumps(row) for row in rows])
    lake.ingest("bad.ndjson", "--into", "x.hostile")
    lake.ok(
        "annotate",
        "x.hostile",
        "--owner",
        "\x1b[31mAnn",
        "--description",
        "\x1b]0;x\x07",
        "--label",
        "k=\x1b[2J",
        "--column",
        "id=\x1b[1m",
    )
    lake.ok(
        "ingest", "bad.ndjson", "--into", "x.hostile", "--if-seen", "load", "-m", "\x1b[5mblink"
    )
    looks = [["sql", "FROM x.hostile"], ["preview", "x.hostile"], ["ls"], ["show", "x.hostile"]]
    looks += [["schema", "x.hostile"], ["versions", "x.hostile"], ["stats", "x.hostile"]]
    looks += [["search", "ann"], ["diff", "x.hostile", "1", "2"]]
    for words in looks:
        for form in ("table", "wide", "md"):
            ran = lake.ok(*words, "-o", form)
            for text in (ran.out, ran.err):
                left = re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
                assert left == [], (words, form, left)
    # JSON escapes what a terminal would obey, and still says exactly what is there.
    plain = lake.ok("sql", "SELECT * FROM x.hostile ORDER BY id", "-o", "json").out
    assert "\x1b" not in plain
    assert "\x9b" not in plain
    assert json.loads(plain)[0] == rows[0]
    # Errors repeat what they were given, harmlessly.
    ran = lake.run("show", "x.\x1b[31mred")
    assert ran.code == 2
    assert "\x1b" not in ran.err
