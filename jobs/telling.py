"""What the code of a flow tells of itself: how far it is, what it made, what it read."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from pathlib import Path
from typing import Any, TypeVar

from catalog.errors import InvalidInput
from jobs import context

T = TypeVar("T")
KINDS = ("markdown", "table", "link", "metric", "image")
_EVERY = 0.2  # seconds between two words about a loop
_MOST_ROWS = 1_000  # of a table that is shown
_MOST = 1 << 62  # what the store can count
_LONGEST = 256 << 10  # characters of a text that is shown


def note_read(dataset_id: str, name: str, version: int) -> None:
    """Note that the run which is going on here reads a version; elsewhere do nothing."""
    run = context.run_scope.get()
    if run is None or run.is_foreign() or not version:
        return
    row = {"dataset": dataset_id, "name": name, "version": version, "at": run.world.now()}
    run.world.recorder.tell("read", run.run_id, row)


def progress(
    iterable: Iterable[T], label: str = "progress", total: int | None = None
) -> Iterator[T]:
    """Go through something and show how far it is: a bar in the terminal, live in the dashboard.

    Args:
        iterable: what to go through.
        label: what stands before the bar.
        total: how many there are, where `len()` cannot tell.
    """
    run = context.run_scope.get()
    if run is None or run.is_foreign():
        yield from iterable
        return
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    number = run.count("progress") + 1
    told = 0.0
    done = 0
    try:
        for item in iterable:
            if time.monotonic() - told >= _EVERY:
                told = time.monotonic()
                _tell_progress(run, number, label, done, total)
            yield item
            done += 1
    finally:
        _tell_progress(run, number, label, done, total)


def _tell_progress(
    run: context.RunScope, number: int, label: str, done: int, total: int | None
) -> None:
    row = {
        "number": number,
        "label": label[:200],
        "done": done,
        "total": None if total is None else min(total, _MOST),
        "at": run.world.now(),
    }
    run.world.recorder.tell("progress", run.run_id, row)


def artifact(
    key: str,
    *,
    markdown: str | None = None,
    table: Any = None,
    link: str | None = None,
    metric: float | None = None,
    image: str | Path | None = None,
) -> None:
    """Show something with the run: exactly one of the kinds.

    Args:
        key: what it is called.
        markdown: a text.
        table: a data frame, an Arrow table or a list of dicts; its first 1,000 rows are kept.
        link: an address.
        metric: a number.
        image: the path of a picture; the path is kept, not the picture.

    Raises:
        InvalidInput: none of them or several; or no flow is running here.
    """
    run = context.current_run("artifact()")
    given = {"markdown": markdown, "table": table, "link": link, "metric": metric, "image": image}
    said = {kind: value for kind, value in given.items() if value is not None}
    if len(said) != 1:
        raise InvalidInput(f"artifact({key!r}) takes one of {', '.join(KINDS)}.")
    kind, value = said.popitem()
    task = context.task_scope.get()
    row = {
        "number": run.count("artifact") + 1,
        "at": run.world.now(),
        "kind": kind,
        "key": key[:200],
        "task": task.number if task is not None and task.run is run else None,
        "body": _BODIES[kind](value),
    }
    run.world.recorder.tell("artifact", run.run_id, row)


def _text(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def _rows(value: Any) -> dict[str, Any]:
    """Any kind of table as columns and rows of JSON."""
    if hasattr(value, "to_pylist"):
        listed: Sequence[Mapping[str, Any]] = value.slice(0, _MOST_ROWS).to_pylist()
    elif hasattr(value, "to_dict"):
        listed = value.head(_MOST_ROWS).to_dict("records")
    elif isinstance(value, Sequence) and all(isinstance(row, Mapping) for row in value):
        listed = list(value[:_MOST_ROWS])
    else:
        raise InvalidInput(
            f"A {type(value).__name__} is no table.", "Give a data frame or a list of dicts."
        )
    columns = list(dict.fromkeys(str(name) for row in listed for name in row))
    lines = [[_cell(row.get(name)) for name in columns] for row in listed]
    return {"columns": columns, "rows": lines, "total": len(value)}


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value if not isinstance(value, str) else value[:2_000]
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    return str(value)[:2_000]


_BODIES: dict[str, Any] = {
    "markdown": _text,
    "table": _rows,
    "link": _text,
    "metric": float,
    "image": _text,
}
