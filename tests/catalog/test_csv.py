"""CSV is read by our own rules: no value is bent, and rows in are rows loaded plus rejected."""

from __future__ import annotations

import csv
import datetime
import gzip
import io
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from catalog import sources, types
from catalog.engine import csvfiles, csvrecords, guards, tallying
from catalog.errors import InvalidInput, LakeError, OperationFailed
from catalog.sources import TextOptions
from catalog.types import Field, Primitive, Type
from lakectl.root import Lake

_CON = duckdb.connect()
_CON.execute("SET TimeZone = 'UTC'")
guards.expect_loose(_CON, True)

_NUMBERS = st.one_of(
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.from_regex(r"[+-]?[0-9]{0,20}\.?[0-9]{0,20}([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.sampled_from(
        ["01234", "007", "+5", " 1", "1 ", "1.", ".5", "-0", "0x1F", "1_000", "1,5", "1e400",
         "1e-400", "inf", "nan", "Infinity", "9007199254740993", "16777217", "1e-46", "0.1",
         "9223372036854775808", "-9223372036854775808", "１２", "1e5", "--1", "0.30000000000000004"]
    ),
)  # fmt: skip


def _read(text: str, kind: Type) -> tuple[bool, str | None]:
    """Whether a text passes as a type, and the value that it becomes, as text."""
    cast = f"TRY_CAST(x AS {types.duckdb_of(kind)})"
    query = f"SELECT {guards.guard(kind, 'x', cast)}, {cast}::VARCHAR FROM (SELECT ?::VARCHAR AS x)"
    row = _CON.execute(query, [text]).fetchone()
    assert row is not None
    return bool(row[0]), row[1]


@given(_NUMBERS)
def test_a_text_taken_as_a_long_reads_back_letter_for_letter(text: str) -> None:
    taken, value = _read(text, Primitive("long"))
    if taken:
        assert value == text
        assert -(2**63) <= int(text) < 2**63


@given(_NUMBERS)
@example("01234")
@example("9007199254740993")
def test_a_text_taken_as_a_double_is_that_number_and_no_code(text: str) -> None:
    taken, value = _read(text, Primitive("double"))
    if taken:
        assert value is not None
        number = Decimal(text)
        digits = len(str(number.copy_abs().normalize().as_tuple().digits).split(","))
        exact = Decimal(value) == number
        assert exact or (digits <= 16 and float(text) == float(value))
        if not exact:  # at most 15 digits always survive in a double
            assert number == Decimal(f"{float(text):.15g}")
        assert not text.lstrip("-").startswith(("0", "+", " ")) or text.lstrip("-")[1:2] in {
            "",
            ".",
            "e",
            "E",
        }


@given(_NUMBERS)
@example("16777217")
@example("1e-46")
def test_a_text_taken_as_a_float_is_that_number(text: str) -> None:
    taken, value = _read(text, Primitive("float"))
    if taken:
        assert value is not None
        assert Decimal(value) == Decimal(text)


@given(_NUMBERS, st.integers(1, 38), st.data())
def test_a_text_taken_as_a_decimal_is_that_number(
    text: str, precision: int, data: st.DataObject
) -> None:
    kind = types.decimal(precision, data.draw(st.integers(0, precision)))
    taken, value = _read(text, kind)
    if taken:
        assert value is not None
        assert Decimal(value) == Decimal(text)


_STAMPS = st.one_of(
    st.datetimes().map(str),
    st.datetimes().map(lambda d: d.isoformat()),
    st.datetimes(timezones=st.timezones()).map(str),
    st.dates().map(str),
    st.times().map(str),
    st.sampled_from(
        ["infinity", "-infinity", "epoch", "2024-02-30", "2024-01-01 24:00:00", "24:00:00",
         "01/02/2021", "2024-1-1", "20240101", "2024-01-01 10:00", "2024-01-01T10:00:00Z", "now",
         "2024-01-01 00:00:00.1234567", "today", "2024-01-01 25:00:00", "2024-01-01 10:00:60",
         "2024-01-01 10:00:00+0530", "0000-01-01", "10000-01-01 00:00:00"]
    ),
)  # fmt: skip


@given(_STAMPS)
@example("2024-02-30")
def test_a_text_taken_as_a_date_is_that_date(text: str) -> None:
    taken, value = _read(text, Primitive("date"))
    if taken:
        assert value == text == datetime.date.fromisoformat(text).isoformat()


@given(_STAMPS)
@example("infinity")
@example("-infinity")
def test_a_text_taken_as_a_timestamp_is_that_moment(text: str) -> None:
    taken, value = _read(text, Primitive("timestamp"))
    if taken and value is not None and not value.startswith("10000"):
        theirs = datetime.datetime.fromisoformat(text)
        assert theirs.tzinfo is None
        assert datetime.datetime.fromisoformat(value) == theirs


