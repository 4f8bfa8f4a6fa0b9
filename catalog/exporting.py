"""Writing a version to a file or an object, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from catalog import reading
from catalog.errors import InvalidInput, NotAllowed, StoreUnreachable
from catalog.handles import Handles
from catalog.names import ident, lit

_OPTIONS = {
    "csv": "FORMAT csv, HEADER true",
    "tsv": "FORMAT csv, HEADER true, DELIMITER '\t'",
    "json": "FORMAT json, ARRAY true",
    "jsonl": "FORMAT json",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
}
_SUFFIXES = {".tsv": "tsv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_SUFFIXES |= {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}
_ARROW = {".arrow", ".feather"}


def form_of(target: str) -> str:
    """The format that a target's name asks for.

    Raises:
        InvalidInput: the name tells none.
    """
    suffixes = [s.lower() for s in Path(target).suffixes if s.lower() != ".gz"]
    last = suffixes[-1] if suffixes else ""
    if last in _ARROW:
        return "arrow"
    if last not in _SUFFIXES:
        known = ", ".join([*_SUFFIXES, *sorted(_ARROW)])
        raise InvalidInput(f"What format {target} shall be is not clear.", f"End it in: {known}.")
    return _SUFFIXES[last]


def export(handles: Handles, name: str, at: str | int | None, target: str, form: str) -> int:
    """Write a version.

    Args:
        handles: the lake.
        name: the dataset.
        at: the version.
        target: a path or gs:// URI; `.gz` at its end compresses text.
        form: csv, tsv, json, jsonl, parquet or arrow.

    Returns:
        The number of rows.

    Raises:
        NotAllowed: the target lies in the warehouse.
        StoreUnreachable: it cannot be written.
    """
    if target.startswith("gs://"):
        return _to_object(handles, name, at, target, form)
    final = Path(target).expanduser()
    real, own = os.path.realpath(final), os.path.realpath(handles.state)
    if real.startswith(handles.warehouse.uri + os.sep):
        raise NotAllowed(f"{target} lies in the warehouse; only the lake writes there.")
    if real.startswith(own + os.sep) or real == os.path.join(os.path.dirname(own), "lakectl.toml"):
        raise NotAllowed(f"{target} belongs to the lake itself; nothing was written.")
    if not final.parent.is_dir():
        raise InvalidInput(f"There is no folder {final.parent}.")
    if final.is_dir():
        raise InvalidInput(f"{final} is a folder.", "Name a file in it.")
    try:
        if final.exists() and not final.is_file():  # a pipe or a device: nothing to replace
            return _pour(handles, name, at, final, form)
        draft = final.with_name(f".{handles.new_id()[:8]}.{final.name}")
        try:
            rows = _write(handles, name, at, draft, form)
            os.replace(draft, os.path.realpath(final))
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise StoreUnreachable(f"{target} could not be written: {error.strerror}.") from error
    return rows


def _pour(handles: Handles, name: str, at: str | int | None, final: Path, form: str) -> int:
    with tempfile.TemporaryDirectory(prefix="lakectl-") as folder:
        path = Path(folder) / final.name
        rows = _write(handles, name, at, path, form)
        with path.open("rb") as source, final.open("wb") as out:
            shutil.copyfileobj(source, out)
    return rows


def _write(handles: Handles, name: str, at: str | int | None, path: Path, form: str) -> int:
    with reading.opened_version(handles, name, at) as (con, select):
        if form == "arrow":
            import pyarrow as pa

            rows = 0
            reader = con.sql(select).to_arrow_reader()
            with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, reader.schema) as out:
                for batch in reader:
                    out.write_batch(batch)
                    rows += batch.num_rows
            return rows
        if form in {"json", "jsonl"}:
            select = _exact(con, select)
        packed = ", COMPRESSION gzip" if path.name.endswith(".gz") and form != "parquet" else ""
        statement = f"COPY ({select}) TO {lit(str(path))} ({_OPTIONS[form]}{packed})"
        return int(con.execute(statement).fetchall()[0][0])


def _exact(con: Any, select: str) -> str:
    """Rows whose numbers are JSON: DuckDB would write NaN, Infinity and `.5` as they are."""
    from catalog.engine.rows import as_json

    columns = con.execute(f"DESCRIBE {select}").fetchall()
    shown = (f"{as_json(ident(name), kind)} AS {ident(name)}" for name, kind, *_ in columns)
    return f"SELECT {', '.join(shown)} FROM ({select})"


def _to_object(handles: Handles, name: str, at: str | int | None, target: str, form: str) -> int:
    from catalog.gcs import open_gcs

    if target.startswith(handles.warehouse.uri + "/"):
        raise NotAllowed(f"{target} lies in the warehouse; only the lake writes there.")
    with tempfile.TemporaryDirectory(prefix="lakectl-") as folder:
        path = Path(folder) / os.path.basename(target)
        rows = _write(handles, name, at, path, form)
        try:
            open_gcs().put_file(str(path), target)
        except Exception as error:
            first = (str(error) or type(error).__name__).splitlines()[0]
            raise StoreUnreachable(f"{target} could not be written: {first}") from error
    return rows
