"""CSV files as the world writes them, and what must become of each."""

from __future__ import annotations

import datetime
import gzip
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

FAILED, USAGE = 1, 2
_QUOTE = "a quote is not closed, or text follows a closed one"
_RETURN = "a carriage return stands inside a value"


@dataclass(frozen=True, slots=True)
class Animal:
    """A file of the zoo.

    Args:
        what: what is odd about it, in a few words.
        content: its bytes.
        columns: `name type, …` of the table that comes of it.
        rows: the rows of that table, in the order of the file.
        rejects: (line, column, part of the reason) of each reason why a row is bad.
        refused: (exit code, parts of the sentence) where nothing can be loaded of it at all.
        words: what a person says of it on the command line.
        file: its name.
    """

    what: str
    content: bytes
    columns: str = ""
    rows: Sequence[tuple[Any, ...]] = ()
    rejects: Sequence[tuple[int, str | None, str]] = ()
    refused: tuple[int, tuple[str, ...]] | None = None
    words: tuple[str, ...] = ()
    file: str = "zoo.csv"


def _is(
    what: str,
    content: str | bytes,
    columns: str,
    *rows: tuple[Any, ...],
    bad: Sequence[tuple[int, str | None, str]] = (),
    words: Sequence[str] = (),
    file: str = "zoo.csv",
) -> Animal:
    raw = content.encode() if isinstance(content, str) else content
    return Animal(what, raw, columns, rows, tuple(bad), None, tuple(words), file)


def _not(
    what: str,
    content: str | bytes,
    code: int,
    *says: str,
    words: Sequence[str] = (),
    file: str = "zoo.csv",
) -> Animal:
    raw = content.encode() if isinstance(content, str) else content
    return Animal(what, raw, refused=(code, says), words=tuple(words), file=file)