@given(_STAMPS)
def test_a_text_taken_as_a_timestamp_with_a_zone_is_that_moment(text: str) -> None:
    taken, value = _read(text, Primitive("timestamptz"))
    if taken and value is not None:
        theirs = datetime.datetime.fromisoformat(text.replace(" UTC", "Z"))
        assert theirs.tzinfo is not None
        try:
            shown = theirs.astimezone(datetime.UTC)
        except OverflowError:
            return  # beyond year 1 or 9999 in UTC, where Python has no word for it
        assert datetime.datetime.fromisoformat(value) == shown


@given(_STAMPS)
@example("24:00:00")
def test_a_text_taken_as_a_time_is_that_time(text: str) -> None:
    taken, value = _read(text, Primitive("time"))
    if taken and value is not None:
        assert datetime.time.fromisoformat(value) == datetime.time.fromisoformat(text)


@pytest.mark.parametrize("text", ["yes", "t", "1", "0", "TRUE", "true", "False", "y", " true"])
def test_only_true_and_false_are_booleans(text: str) -> None:
    taken, value = _read(text, Primitive("boolean"))
    assert taken == (text.lower() in {"true", "false"})
    assert not taken or value == text.lower()


# -- whole files --------------------------------------------------------------------------------

_CELLS = st.one_of(
    st.integers(-999, 99999).map(str),
    st.sampled_from(
        ["", "x", "1.5", "2024-01-01", "a,b", 'say "hi"', "two\nlines", "é", " sp ", "r\r\nn"]
    ),
)


def _row(cells: list[str], always: bool) -> str:
    out = io.StringIO()
    rule = csv.QUOTE_ALL if always else csv.QUOTE_MINIMAL
    csv.writer(out, quoting=rule, lineterminator="\r\n").writerow(cells)
    return out.getvalue().removesuffix("\r\n")  # signs of the line end are quoted in a value


_SOUND = st.builds(_row, st.lists(_CELLS, min_size=3, max_size=3), st.booleans()).map(str.encode)
_DIRTY = st.sampled_from(
    [
        b"1,2",
        b"1,2,3,4",
        b"1,2,3,",
        b"\xff,1,2",
        b'1,"x"y,3',
        b"1",
        b",,",
        b'"1","2"',
    ]
)


def _inspected(path: Path) -> csvfiles.CsvFile:
    (source,) = sources.collect([str(path)], path.parent)
    return csvfiles.inspect(source, TextOptions(header=True), path.parent)


@settings(max_examples=60)
@given(
    records=st.lists(st.one_of(_SOUND, _SOUND, _DIRTY, st.just(b"")), min_size=1, max_size=12),
    end=st.sampled_from([b"\n", b"\r\n"]),
    bom=st.booleans(),
    last=st.booleans(),
    kinds=st.tuples(*[st.sampled_from(["long", "string", "date", "double"])] * 3),
)
def test_every_row_of_a_dirty_file_is_loaded_or_rejected_once(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[bytes],
    end: bytes,
    bom: bool,
    last: bool,
    kinds: tuple[str, str, str],
) -> None:
    folder = tmp_path_factory.mktemp("dirty")
    path = folder / "source.csv"
    sound = [b"1,2,3"] * 300  # where most is no UTF-8, the file is refused as a whole
    body = end.join([b"a,b,c", *sound, *records]) + (end if last else b"")
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + body)
    file = _inspected(path)
    fields = [Field(0, n, Primitive(k)) for n, k in zip("abc", kinds, strict=True)]
    with _CON.cursor() as con:
        found = csvrecords.sort_rows(con, csvrecords.split(file, folder), fields, folder)
        loaded = con.execute(f"SELECT count(*) FROM ({found.select})").fetchall()[0][0]
    rows = len(sound) + sum(1 for record in records if record)
    assert found.rows_in == rows
    assert loaded + found.rejected_rows == rows


@settings(max_examples=30)
@given(
    table=st.lists(
        st.lists(
            st.text(
                st.characters(exclude_categories=("Cs",), exclude_characters="\x00\r"), max_size=8
            ),
            min_size=2,
            max_size=2,
        ),
        min_size=1,
        max_size=10,
    ),
    end=st.sampled_from(["\n", "\r\n"]),
    delimiter=st.sampled_from([",", "\t", ";", "|"]),
)
def test_any_text_survives_a_csv_by_both_passes(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[str]], end: str, delimiter: str
) -> None:
    folder = tmp_path_factory.mktemp("clean")
    path = folder / "source.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        rule = csv.QUOTE_ALL
        writer = csv.writer(out, delimiter=delimiter, quoting=rule, lineterminator=end)
        writer.writerow(["a", "b"])
        writer.writerows(table)
    (source,) = sources.collect([str(path)], folder)
    file = csvfiles.inspect(source, TextOptions(delimiter=delimiter, header=True), folder)
    expected = [tuple(cell or None for cell in row) for row in table]
    fields = [Field(0, n, Primitive("string")) for n in "ab"]
    with _CON.cursor() as con:
        fast = con.execute(f"SELECT * FROM {csvfiles.raw_scan(file)}").fetchall()
        found = csvrecords.sort_rows(con, csvrecords.split(file, folder), fields, folder)
        slow = con.execute(f"SELECT * FROM ({found.select})").fetchall()
    assert fast == expected
    assert slow == expected
    assert tallying.tally([file]).rows == len(table)


