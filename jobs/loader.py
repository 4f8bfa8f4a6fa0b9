"""The only place where people's code is imported.

Their files live under a package of our own, so no name of theirs shadows one of ours and none of
ours breaks theirs: relative imports work, and their folder stands last on the path for the others.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import threading
import traceback
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from catalog.errors import InvalidInput, LakeError, NotFound
from jobs import parameters
from jobs.errors import BrokenFlow
from jobs.flow import Flow
from jobs.model import FlowInfo

READY = "ready:"
_OURS = ("catalog", "jobs", "screens", "lakectl")
_lock = threading.RLock()
importing: set[int] = set()  # threads in which a file is being imported


def load(word: str, root: Path) -> Flow:
    """The flow that a word means.

    Args:
        word: `file.py:function`, `file.py` with one flow in it, a name in the project's folder
            `flows`, or the name of a ready flow.
        root: the folder of the lake.

    Raises:
        NotFound: there is no such file or flow.
        BrokenFlow: its file cannot be imported.
        InvalidInput: the file holds several flows, or the name is no flow.
    """
    if word == "session":
        raise InvalidInput(
            "This flow was defined in a session that is over; no other process can load it.",
            "Put it into a file: flows/NAME.py in the lake's folder.",
        )
    if word.startswith(READY):
        return _ready(word.removeprefix(READY))
    path, colon, function = word.rpartition(":")
    if colon and path.endswith(".py"):
        return _in_file(_place(path, root), function, root)
    if word.endswith(".py"):
        return _only_one(_place(word, root), root)
    return _by_name(word, root)


def _place(text: str, root: Path) -> Path:
    """A file as people name it: from here, or from the lake's folder."""
    given = Path(text).expanduser()
    for path in (given, root / given):
        if path.is_file():
            return path.resolve()
    raise NotFound(f"There is no flow file {text}.", f"Looked here and in {root}.")


def _in_file(path: Path, function: str, root: Path) -> Flow:
    found: Any = import_file(path)
    for part in function.split("."):
        found = getattr(found, part, None)
    if isinstance(found, Flow):
        return _known(found, path, root)
    named = [flow for flow in flows_in(import_file(path)) if flow.name == function]
    if named:
        return _known(named[0], path, root)
    listed = ", ".join(flow.fn.__name__ for flow in flows_in(import_file(path))) or "none"
    if found is not None:
        raise InvalidInput(f"{path.name}:{function} is no flow.", f"Flows there: {listed}.")
    raise NotFound(f"There is no {function!r} in {path}.", f"Flows there: {listed}.")


def _only_one(path: Path, root: Path) -> Flow:
    found = flows_in(import_file(path))
    if len(found) == 1:
        return _known(found[0], path, root)
    listed = ", ".join(flow.fn.__name__ for flow in found)
    if found:
        raise InvalidInput(f"{path.name} has several flows: {listed}.", "Say FILE.py:FUNCTION.")
    raise NotFound(f"There is no flow in {path}.", "Put @flow before a function.")


def _by_name(word: str, root: Path) -> Flow:
    broken: list[BrokenFlow] = []
    for path in project_files(root):
        try:
            module = import_file(path)
        except BrokenFlow as error:
            broken.append(error)
            continue
        for flow in flows_in(module):
            if word in {flow.name, flow.fn.__name__}:
                return _known(flow, path, root)
    if word in ready_names():
        return _ready(word)
    if broken:
        raise broken[0]
    raise NotFound(f"There is no flow {word!r}.", "See them with: lakectl flow ls")


def _known(flow: Flow, path: Path, root: Path) -> Flow:
    """The flow with the words by which another process finds it."""
    inside = path.is_relative_to(root)
    place = path.relative_to(root) if inside else path
    flow.origin = f"{place}:{flow.fn.__qualname__}"
    return flow


def project_files(root: Path) -> list[Path]:
    """The flow files of a lake, by name: `flows/*.py`, without those that begin with `_`."""
    folder = root / "flows"
    return sorted(p for p in folder.glob("*.py") if not p.name.startswith(("_", ".")))


def flows_in(module: types.ModuleType) -> list[Flow]:
    """The flows that a module defines itself, in the order of its lines."""
    found = {id(value): value for value in vars(module).values() if isinstance(value, Flow)}
    own = [flow for flow in found.values() if flow.fn.__module__ == module.__name__]
    return sorted(own, key=lambda flow: flow.fn.__code__.co_firstlineno)


