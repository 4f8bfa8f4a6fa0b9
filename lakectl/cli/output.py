"""The only writer to stdout: rows as a table, TSV, CSV, JSON, Markdown, Parquet or Arrow."""

from __future__ import annotations

import base64
import itertools
import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from lakectl.cli import table
from screens.text import UNSEEN, cell, plural, safe, size

if TYPE_CHECKING:
    from catalog.model import IngestReport

_WHOLE = 1 << 30  # characters: nothing is cut that was asked for as CSV or TSV


def note(sentence: str) -> None:
    """Tell a person something, on stderr: it is not data."""
    sys.stderr.write(safe(sentence, limit=4000) + "\n")


def say(sentence: str) -> None:
    """The one sentence that a command has to say, on stdout."""
    sys.stdout.write(safe(sentence, limit=4000) + "\n")


def heading(why: str, command: str) -> None:
    """A step of a story: what is to be seen, and the command that shows it."""
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    bold, plain_again = ("\x1b[1;36m", "\x1b[0m") if colours else ("", "")
    sys.stdout.write(f"\n{safe(why)}\n{bold}{safe(command)}{plain_again}\n")
    sys.stdout.flush()


def blank_line() -> None:
    """Set two tables apart."""
    sys.stdout.write("\n")


def plain(value: Any) -> Any:
    """A value as JSON can hold it without losing anything.

    Decimals become numbers where a double holds them exactly and text otherwise; NaN and the
    infinities become text; bytes become base64; times are ISO 8601, in UTC where they have a zone.
    """
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case Decimal():
            return _number(value)
        case datetime():
            return _iso(value)
        case date() | time() | UUID():
            return value.isoformat() if not isinstance(value, UUID) else str(value)
        case timedelta():
            return value.total_seconds()
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(bytes(value)).decode()
        case Mapping():
            return {str(plain(k)): plain(v) for k, v in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(v) for v in value]
    return str(value)


def _number(value: Decimal) -> Any:
    if not value.is_finite():
        return str(value)
    if value == value.to_integral_value() and value.as_tuple().exponent == 0:
        return int(value)
    near = float(value)
    return near if Decimal(repr(near)) == value else str(value)