# -- through the door ---------------------------------------------------------------------------


def _schema(lake: Lake, name: str) -> dict[str, str]:
    return {f.name: types.text_of(f.type) for f in lake.describe(name).schema.fields}


def test_a_late_fraction_in_an_integer_column_is_never_rounded(
    lake: Lake, put: Callable[..., Any]
) -> None:
    lines = [str(n) for n in range(60_000)] + ["1.5"]
    report = put("n.t", "v\n" + "\n".join(lines) + "\n")
    assert report.rows == 60_001
    assert lake.sql("SELECT sum(v) AS s, max(v) FILTER (v = 1.5) AS m FROM n.t").rows == (
        (Decimal("1799970001.5"), Decimal("1.5")),
    )
    assert any("double" in note for note in report.notes)


@pytest.mark.parametrize("late", ["1_0.5", "5 ", "5.", "5\t"])
def test_what_a_cast_forgives_is_not_taken_however_late_it_comes(
    lake: Lake, put: Callable[..., Any], late: str
) -> None:
    lines = [f"{n}.5,x" for n in range(100_000)]
    text = "v_,w\n" + "\n".join(lines) + "\n"
    with pytest.raises(OperationFailed, match="line 100002, column 'v_'"):
        put("n.t", f"{text}{late},y\n")
    with pytest.raises(OperationFailed, match="line 100002, column 'v_'"):
        put("n.t", f"{text}{late},y")
    assert put("n.t", text + "7.5,a_b\n").rows == 100_001  # an underscore elsewhere is nothing


def test_a_header_with_a_gap_is_refused_and_not_taken_as_data(
    lake: Lake, put: Callable[..., Any]
) -> None:
    for head in ("a,b,", "a,,c"):
        with pytest.raises(InvalidInput, match=r"Column [23] of .* has no name"):
            put("n.t", f"{head}\n1,2,3\n")
    assert lake.ls() == []


def test_a_thousand_columns_load_in_seconds(lake: Lake, put: Callable[..., Any]) -> None:
    head = ",".join(f"c{n}" for n in range(1000))
    rows = "\n".join(",".join(str(n * m) for n in range(1000)) for m in range(3))
    started = time.monotonic()
    assert put("n.t", f"{head}\n{rows}\n").rows == 3
    assert lake.sql("SELECT c999 FROM n.t ORDER BY 1").rows == ((0,), (999,), (1998,))
    assert time.monotonic() - started < 60  # it did not end before


def test_a_late_word_in_an_integer_column_is_told_with_its_line(
    lake: Lake, put: Callable[..., Any]
) -> None:
    text = "v,w\n" + "1,x\n" * 30_000 + "abc,x\n"
    with pytest.raises(OperationFailed, match=r"source\.csv, line 30002, column 'v': 'abc'"):
        put("n.t", text)
    assert lake.ls() == []
    report = put("n.t", text, on_bad_row="quarantine")
    assert (report.rows, report.quarantined) == (30_000, 1)
    (reject,) = lake.to_arrow("n.t_quarantine").to_pylist()
    assert (reject["line"], reject["column"], reject["raw"]) == (30_002, "v", "abc,x")


def test_long_decimals_do_not_lose_digits(lake: Lake, put: Callable[..., Any]) -> None:
    put("n.t", "v,w\n12345678901234567890123456789,0.1234567890123456789\n")
    assert lake.to_arrow("n.t").to_pylist() == [
        {"v": "12345678901234567890123456789", "w": "0.1234567890123456789"}
    ]


@pytest.mark.parametrize("bad", [b"2,y,z\n", b"2\n", b'2,"y"z\n'], ids=ascii)
def test_a_broken_row_beside_integers_is_quarantined_and_the_others_come_in(
    lake: Lake, put: Callable[..., Any], bad: bytes
) -> None:
    body = b"a,b\n1,x\n" + bad + b"3,z\n"
    with pytest.raises(OperationFailed, match="line 3"):
        put("n.t", body)
    report = put("n.t", body, on_bad_row="quarantine")
    assert (report.rows, report.quarantined) == (2, 1)
    assert _schema(lake, "n.t")["a"] == "long"
    assert lake.to_arrow("n.t_quarantine").to_pylist()[0]["line"] == 3