def all_flows(root: Path) -> Iterator[FlowInfo]:
    """What can be run: the project's flows, then the ready ones; files that are broken too."""
    for path in project_files(root):
        try:
            flows = flows_in(import_file(path))
        except LakeError as error:
            hint = f" {error.hint}" if error.hint else ""
            yield FlowInfo(path.stem, str(path.relative_to(root)), problem=error.message + hint)
            continue
        for flow in flows:
            yield info_of(_known(flow, path, root))
    for name in ready_names():
        yield info_of(_ready(name))


def info_of(flow: Flow) -> FlowInfo:
    """What a form needs to know of a flow."""
    origin = flow.origin or "session"
    try:
        fields = parameters.fields_of(flow)
        parameters.model_of(flow)
    except InvalidInput as error:
        return FlowInfo(flow.name, origin, flow.options.description, problem=error.message)
    return FlowInfo(flow.name, origin, flow.options.description, fields, flow.options.tags)


# -- ready flows --------------------------------------------------------------------------------


def ready_names() -> tuple[str, ...]:
    """The flows that come with lakectl."""
    from jobs.builtin.names import NAMES

    return NAMES


def _ready(name: str) -> Flow:
    if name not in ready_names():
        known = ", ".join(ready_names())
        raise NotFound(f"There is no ready flow {name!r}.", f"There are: {known}.")
    module = importlib.import_module(f"jobs.builtin.{name}")
    flow: Flow = getattr(module, name)
    flow.origin = f"{READY}{name}"
    return flow


# -- importing ----------------------------------------------------------------------------------


def import_file(path: Path) -> types.ModuleType:
    """A file of people's, imported once a process.

    Raises:
        BrokenFlow: it raises while it is imported; told by its own file and line.
    """
    with _lock:
        package = _package(path.parent)
        name = f"{package}.{path.stem}"
        loaded = sys.modules.get(name)
        if loaded is not None:
            return loaded
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise BrokenFlow(f"{path} is no Python file.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        importing.add(threading.get_ident())
        try:
            spec.loader.exec_module(module)
        except KeyboardInterrupt:
            sys.modules.pop(name, None)
            raise
        except BaseException as error:
            sys.modules.pop(name, None)
            raise _retold(path, error) from error
        finally:
            importing.discard(threading.get_ident())
        return module


def _package(folder: Path) -> str:
    """A package of ours whose modules are the files of a folder."""
    digest = hashlib.blake2b(str(folder).encode(), digest_size=4).hexdigest()
    name = f"lakectl_flows_{digest}"
    if name not in sys.modules:
        package = types.ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    for place in (str(folder), str(folder.parent)):
        if place not in sys.path:
            sys.path.append(place)  # last: nothing that is there already changes its meaning
    return name


def _retold(path: Path, error: BaseException) -> BrokenFlow:
    """Why a file cannot be imported, in its author's terms."""
    kind = type(error).__name__
    if isinstance(error, SyntaxError):
        where = f"{_short(error.filename or str(path))}, line {error.lineno}"
        return BrokenFlow(f"{where}: {error.msg}.", "The file was not imported.")
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if _is_theirs(f.filename, path)]
    where = f"{_short(own[-1].filename)}, line {own[-1].lineno}" if own else str(path)
    if isinstance(error, LakeError):
        return BrokenFlow(f"{where}: {error.message}", error.hint)
    first = str(error).splitlines()[0] if str(error) else ""
    hint = _hint(path, error)
    if isinstance(error, SystemExit):
        first, hint = "it leaves the program", "Put what a script does under if __name__ == …"
    return BrokenFlow(f"{where}: {kind}: {first}", hint)


def _is_theirs(filename: str, path: Path) -> bool:
    return filename == str(path) or filename.startswith(f"{path.parent}/")


def _short(filename: str) -> str:
    path = Path(filename)
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _hint(path: Path, error: BaseException) -> str | None:
    if not isinstance(error, ImportError) or not error.name:
        return None
    first = error.name.partition(".")[0]
    theirs = [p for p in (path.parent / first, path.parent / f"{first}.py",
                          path.parent.parent / first) if p.exists()]  # fmt: skip
    if first in _OURS and theirs:
        return (
            f"In a flow the name {first!r} is lakectl's own package, not your {theirs[0]}. "
            f"Import yours relatively (from . import {first}), or rename it."
        )
    if isinstance(error, ModuleNotFoundError) and not theirs:
        return f"Install it where lakectl runs: {sys.executable} -m pip install {first}"
    return None
