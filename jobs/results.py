"""Results of tasks on the disk and back: values of JSON with their kinds, tables as Arrow files.

Nothing is ever unpickled: what is read back is data only, whoever wrote it. A file is written
aside, made durable and named by its content; its checksum is compared before it is believed.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import sys
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any
from uuid import UUID

from catalog import chance
from catalog.errors import OperationFailed
from jobs.secrets import masker

_INLINE = 64 << 10  # characters of a result that stand in its row
_DEEPEST = 60
_SMALL = 5_000  # values inside a result that is kept without being asked for


class Unkept(Exception):
    """A result that cannot be kept; the text tells why."""


class Lost(OperationFailed):
    """A kept result is no longer there, or is damaged."""


def encode(value: Any, folder: Path | None) -> str:
    """A result as a text.

    Args:
        value: the result.
        folder: where what is large may lie; without one only small values of JSON are kept.

    Raises:
        Unkept: it is of a kind that cannot be kept.
    """
    kind = _table_kind(value)
    if kind is not None:
        if folder is None:
            raise Unkept(f"a {kind} is kept only where persist_result=True or a cache asks for it")
        return json.dumps(_write_table(value, kind, folder))
    try:
        text = json.dumps({"json": _plain(value, _Budget(folder is None))})
    except ValueError as error:  # a whole number of thousands of digits
        raise Unkept(str(error)) from error
    if len(text) <= _INLINE:
        return text
    if folder is None:
        raise Unkept(
            f"{len(text):,} characters are kept only where persist_result=True asks for it"
        )
    return json.dumps({"as": "json", **_write(text.encode(), folder)})


def keepable(value: Any, folder: Path | None) -> str:
    """As `encode`, for what is kept.

    Raises:
        Unkept: as `encode`, or it holds a secret.
    """
    text = encode(value, folder)
    if masker.mask(text) != text:
        raise Unkept("it holds a secret")
    return text


def decode(text: str, folder: Path) -> Any:
    """What `encode` was given.

    Raises:
        Lost: its file is gone or damaged.
    """
    told = json.loads(text)
    if "json" in told:
        return _whole(told["json"])
    content = _read(told, folder)
    if told["as"] == "json":
        return _whole(json.loads(content)["json"])
    return _table_of(content, str(told["as"]))


def file_of(text: str) -> str | None:
    """The name of the file that a kept result needs."""
    name = json.loads(text).get("file")
    return None if name is None else str(name)


# -- values of JSON -------------------------------------------------------------------------------

_TAG = "lakectl:"


class _Budget:
    """How much of a value is still looked at: what is not kept anyway must not cost a walk."""

    def __init__(self, small: bool) -> None:
        self.depth = 0
        self.left = _SMALL if small else -1

    def spend(self) -> None:
        self.left -= 1
        if not self.left:
            raise Unkept("it is large; persist_result=True keeps it")


def _plain(value: Any, budget: _Budget) -> Any:
    """A value as JSON can hold it, kinds that JSON lacks as `{"lakectl:kind": …}`."""
    kind = type(value)
    if value is None or kind is bool or kind is str or kind is int:
        return value
    if kind is float:
        return value if math.isfinite(value) else {f"{_TAG}float": str(value)}
    if kind is list:
        return _items(value, budget)
    if kind is not dict:
        return _tagged(value, budget)
    if all(type(k) is str and not k.startswith(_TAG) for k in value):
        return dict(zip(value, _items(value.values(), budget), strict=True))
    return {f"{_TAG}dict": [_items(pair, budget) for pair in value.items()]}


def _items(values: Iterable[Any], budget: _Budget) -> list[Any]:
    budget.depth += 1
    if budget.depth > _DEEPEST:
        raise Unkept("it is nested too deep")
    found = []
    for value in values:
        budget.spend()
        found.append(_plain(value, budget))
    budget.depth -= 1
    return found


def _tagged(value: Any, budget: _Budget) -> Any:
    for name, (kind, write, _) in _KINDS.items():
        if type(value) is kind:
            return {f"{_TAG}{name}": write(value)}
    for name, many in _MANY.items():
        if type(value) is many:
            return {f"{_TAG}{name}": _items(value, budget)}
    if isinstance(value, PurePath):
        return {f"{_TAG}path": str(value)}
    if type(value).__module__ == "numpy" and hasattr(value, "item") and value.dtype.kind in "biuf":
        return _plain(value.item(), budget)
    raise Unkept(f"a {type(value).__module__}.{type(value).__qualname__} cannot be kept")


_MICROSECOND = timedelta(microseconds=1)
_KINDS: dict[str, tuple[type, Any, Any]] = {
    "datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
    "date": (date, date.isoformat, date.fromisoformat),
    "time": (time, time.isoformat, time.fromisoformat),
    "microseconds": (timedelta, lambda t: t // _MICROSECOND, lambda n: n * _MICROSECOND),
    "decimal": (Decimal, str, Decimal),
    "uuid": (UUID, str, UUID),
    "bytes": (bytes, bytes.hex, bytes.fromhex),
}
_MANY: dict[str, Any] = {"tuple": tuple, "set": set, "frozenset": frozenset}


def _whole(value: Any) -> Any:
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and (key := next(iter(value))).startswith(_TAG):
        return _untagged(key.removeprefix(_TAG), value[key])
    return {k: _whole(v) for k, v in value.items()}


def _untagged(name: str, told: Any) -> Any:
    if name in _KINDS:
        return _KINDS[name][2](told)
    if name in _MANY:
        return _MANY[name](_whole(item) for item in told)
    if name == "dict":
        return {_whole(k): _whole(v) for k, v in told}
    return float(told) if name == "float" else Path(told)


# -- tables ---------------------------------------------------------------------------------------


def _table_kind(value: Any) -> str | None:
    """The kind of a table, without importing what the process has not imported."""
    for module, names in (("pandas", ("DataFrame", "Series")), ("pyarrow", ("Table",))):
        loaded = sys.modules.get(module)
        for name in names if loaded is not None else ():
            if isinstance(value, getattr(loaded, name, ())):
                return name
    return None


def _write_table(value: Any, kind: str, folder: Path) -> dict[str, Any]:
    import pyarrow as pa

    try:
        if kind == "Series":
            table = pa.Table.from_pandas(value.to_frame("value"))
        else:
            table = value if kind == "Table" else pa.Table.from_pandas(value)
    except (pa.ArrowException, TypeError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise Unkept(f"a {kind} that Arrow cannot hold cannot be kept: {first}") from error
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as out:
        out.write_table(table)
    return {"as": kind, **_write(sink.getvalue(), folder)}


def _table_of(content: bytes, kind: str) -> Any:
    import pyarrow as pa

    table = pa.ipc.open_file(pa.BufferReader(content)).read_all()
    if kind == "Table":
        return table
    frame = table.to_pandas()
    return frame if kind == "DataFrame" else frame["value"]


# -- files ----------------------------------------------------------------------------------------


def _write(content: bytes, folder: Path) -> dict[str, Any]:
    digest = hashlib.blake2b(content, digest_size=20).hexdigest()
    told = {"file": digest, "bytes": len(content)}
    path = folder / digest
    if path.exists() and path.stat().st_size == len(content):
        os.utime(path)  # retention looks at when it was last needed
        return told
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = folder / f".{digest}.{chance.new_uuid().hex}"
    try:
        with open(os.open(aside, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise Unkept(f"its file cannot be written: {error.strerror}") from error
    return told


def _read(told: dict[str, Any], folder: Path) -> bytes:
    name = str(told["file"])
    if not name.isalnum():
        raise Lost(f"A kept result names {name!r}, which is no file of ours.")
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise Lost(f"A kept result is not on this machine: {error.strerror}.") from error
    if hashlib.blake2b(content, digest_size=20).hexdigest() != name:
        raise Lost(f"The kept result {folder / name} is damaged: its checksum differs.")
    return content