def _zipped(*members: tuple[str, str]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as out:
        for name, text in members:
            out.writestr(name, text)
    return sink.getvalue()


def _utc(hour: int) -> datetime.datetime:
    return datetime.datetime(2024, 1, 1, hour, tzinfo=datetime.UTC)


def _texts(column: str, *values: str) -> Animal:
    """A column whose values must stay the texts that they are."""
    content = "".join(f"{value}\n" for value in (column, *values))
    return _is(f"{values[0]} among {column}", content, f"{column} string", *((v,) for v in values))


_AB = "a long, b string"
_X, _Y = (1, "x"), (2, "y")
_PACKED = gzip.compress(b"a,b\n" + b"1,x\n" * 50_000)
_LONG = "h" * 200_000

ENCODINGS = [
    _is("a byte order mark", "\ufeffa,b\n1,x\n", _AB, _X),
    _not("UTF-16 LE", b"\xff\xfe" + "a,b\n1,x\n".encode("utf-16-le"), USAGE, "zoo.csv",
         "not in UTF-8: line 1", "0xff", "--encoding utf-16"),
    _not("UTF-16 BE", b"\xfe\xff" + "a,b\n1,x\n".encode("utf-16-be"), USAGE, "--encoding utf-16"),
    _is("UTF-16 LE, said so", b"\xff\xfe" + "a,b\n1,ü\n".encode("utf-16-le"), _AB, (1, "ü"),
        words=["--encoding", "utf-16"]),
    _is("UTF-16 BE, said so", b"\xfe\xff" + "a,b\n1,ü\n".encode("utf-16-be"), _AB, (1, "ü"),
        words=["--encoding", "utf-16"]),
    _not("latin-1", b"a,b\n1,K\xf6ln\n", USAGE, "line 2", "0xf6", "--encoding latin-1"),
    _is("latin-1, said so", b"a,b\n1,K\xf6ln\n", _AB, (1, "Köln"), words=["--encoding", "latin-1"]),
    _is("two encodings", b"a,b\n" + b"1,x\n" * 40 + b"2,K\xf6ln\n2,K\xc3\xb6ln\n", _AB,
        *[_X] * 40, (2, "Köln"), bad=[(42, None, "not UTF-8: byte 0xf6")]),
    _is("half a surrogate pair", b"a,b\n" + b"1,x\n" * 40 + b"1,\xed\xa0\x80\n", _AB, *[_X] * 40,
        bad=[(42, None, "not UTF-8: byte 0xed")]),
    _is("an overlong slash", b"a,b\n" + b"1,x\n" * 40 + b"1,\xc0\xaf\n", _AB, *[_X] * 40,
        bad=[(42, None, "not UTF-8: byte 0xc0")]),
    _is("NUL in a value", b"a,b\n1,x\x00y\n2,y\n", _AB, (1, "x\x00y"), _Y),
    _not("NUL bytes alone", b"\x00\x00\x00\x00\n", USAGE, "zoo.csv", "NUL"),
    _not("NUL in the header", b"a\x00,b\n1,x\n", USAGE, "zoo.csv", "NUL"),
    _is("emoji", "name,☃\n😀👨\u200d👩,1\n", "name string, ☃ long", ("😀👨\u200d👩", 1)),
    _is("right to left", "\u202eab,שלום\n1,مرحبا\n", "\u202eab long, שלום string", (1, "مرحبا")),
    _is("ESC in the header", "\x1b[31mr\x1b[0m,b\n1,\x1b]52;c;eA==\x07\n",
        "\x1b[31mr\x1b[0m long, b string", (1, "\x1b]52;c;eA==\x07")),
    _is("other line ends of Unicode", "a,b\n1,x\x85y\n2,x\u2028y\n", _AB, (1, "x\x85y"),
        (2, "x\u2028y")),
]  # fmt: skip

SHAPES = [
    _is("a short row", "a,b,c\n1,2,3\n4,5\n6,7,8\n", "a long, b long, c long", (1, 2, 3),
        (6, 7, 8), bad=[(3, None, "2 fields where 3 are expected")]),
    _is("a long row", "a,b,c\n1,2,3\n4,5,6,7\n6,7,8\n", "a long, b long, c long", (1, 2, 3),
        (6, 7, 8), bad=[(3, None, "4 fields where 3 are expected")]),
    _is("an unclosed quote", 'a,b\n1,"x\n2,y\n', _AB, _Y, bad=[(2, None, _QUOTE)]),
    _is("doubled quotes", 'a,b\n1,"say ""hi"""\n', _AB, (1, 'say "hi"')),
    _is("a quote inside", 'a,b\n1,sa"y\n', _AB, (1, 'sa"y')),
    _is("text after a quote", 'a,b\n1,"x"y\n2,y\n', _AB, _Y, bad=[(2, None, _QUOTE)]),
    _is("a quoted line end", 'a,b\n1,"x\ny"\n2,y\n', _AB, (1, "x\ny"), _Y),
    _is("a quoted CRLF", 'a,b\r\n1,"x\r\ny"\r\n2,y\r\n', _AB, (1, "x\r\ny"), _Y),
    _is("an escaped quote", 'a,b\n1,"x\\"y"\n2,y\n', _AB, _Y, bad=[(2, None, _QUOTE)]),
    _is("a blank before a quote", 'a,b\n1, "x, y"\n', _AB, (1, "x, y")),
    _is("single quotes", "a,b\n1,'x,y'\n2,y\n", _AB, _Y,
        bad=[(2, None, "3 fields where 2 are expected")]),
    _is("CR line ends", "a,b\r1,x\r2,y\r", _AB, _X, _Y),
    _is("CRLF line ends", "a,b\r\n1,x\r\n2,y\r\n", _AB, _X, _Y),
    _is("CRLF among LF", "a,b\n1,x\r\n2,y\n", _AB, _X, _Y),
    _is("CR among LF", "a,b\n1,x\r2,y\n2,y\n", _AB, _Y,
        bad=[(2, None, "3 fields where 2 are expected")]),
    _is("CR in a lone column", "a\n1\r2\n3\n", "a long", (3,), bad=[(2, None, _RETURN)]),
    _is("CR in a value", "a,b\n1,x\n1,x\r2\n2,y\n", _AB, _X, _Y, bad=[(3, None, _RETURN)]),
    _not("CR below the header", "a,b\r1,x\n2,y\n", USAGE, "zoo.csv", "carriage return"),
    _not("CRCRLF line ends", "a,b\r\r\n1,x\r\r\n", USAGE, "carriage return"),
    _not("no bytes", "", USAGE, "zoo.csv", "empty"),
    _not("a byte order mark alone", "\ufeff", USAGE, "no rows and no header"),
    _not("blank lines alone", "\n\n \n", USAGE, "no rows and no header"),
    _not("a header alone", "a,b\n", USAGE, "no rows"),
    _not("a header without an end", "a,b", USAGE, "no rows"),
    _is("blank lines", "a,b\n\n1,x\n\n\n2,y\n\n", _AB, _X, _Y),
    _is("blank lines of one column", "a\n1\n\n2\n", "a long", (1,), (None,), (2,)),
    _is("blank lines before the header", "\n\na,b\n1,x\n", _AB, _X),
    _is("a header with blanks", " a , b \n1,x\n", " a  long,  b  string", _X),
    _not("a header of blanks", " , \n1,x\n", USAGE, "Column 1 of", "zoo.csv", "no name"),
    _not("a column twice", "a,a\n1,2\n", USAGE, "zoo.csv", "'a' and 'a'"),
    _not("case twins", "id,ID\n1,2\n", USAGE, "'id' and 'ID'", "case"),
    _not("a column without a name", "a,,c\n1,2,3\n", USAGE, "Column 2 of", "no name"),
    _not("a delimiter behind the header", "a,b,\n1,x,\n", USAGE, "Column 3 of", "no name"),
    _is("a delimiter behind the rows", "a,b\n1,x,\n2,y,\n", _AB, _X, _Y),
    _is("semicolons", 'a;b\n1;"x;y"\n2;z,w\n', _AB, (1, "x;y"), (2, "z,w")),
    _is("tabs", "a\tb\n1\tx\n", _AB, _X),
    _is("pipes", "a|b\n1|x\n", _AB, _X),
    _is("a delimiter in quotes", 'a,b\n1,"x,y"\n2,"z;w"\n', _AB, (1, "x,y"), (2, "z;w")),
    _not("a comment above", "# by hand\na,b\n1,x\n", FAILED, "line 2", "2 fields where 1"),
    _is("a comment below", "a,b\n# note\n1,x\n", "a string, b string", ("1", "x"),
        bad=[(2, None, "1 field where 2 are expected")]),
    _not("prose", "No table, but a text.\nWith lines, and commas, here.\n", FAILED, "line 2"),
    _not("a page of a web server", "<html><body>404, not found</body></html>\n", USAGE, "no rows"),
    _not("quotes alone", '""\n""\n', USAGE, "Column 1 of", "no name"),
    _not("delimiters alone", ",,,\n,,,\n", USAGE, "Column 1 of", "no name"),
    _is("delimiters below a header", "a,b\n,\n1,x\n", _AB, (None, None), _X),
    _is("no end of the last line", "a,b\n1,x", _AB, _X),
    _is("one column", "a\nx\ny\n", "a string", ("x",), ("y",)),
    _is("one row", "1,2\n", "column1 long, column2 long", (1, 2)),
    _is("a header of years, said so", "2019,2020\n1,2\n", "2019 long, 2020 long", (1, 2),
        words=["--header"]),
    _is("a name of 200,000 signs", f"{_LONG},b\n1,x\n", f"{_LONG} long, b string", _X),
    _not("a quote that the header leaves open", '"' + "h\n" * 60_000 + '",b\n1,x\n', USAGE,
         "zoo.csv", "header", "quote"),
    _not("a first line without an end", b"h" * 9_000_000, USAGE, "zoo.csv", "first line"),
]  # fmt: skip

VALUES = [
    _is("thousands", 'a,b\n"1,000",x\n2,y\n', "a string, b string", ("1,000", "x"), ("2", "y")),
    _is("decimal commas", "a;b\n1,5;x\n2,25;y\n", "a string, b string", ("1,5", "x"),
        ("2,25", "y")),
    _texts("zip", "01234", "501"),
    _texts("huge", "9223372036854775808", "1"),
    _texts("wide", "1" * 42, "1"),
    _texts("beyond", "1e400", "1.5"),
    _texts("tiny", "1e-400", "1.5"),
    _texts("words", "nan", "inf", "-Infinity", "1.5"),
    _texts("hex", "0x10", "16"),
    _texts("plus", "+1", "2"),
    _texts("days", "2024-02-30", "2024-02-28"),
    _texts("nought", "0000-01-01", "2024-01-01"),
    _texts("far", "10000-01-01", "2024-01-01"),
    _texts("order", "01/02/2021"),
    _texts("zones", "2024-01-01T10:00:00+02:00", "2024-01-01T10:00:00"),
    _texts("truth", "true", "yes", "0"),
    _texts("money", "$1.50", "2"),
    _texts("formula", "=cmd|'/C calc'!A0", "1"),
    _is("zones of all rows", "t\n2024-01-01T10:00:00+02:00\n2024-01-01 10:00:00Z\n",
        "t timestamptz", (_utc(8),), (_utc(10),)),
    _is("days of year 1 and 9999", "d\n0001-01-01\n9999-12-31\n", "d date",
        (datetime.date(1, 1, 1),), (datetime.date(9999, 12, 31),)),
    _is("true in any case", "b,n\ntrue,1\nFALSE,0\n", "b boolean, n long", (True, 1), (False, 0)),
    _is("the edges of a long", f"a\n{2**63 - 1}\n{-(2**63)}\n", "a long", (2**63 - 1,),
        (-(2**63),)),
    _is("exponents", "a\n1e5\n2E-3\n", "a double", (1e5,), (2e-3,)),
    _is("the word NULL", "a,b\n1,NULL\nNULL,x\n", "a string, b string", ("1", "NULL"),
        ("NULL", "x")),
    _is("the word NULL, said so", "a,b\n1,NULL\nNULL,x\n", _AB, (1, None), (None, "x"),
        words=["--null", "NULL"]),
]  # fmt: skip

PACKED = [
    _not("a cut gzip file", _PACKED[:-30], FAILED, "zoo.csv.gz", "cut short", file="zoo.csv.gz"),
    _not("a flipped bit in gzip", _PACKED[:100] + b"\x00" + _PACKED[101:], FAILED, "zoo.csv.gz",
         "damaged", file="zoo.csv.gz"),
    _not("rubbish called gzip", b"\x1f\x8b\x08\x00" + b"rubbish" * 20, FAILED, "zoo.csv.gz",
         "damaged", file="zoo.csv.gz"),
    _not("gzip twice over", gzip.compress(gzip.compress(b"a,b\n1,x\n")), USAGE, "zoo.csv.gz",
         "not in UTF-8", file="zoo.csv.gz"),
    _is("two members of gzip", gzip.compress(b"a,b\n1,x\n") + gzip.compress(b"2,y\n"), _AB, _X, _Y,
        file="zoo.csv.gz"),
    _is("gzip without the suffix", gzip.compress(b"a,b\n1,x\n"), _AB, _X),
    _is("plain text called gzip", "a,b\n1,x\n", _AB, _X, file="zoo.csv.gz"),
    _not("a zip of two files", _zipped(("1.csv", "a\n1\n"), ("2.csv", "a\n2\n")), USAGE,
         "zoo.csv.zip", "unknown format", file="zoo.csv.zip"),
    _not("a zip called CSV", _zipped(("1.csv", "a,b\n1,x\n")), USAGE, "zoo.csv", "not in UTF-8"),
]  # fmt: skip


def _wide() -> Animal:
    names = [f"c{n}" for n in range(2000)]
    lines = ",".join(names) + "\n" + ",".join(str(n) for n in range(2000)) + "\n"
    kinds = ", ".join(f"{name} long" for name in names)
    return _is("2,000 columns", lines, kinds, tuple(range(2000)))


_HUGE = _is(
    "a value of 40 MB", b"a,b\n1,x\n2," + b"y" * 40_000_000 + b"\n2,y\n", _AB, _X, _Y,
    bad=[(3, None, "longer than 8000000 bytes")],
)  # fmt: skip
ZOO = [*ENCODINGS, *SHAPES, *VALUES, *PACKED]
BIG = [_HUGE, _wide()]  # seconds each
