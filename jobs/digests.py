"""Digests of values: by which a cache knows its inputs, and a resumed run its tasks."""

from __future__ import annotations

import dis
import hashlib
import json
import types
from collections.abc import Mapping
from typing import Any

from jobs import results


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
        return f"callable {value.__qualname__}"
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
    """A digest of what a function does: its bytecode and constants, not its lines or comments."""
    code = getattr(fn, "__code__", None)
    return _hex(_code(code).encode()) if code is not None else _hex(repr(fn).encode())


def _code(code: types.CodeType) -> str:
    consts = [_code(c) if isinstance(c, types.CodeType) else repr(c) for c in code.co_consts]
    steps = [f"{i.opname} {i.argrepr}" for i in dis.get_instructions(code)
             if not isinstance(i.argval, types.CodeType)]  # fmt: skip
    return json.dumps([steps, consts[1:] if consts else consts])


def lightly(value: Any) -> str:
    """A digest that costs little: of large things only their kind and size.

    For telling the calls of a task in one run from each other, not for a cache.
    """
    return _hex(_sketch(value, 0).encode())[:16]


def _sketch(value: Any, depth: int) -> str:
    if isinstance(value, str | int | float | bool | None):
        return repr(value)[:200]
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"{type(value).__name__}{shape}"
    if isinstance(value, list | tuple) and len(value) <= 20 and depth < 3:
        return f"{type(value).__name__}{[_sketch(item, depth + 1) for item in value]}"
    if isinstance(value, Mapping) and len(value) <= 20 and depth < 3:
        return f"map{[(str(k)[:50], _sketch(v, depth + 1)) for k, v in value.items()]}"
    size = len(value) if hasattr(value, "__len__") else ""
    return f"{type(value).__name__}{size}"


def _hex(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=20).hexdigest()
