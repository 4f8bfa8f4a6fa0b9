"""What people load: files, globs, folders, stdin, web addresses and objects, all as local files.

What is not local is fetched whole into a scratch folder first: then its bytes can be counted,
hashed and read twice, and a connection that breaks leaves the lake as it was.
"""

from __future__ import annotations

import glob
import os
import shutil
import sys
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from catalog.errors import InvalidInput, NotFound, OperationFailed, StoreUnreachable

_CHUNK = 1 << 20
_TIMEOUT_SECONDS = 60

FORMATS = ("csv", "json", "parquet", "arrow")
_BY_SUFFIX = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
    ".psv": "csv",
    ".json": "json",
    ".ndjson": "json",
    ".jsonl": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".arrows": "arrow",
}
_COMPRESSED = {".gz": "gzip", ".zst": "zstd"}
_KNOWN = "CSV, TSV, JSON, NDJSON, Parquet, Arrow and Feather, text also as .gz or .zst"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file to be read."""

    label: str  # as the person named it; what messages and quarantined rows carry
    path: Path  # a local file
    format: str  # csv, json, parquet, arrow
    compression: str | None  # gzip
    size: int  # bytes as they came
    original: Path  # the bytes as they came; `path` may be an unpacked copy


@dataclass(frozen=True, slots=True)
class TextOptions:
    """What a person says about text files; None lets the file tell."""

    delimiter: str | None = None
    header: bool | None = None
    encoding: str = "utf-8"
    nulls: tuple[str, ...] = ()  # texts that mean NULL, besides the empty one


def collect(texts: Sequence[str], scratch: Path, form: str | None = None) -> list[SourceFile]:
    """The files that some source texts mean, in a fixed order.

    Args:
        texts: paths, globs, folders, `-`, `http(s)://…`, `gs://…`.
        scratch: where to put what must be fetched.
        form: the format, where the name does not tell it.

    Raises:
        NotFound: nothing is there.
        InvalidInput: a file is empty or of an unknown format.
        StoreUnreachable: an address does not answer.
    """
    found = []
    for text in texts:
        for label, path in _local(text, scratch):
            found.append(_identify(label, path, scratch, form))
    return found


def _local(text: str, scratch: Path) -> Iterator[tuple[str, Path]]:
    if text == "-":
        yield "stdin", _spool_stdin(scratch)
    elif text.startswith(("http://", "https://")):
        # Neither a token in the query nor a password may reach messages or the ledger.
        parts = urllib.parse.urlsplit(text)
        yield f"{parts.scheme}://{parts.hostname}{parts.path}", _download(text, scratch)
    elif text.startswith("gs://"):
        yield from _fetch_objects(text, scratch)
    elif "://" in text:
        scheme = text.split("://")[0]
        raise InvalidInput(
            f"Sources of {scheme}:// are not known.", "Use a file, -, http(s):// or gs://."
        )
    else:
        yield from _files(text)


def _files(text: str) -> Iterator[tuple[str, Path]]:
    path = Path(text).expanduser()
    try:
        is_folder = path.is_dir()
    except OSError as error:  # a name that no file can have, or a folder that may not be read
        raise NotFound(f"{text[:200]!r} cannot be looked at: {error.strerror}.") from error
    if is_folder:
        inside = sorted(p for p in path.rglob("*") if not p.is_dir() and not _hidden(p, path))
        _refuse_unreadable(inside)
        if not inside:
            raise NotFound(f"The folder {text} holds no files.")
        yield from ((str(p), p) for p in inside)
    elif path.exists():
        yield text, path
    else:
        matches = sorted(glob.glob(str(path), recursive=True))
        files = [Path(m) for m in matches if not Path(m).is_dir()]
        _refuse_unreadable(files)
        if not files:
            where = f" (in {Path.cwd()})" if not path.is_absolute() else ""
            raise NotFound(f"There is no file {text}{where}.")
        yield from ((str(p), p) for p in files)


def _refuse_unreadable(files: Sequence[Path]) -> None:
    """Refuse what stands among files and is none: to pass over it would lose it in silence."""
    for path in files:
        if path.is_symlink() and not path.exists():
            raise NotFound(f"{path} is a link to a file that is not there.")
        if not path.is_file():
            raise InvalidInput(f"{path} is no file that could be read to its end.")


def _hidden(path: Path, below: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(below).parts)


def _spool_stdin(scratch: Path) -> Path:
    path = scratch / "stdin"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file, _CHUNK)
    return path


def _download(url: str, scratch: Path) -> Path:
    import urllib.error  # with http.client behind it: 30 ms that other sources need not wait for
    import urllib.request

    name = os.path.basename(urllib.parse.urlsplit(url).path) or "download"
    path = scratch / f"{len(list(scratch.iterdir())):04d}-{name[-100:]}"
    request = urllib.request.Request(url, headers={"User-Agent": "lakectl"})
    shown = url.split("?", maxsplit=1)[0].split("#", maxsplit=1)[0]
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
            expected = answer.headers.get("Content-Length")
            with path.open("wb") as file:
                shutil.copyfileobj(answer, file, _CHUNK)
    except urllib.error.HTTPError as error:
        if error.code in {404, 410}:
            raise NotFound(f"There is nothing at {shown} ({error.code}).") from error
        raise StoreUnreachable(f"{shown} answered {error.code} {error.reason}.") from error
    except (OSError, ValueError) as error:
        raise StoreUnreachable(f"{shown} could not be read: {error}.") from error
    if expected is not None and int(expected) != path.stat().st_size:
        raise StoreUnreachable(
            f"{shown} broke off: {path.stat().st_size} of {expected} bytes came."
        )
    return path


def _fetch_objects(text: str, scratch: Path) -> Iterator[tuple[str, Path]]:
    from catalog.gcs import open_gcs

    filesystem = open_gcs()
    try:
        if any(sign in text for sign in "*?["):
            names = sorted(filesystem.glob(text))
        else:
            is_object = filesystem.exists(text) and not filesystem.isdir(text)
            names = [text[5:]] if is_object else sorted(filesystem.find(text))
        if not names:
            raise NotFound(f"There is no object {text}.")
        for number, name in enumerate(names):
            path = scratch / f"{number:06d}-{os.path.basename(name)[-100:]}"
            filesystem.get_file(name, str(path))
            yield f"gs://{name}", path
    except NotFound:
        raise
    except Exception as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise StoreUnreachable(f"{text} could not be read: {first}") from error


def _identify(label: str, path: Path, scratch: Path, form: str | None) -> SourceFile:
    original = path
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise NotFound(f"{label} cannot be read: {error.strerror}.") from error
    if size == 0:
        raise InvalidInput(f"{label} is empty: it has no bytes at all.")
    suffixes = [s.lower() for s in Path(label).suffixes]
    compression = "gzip" if head.startswith(b"\x1f\x8b") else None
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        # DuckDB takes the end of a cut zstd stream for the end of the data.
        path = _unpack_zstd(label, path, scratch)
        with path.open("rb") as file:
            head = file.read(4096)
    plain = suffixes[:-1] if suffixes and suffixes[-1] in _COMPRESSED else suffixes
    kind = form or _by_content(head) or _BY_SUFFIX.get(plain[-1] if plain else "")
    if kind is None and label == "stdin":
        kind = "json" if head.lstrip()[:1] in {b"{", b"["} else "csv"
    if kind is None:
        raise InvalidInput(
            f"{label} is of an unknown format.",
            f"Known: {_KNOWN}. If it is one of these under another name, say --format csv.",
        )
    return SourceFile(label, path, kind, compression, size, original)


def _unpack_zstd(label: str, path: Path, scratch: Path) -> Path:
    """An unpacked copy.

    Raises:
        OperationFailed: the stream is cut or damaged.
    """
    import zstandard

    target = scratch / f"unpacked-{len(list(scratch.iterdir())):06d}"
    try:
        with path.open("rb") as packed, target.open("wb") as out:
            rest, frame = b"", zstandard.ZstdDecompressor().decompressobj()
            while chunk := rest or packed.read(_CHUNK):
                if frame.eof:
                    frame = zstandard.ZstdDecompressor().decompressobj()
                out.write(frame.decompress(chunk))
                rest = frame.unused_data if frame.eof else b""
    except zstandard.ZstdError as error:
        raise OperationFailed(f"{label} is damaged: {error}.") from error
    if not frame.eof:
        raise OperationFailed(f"{label} is cut short.", "Fetch it again.")
    return target


def _by_content(head: bytes) -> str | None:
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"ARROW1", b"FEA1", b"\xff\xff\xff\xff")):
        return "arrow"
    return None


def digest(files: Sequence[SourceFile]) -> str:
    """A BLAKE3 hash over the bytes of some files, in order, as hex.

    Raises:
        NotFound: one cannot be read.
    """
    whole = blake3()
    for file in files:
        whole.update(file.size.to_bytes(8, "big"))
        try:
            with file.original.open("rb") as opened:
                while chunk := opened.read(_CHUNK):
                    whole.update(chunk)
        except OSError as error:
            raise NotFound(f"{file.label} cannot be read: {error.strerror}.") from error
    return whole.hexdigest()
