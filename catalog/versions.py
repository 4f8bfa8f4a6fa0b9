"""Which version is meant: by number, tag, branch, snapshot id or time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from catalog.errors import InvalidInput, NotFound
from catalog.metadata.reader import Reader
from catalog.metadata.values import damaged
from catalog.model import Dataset, Version

_NUMBER = re.compile(r"v?(\d+)\Z", re.IGNORECASE)
_AGO = re.compile(r"(\d+)\s*(s|m|h|d|w)\w*\s+ago\Z", re.IGNORECASE)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
# Version numbers count commits; snapshot ids are random 63-bit numbers.
_LEAST_SNAPSHOT_ID = 10**12


def resolve(reader: Reader, dataset: Dataset, text: str | int | None) -> Version | None:
    """The version that a person means.

    Args:
        reader: the metadata store.
        dataset: whose version.
        text: `7` or `v7`, a tag, a branch, a snapshot id, an ISO time, `2h ago`; None, `latest`
            or `main` for the current one.

    Returns:
        The version, or None when the current one is meant and the dataset has none yet.

    Raises:
        NotFound: there is no such version.
        InvalidInput: the text is nothing of all that.
    """
    known = {v.snapshot_id: v for v in reader.versions(dataset)}
    if text is None or text in {"latest", "main"}:
        return known.get(dataset.snapshot_id) if dataset.snapshot_id is not None else None
    asked = str(text).strip()
    refs = {**dataset.branches, **dataset.tags}
    if asked in refs:
        return known[refs[asked]]
    number = _NUMBER.match(asked)
    if number:
        return _by_number(dataset, known, int(number[1]))
    return _by_time(reader, dataset, known, asked)


def _by_number(dataset: Dataset, known: dict[int, Version], number: int) -> Version:
    if number >= _LEAST_SNAPSHOT_ID and number in known:
        return _usable(dataset, known[number])
    for version in known.values():
        if version.version == number:
            return _usable(dataset, version)
    newest = max((v.version for v in known.values()), default=0)
    raise NotFound(
        f"{dataset.name} has no version {number}.",
        f"The newest is v{newest}; see them all with: lakectl versions {dataset.name}",
    )


def _by_time(reader: Reader, dataset: Dataset, known: dict[int, Version], asked: str) -> Version:
    moment = parse_time(asked)
    if moment is None:
        raise NotFound(
            f"{dataset.name} has no version, tag or branch {asked!r}, and it is no time.",
            "Name a version by number (v3), tag, branch, snapshot id, ISO time or '2h ago'.",
        )
    at = int(moment.timestamp() * 1000)
    # Times are shown to the second: one that is typed from the screen means all of that second.
    snapshot = reader.head_at(dataset, at if at % 1000 else at + 999)
    if snapshot is None:
        raise NotFound(
            f"{dataset.name} had no version yet at {moment.isoformat()}.",
            f"See when each was made with: lakectl versions {dataset.name}",
        )
    if snapshot not in known:
        raise damaged("heads", dataset.name)
    return _usable(dataset, known[snapshot])


def _usable(dataset: Dataset, version: Version) -> Version:
    if version.state == "expired":
        raise NotFound(
            f"v{version.version} of {dataset.name} has expired: its files may be gone.",
            "Tag versions that must stay: lakectl tag NAME TAG --at VERSION.",
        )
    return version


def parse_time(text: str) -> datetime | None:
    """A moment in UTC from an ISO time (no zone means UTC) or `2h ago`; None if it is neither.

    Raises:
        InvalidInput: it looks like a span but reaches before all time.
    """
    ago = _AGO.match(text)
    if ago:
        try:
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2].lower()]: int(ago[1])})
        except OverflowError as error:
            raise InvalidInput(f"{text!r} is too long ago.") from error
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
