"""Digests of values: by which a cache knows its inputs, and a resumed run its tasks."""

from __future__ import annotations

import dis
import enum
import hashlib
import json
import types
from collections.abc import Mapping
from typing import Any

from jobs import results

_DEEP = 20


class Undigested(Exception):
    """A value of which no digest can be made; the text tells why."""


def of_value(value: Any) -> str:
    """A digest of what a value holds, equal for equal values, in every process.

    Raises:
        Undigested: it is of a kind whose content nobody can tell.
    """
    return _hex(_content(value).encode())


def _content(value: Any) -> str:
    table = _table_digest(value)
    if table is not None:
        return table
    fields = getattr(type(value), "__dataclass_fields__", None)
    fields = fields or getattr(type(value), "model_fields", None)
    if fields is not None:
        inside = {name: _content(getattr(value, name)) for name in fields}
        return f"{type(value).__qualname__}{json.dumps(inside, sort_keys=True)}"
    if isinstance(value, Mapping):
        pairs = sorted((_content(k), _content(v)) for k, v in value.items())
        return f"map{json.dumps(pairs)}"
    if isinstance(value, set | frozenset):
        return f"set{json.dumps(sorted(_content(item) for item in value))}"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}{json.dumps([_content(item) for item in value])}"
    if callable(value) and hasattr(value, "__qualname__"):
        return f"callable {value.__qualname__} {of_code(value)}"
    try:
        return results.encode(value, None)
    except results.Unkept as error:
        if isinstance(value, str | bytes):
            return _hex(value if isinstance(value, bytes) else value.encode())
        raise Undigested(str(error)) from error


def _table_digest(value: Any) -> str | None:
    module = type(value).__module__.split(".")[0]
    if module == "pandas" and hasattr(value, "memory_usage"):
        from pandas.util import hash_pandas_object

        digest = _hex(hash_pandas_object(value, index=True).to_numpy().tobytes())
        names = [str(c) for c in getattr(value, "columns", ())]
        kinds = [str(d) for d in getattr(value, "dtypes", ())] if names else [str(value.dtype)]
        return f"frame{json.dumps([names, kinds, digest])}"
    if module == "pyarrow" and hasattr(value, "to_batches"):
        content = hashlib.blake2b(digest_size=20)
        for batch in value.combine_chunks().to_batches():
            content.update(batch.serialize())
        return f"table{value.schema}{content.hexdigest()}"
    return None


def of_code(fn: Any) -> str:
    """A digest of what a function does: its bytecode, its file's name, and the values around it.

    Those are the plain values and the functions that it closes over, and of the module's own the
    plain values that it names; not its lines or comments, nor what may change while it runs.
    """
    code = getattr(fn, "__code__", None)
    if code is None:
        return _hex(repr(type(fn)).encode())
    held = [cell.cell_contents for cell in fn.__closure__ or ()]
    around = [of_code(v) if callable(v) else repr(v) for v in held if _is_fixed(v)]
    names = getattr(fn, "__globals__", {})
    around += [f"{n}={names[n]!r}" for n in sorted(code.co_names) if type(names.get(n)) in _PLAIN]
    file = code.co_filename.rpartition("/")[2]
    return _hex(json.dumps([file, _code(code), around]).encode())


_PLAIN = {bool, int, float, str}


def _is_fixed(value: Any) -> bool:
    return type(value) in _PLAIN or isinstance(value, types.FunctionType)


def _code(code: types.CodeType) -> str:
    consts = [_code(c) if isinstance(c, types.CodeType) else repr(c) for c in code.co_consts]
    steps = [f"{i.opname} {i.argrepr}" for i in dis.get_instructions(code)
             if not isinstance(i.argval, types.CodeType)]  # fmt: skip
    return json.dumps([steps, consts[1:] if consts else consts])


def but_for_tables(value: Any) -> str:
    """A digest of everything in a value but the cells of its tables: of those the shape counts.

    For telling the calls of a task in one run from each other, not for a cache.
    """
    try:
        return _hex(_content(_sketched(value, 0)).encode())[:16]
    except (Undigested, RecursionError):
        return type(value).__qualname__


def _sketched(value: Any, depth: int) -> Any:
    """A value with tables by their shape, and objects that nobody can tell by their kind."""
    shape = getattr(value, "shape", None)
    if shape is not None and not isinstance(value, type) and shape != ():
        return f"{type(value).__qualname__}{shape}"
    if isinstance(value, Mapping) and depth < _DEEP:
        return {str(k): _sketched(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple) and depth < _DEEP:
        return [_sketched(item, depth + 1) for item in value]
    if isinstance(value, enum.Enum):
        return f"{type(value).__qualname__}.{value.name}"
    try:
        _content(value)
    except (Undigested, RecursionError):
        return type(value).__qualname__
    return value


def _hex(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=20).hexdigest()
