"""Where a lake is and how to reach it: `lakectl.toml`, the environment and the flags.

What is nearer wins: a flag, then the environment, then the profile in the file.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from catalog.errors import InvalidInput, NotFound, StoreUnreachable

FILE = "lakectl.toml"
_NO = {"", "0", "false", "no", "off"}  # of a variable that says yes or no
_KEYS = {"warehouse", "database", "readonly", "verify", "keep_runs_days", "keep_runs"}


@dataclass(frozen=True, slots=True)
class Settings:
    """One lake, ready to be opened."""

    root: Path  # the folder that holds lakectl.toml
    profile: str
    warehouse: str  # an absolute folder or gs://bucket/prefix
    database: str  # sqlite:///absolute/path or postgresql://…
    readonly: bool = False
    verify: bool = False  # compare checksums before data files are read
    keep_runs_days: float = 90.0  # for how long runs stay in the history
    keep_runs: int = 100  # and how many of each flow, however old

    @property
    def state(self) -> Path:
        """The folder for what belongs to this machine: locks, history of the SQL screen."""
        return self.root / ".lakectl"


def find_root(lake: str | None = None) -> Path:
    """The folder of the lake that is meant: named, from LAKECTL_LAKE, or upwards from here.

    Raises:
        NotFound: there is no lakectl.toml.
    """
    named = lake or os.environ.get("LAKECTL_LAKE")
    if named:
        root = Path(named).expanduser().resolve()
        if os.path.isfile(root / FILE):  # says no, too, to a name that no file can have
            return root
        raise NotFound(
            f"There is no lake in {root}: it has no {FILE}.",
            f"Make one with: lakectl init {named}",
        )
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return folder
    raise NotFound(
        f"No {FILE} in {here} or above it.",
        "Make a lake with: lakectl init   or name one: --lake DIR, LAKECTL_LAKE=DIR. "
        "To look around first: lakectl demo",
    )


def load(lake: str | None = None, profile: str | None = None) -> Settings:
    """Read the settings of a lake.

    Raises:
        NotFound: there is no lake, or no such profile.
        InvalidInput: the file cannot be understood; the message names the line or key.
        StoreUnreachable: it cannot be read.
    """
    root = find_root(lake)
    found = _read(root / FILE)
    profiles = found.get("profiles")
    if not isinstance(profiles, dict) or not profiles:
        raise InvalidInput(f"{root / FILE} has no [profiles.…] section.")
    name = profile or os.environ.get("LAKECTL_PROFILE") or str(found.get("profile", "default"))
    if name not in profiles:
        known = ", ".join(sorted(profiles))
        raise NotFound(f"{root / FILE} has no profile {name!r}.", f"It has: {known}.")
    if not isinstance(profiles[name], dict):
        raise InvalidInput(f"{root / FILE}: profiles.{name} is no section.")
    return _from_profile(root, name, profiles[name])


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{path} is not valid TOML: {error}.") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is no UTF-8 text: {error}.") from error
    except OSError as error:
        raise StoreUnreachable(f"{path} cannot be read: {error.strerror}.") from error


def _from_profile(root: Path, name: str, values: Mapping[str, Any]) -> Settings:
    where = f"{root / FILE}, [profiles.{name}]"
    unknown = sorted(set(values) - _KEYS)
    if unknown:
        raise InvalidInput(
            f"{where} has an unknown key {unknown[0]!r}.", f"Known: {', '.join(sorted(_KEYS))}."
        )
    for key in ("warehouse", "database"):
        if not isinstance(values.get(key), str):
            raise InvalidInput(f'{where} needs {key} = "…".')
    database = os.environ.get("LAKECTL_DATABASE") or str(values["database"])
    flags = {
        flag: bool(values.get(flag))
        or os.environ.get(f"LAKECTL_{flag.upper()}", "").lower() not in _NO
        for flag in ("readonly", "verify")
    }
    warehouse = absolute_warehouse(root, str(values["warehouse"]))
    try:
        url = absolute_database(root, database)
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {error.message}", error.hint) from error
    kept = {key: _number(where, key, values[key]) for key in _NUMBERS if key in values}
    return Settings(root, name, warehouse, url, **flags, **kept)


_NUMBERS = ("keep_runs_days", "keep_runs")


def _number(where: str, key: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise InvalidInput(f"{where} says {key} = {value!r}.", "It takes a number, 0 or more.")
    return int(value) if key == "keep_runs" else float(value)


def absolute_warehouse(root: Path, warehouse: str) -> str:
    """A warehouse as it is used: folders are counted from the lake's own folder."""
    return warehouse if "://" in warehouse else str((root / Path(warehouse).expanduser()).resolve())


def absolute_database(root: Path, url: str) -> str:
    """A database URL as it is used: SQLite paths are counted from the lake's own folder.

    Raises:
        InvalidInput: neither SQLite nor Postgres.
    """
    if url.startswith("sqlite:///"):
        return "sqlite:///" + str((root / url.removeprefix("sqlite:///")).resolve())
    if url.startswith(("postgresql://", "postgres://")):
        return "postgresql://" + url.split("://", 1)[1]
    raise InvalidInput(
        f"The metadata store cannot be at {url.split('://')[0]!r}.",
        "Use sqlite:///path or postgresql://user@host/database.",
    )


def write(root: Path, warehouse: str, database: str) -> list[str]:
    """Write a first `lakectl.toml` and return what a person should know about it.

    A password is never written: Postgres takes it from ~/.pgpass, PGPASSWORD or LAKECTL_DATABASE.
    """
    notes = []
    if not database.startswith("sqlite:"):
        parts = urlsplit(database)
        if parts.password is not None:
            host = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
            database = urlunsplit(parts._replace(netloc=f"{parts.username}@{host}"))
            notes.append(
                "The password was not written to lakectl.toml: give it by ~/.pgpass, PGPASSWORD, "
                "or the whole URL in LAKECTL_DATABASE."
            )
    text = (
        "# A lake of lakectl. Commands find this file by walking up from where they are run.\n"
        'profile = "default"\n\n'
        "[profiles.default]\n"
        f"warehouse = {_toml(warehouse)}  # a folder beside this file, or gs://bucket/prefix\n"
        f"database = {_toml(database)}  # or postgresql://user@host/database\n"
    )
    path = root / FILE
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return notes


def _toml(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False)  # a JSON string is a TOML basic string