def _iso(value: datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat()
    # As wide for a full second as for any other moment: scripts sort moments as text.
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def print_json(value: Any) -> None:
    """One JSON value on stdout."""
    sys.stdout.write(json_text(plain(value)) + "\n")


def print_objects(objects: Sequence[Mapping[str, Any]], form: str | None) -> None:
    """Objects as one JSON list, or a line each."""
    if form == "jsonl":
        for found in objects:
            print_json(found)
        return
    print_json(list(objects))


def print_line(text: str) -> None:
    """A line of a log on stdout, whole."""
    sys.stdout.write(safe(text, limit=_WHOLE, multiline=True) + "\n")


def json_text(value: Any) -> str:
    """JSON that commands no terminal: the controls that JSON itself leaves as they are, escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], text)


def narrate_load(report: IngestReport) -> None:
    """What a load did, as a line on stdout."""
    if report.skipped:
        line = f"{report.dataset} v{report.version} unchanged"
    else:
        added = plural(report.rows_added, "row")
        line = f"{report.dataset} v{report.version}  +{added}, {plural(report.rows, 'row')} now"
        files = plural(report.files, "file")
        line += f"  ({files}, {size(report.bytes)}, {report.seconds:.1f} s)"
        if report.quarantined:
            line += f"  {plural(report.quarantined, 'row')} quarantined"
    sys.stdout.write(line + "\n")


def uncut(form: str | None) -> str | None:
    """The form that shows every value in full, where people look; scripts get what they asked."""
    for_people = form == "table" or (form is None and sys.stdout.isatty())
    return "wide" if for_people else form


def print_rows(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    form: str | None,
    human: Callable[[str, Any], str] | None = None,
    titles: Mapping[str, str] | None = None,
) -> None:
    """Rows on stdout.

    Args:
        columns: their names; the keys in JSON.
        rows: the values.
        form: one of `options.FORMATS`; None for a table on a terminal and TSV in a pipe.
        human: how a table shows a value of a column; other formats show the value itself.
        titles: what a table calls a column where that is shorter than its name.
    """
    form = form or ("table" if sys.stdout.isatty() else "tsv")
    if form in {"json", "jsonl"}:
        _print_objects(columns, rows, form)
    elif form in {"csv", "tsv"}:
        _print_lines(columns, rows, form)
    elif form in {"parquet", "arrow"}:
        _print_arrow(columns, [tuple(row) for row in rows], form)
    else:
        listed = [tuple(row) for row in rows]
        cells = [
            [safe(human(c, v) if human else cell(v)) for c, v in zip(columns, row, strict=True)]
            for row in listed
        ]
        numeric = [_is_numeric(listed, i) for i in range(len(columns))]
        heads = [safe((titles or {}).get(c, c)) for c in columns]
        if form == "md":
            sys.stdout.write(table.markdown(heads, cells, numeric))
            return
        wide = form == "wide"
        drawn = table.draw(heads, cells, numeric, None if wide else _room(), cut=not wide)
        sys.stdout.writelines(f"{line}\n" for line in drawn.lines)
        _tell_left_out(drawn.left_out)


def _print_lines(columns: Sequence[str], rows: Iterable[Sequence[Any]], form: str) -> None:
    """CSV or TSV, each row as it comes: a result may be endless, and its reader `head`.

    A pipe or a file gets the values exactly, a terminal what cannot command it.
    """
    lines = itertools.chain([list(columns)], ([_raw(v) for v in row] for row in rows))
    shown = partial(safe, limit=_WHOLE) if sys.stdout.isatty() else str
    if form == "csv":
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([shown(cell) for cell in line] for line in lines)
        return
    for line in lines:
        sys.stdout.write("\t".join(shown(_tabless(cell)) for cell in line) + "\n")


def _print_objects(columns: Sequence[str], rows: Iterable[Sequence[Any]], form: str) -> None:
    # A query may give two columns one name; in JSON the second would swallow the first.
    names: list[str] = []
    for name in columns:
        twins = sum(1 for n in names if n == name or n.startswith(f"{name}_"))
        names.append(name if name not in names else f"{name}_{twins}")
    objects = (dict(zip(names, (plain(v) for v in row), strict=True)) for row in rows)
    if form == "json":
        print_json(list(objects))
        return
    for found in objects:
        sys.stdout.write(json_text(found) + "\n")


def _print_arrow(columns: Sequence[str], rows: list[tuple[Any, ...]], form: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({c: [row[i] for row in rows] for i, c in enumerate(columns)})
    if form == "parquet":
        pq.write_table(table, sys.stdout.buffer)
        return
    with pa.ipc.new_stream(sys.stdout.buffer, table.schema) as stream:
        stream.write_table(table)


def _raw(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        return ",".join(value)
    simple = plain(value)
    return simple if isinstance(simple, str) else json.dumps(simple, ensure_ascii=False)


def _tabless(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _is_numeric(rows: list[tuple[Any, ...]], index: int) -> bool:
    values = [row[index] for row in rows if row[index] is not None]
    return bool(values) and all(
        isinstance(v, int | float | Decimal) and not isinstance(v, bool) for v in values
    )


def _room() -> int | None:
    """The columns of the terminal; None where nobody looks."""
    if not sys.stdout.isatty():
        return None
    return int(os.environ.get("COLUMNS") or os.get_terminal_size().columns)


def _tell_left_out(heads: Sequence[str]) -> None:
    if heads:
        some = ", ".join(heads[:6]) + (", …" if len(heads) > 6 else "")
        note(f"No room for {plural(len(heads), 'column')}: {some} (-o wide shows all)")