def test_names_of_columns_may_be_anything_that_is_not_a_twin(
    lake: Lake, put: Callable[..., Any]
) -> None:
    names = ["select", 'a "b"', "c.d", "é-1", "x y", "日本", "'; DROP", "__lakectl_x", "%s", "{}"]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([names, list("0123456789")])
    put("n.t", out.getvalue(), text=TextOptions(header=True))
    assert lake.to_arrow("n.t").to_pylist() == [dict(zip(names, range(10), strict=True))]


@pytest.mark.parametrize("delimiter", ["||", '"', "\n", "\r", "\x00"], ids=ascii)
def test_a_delimiter_that_cannot_be_one_is_refused(
    lake: Lake, put: Callable[..., Any], delimiter: str
) -> None:
    with pytest.raises(InvalidInput):
        put("n.t", "a,b\n1,2\n", text=TextOptions(delimiter=delimiter))


def test_an_unknown_encoding_is_refused(lake: Lake, put: Callable[..., Any]) -> None:
    with pytest.raises(InvalidInput, match="encoding"):
        put("n.t", "a\n1\n", text=TextOptions(encoding="klingon"))


def test_nulls_are_what_the_person_says_and_the_empty_text(
    lake: Lake, put: Callable[..., Any]
) -> None:
    put("n.t", "a,b\nNA,x\n1,-\n,''\n", text=TextOptions(nulls=("NA", "-")))
    assert lake.to_arrow("n.t").to_pylist() == [
        {"a": None, "b": "x"},
        {"a": 1, "b": None},
        {"a": None, "b": "''"},
    ]


@pytest.mark.parametrize("cut", [20, 100])
@pytest.mark.parametrize("how", ["fail", "quarantine"])
def test_a_cut_gzip_loads_nothing(lake: Lake, put: Callable[..., Any], cut: int, how: str) -> None:
    whole = gzip.compress(b"a,b\n" + b"1,2\n" * 100_000)
    with pytest.raises(LakeError):
        put("n.t", whole[:-cut], "cut.csv.gz", on_bad_row=how)
    with pytest.raises(LakeError):
        put("n.t", whole[:25], "head.csv.gz", on_bad_row=how)
    assert lake.ls() == []


def test_a_cut_zstandard_stream_loads_nothing(lake: Lake, put: Callable[..., Any]) -> None:
    import zstandard

    whole = zstandard.compress(b"a,b\n" + b"1,2\n" * 100_000)
    with pytest.raises(LakeError):
        put("n.t", whole[:-20], "cut.csv.zst")
    assert lake.ls() == []
    assert put("n.t", whole, "whole.csv.zst").rows == 100_000
    two = zstandard.compress(b"a,b\n1,2\n") + zstandard.compress(b"3,4\n")
    assert put("n.two", two, "two.csv.zst").rows == 2


def test_a_file_that_is_not_what_its_name_says_is_an_error_of_the_lake(
    lake: Lake, put: Callable[..., Any]
) -> None:
    for name in ("a.parquet", "a.feather", "a.ndjson"):
        with pytest.raises(LakeError):
            put("n.t", b"a,b\n1,2\n", name)
    assert lake.ls() == []


def test_a_plain_file_called_gz_is_read_by_what_it_is(lake: Lake, put: Callable[..., Any]) -> None:
    for number, name in enumerate(("a.csv.gz", "a.csv.zst")):
        assert put(f"n.t{number}", b"a,b\n1,2\n", name).rows == 1


def test_a_nul_in_a_value_is_kept_whether_or_not_another_row_is_bad(
    lake: Lake, put: Callable[..., Any]
) -> None:
    for name, more in (("n.fast", b""), ("n.slow", b"3,4,5\n")):
        report = put(name, b"a,b\n1,x\n2,a\x00b\n" + more, on_bad_row="quarantine")
        assert report.quarantined == bool(more)
        assert {"a": 2, "b": "a\x00b"} in lake.to_arrow(name).to_pylist()


def test_bytes_that_are_not_utf_8_deep_in_a_file_are_one_bad_row(
    lake: Lake, put: Callable[..., Any]
) -> None:
    body = b"a,b\n" + b"1,x\n" * 30_000 + b"2,\xe9t\xe9\n" + b"3,z\n"
    with pytest.raises(OperationFailed, match=r"line 30002.*not UTF-8: byte 0xe9"):
        put("n.t", body)
    report = put("n.t", body, on_bad_row="quarantine")
    assert (report.rows, report.quarantined) == (30_001, 1)
    assert lake.to_arrow("n.t_quarantine").to_pylist()[0]["raw"] == "2,\\xe9t\\xe9"
