"""Metadata files as a co-worker with rights in the bucket might leave them."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Metadata = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Places:
    """What hostile metadata lead to: a server that counts who calls, and files outside."""

    url: str  # of the server
    outside: Path  # a folder beside the warehouse, with files of the same names
    other: str  # the folder of another table of the lake


@dataclass(frozen=True, slots=True)
class Case:
    """A metadata file, and what must come of it.

    Args:
        what: what is hostile in it.
        change: makes it of a sound one; returns text where it is no JSON object any more.
        refused: a part of the error that names it; None where it is not believed and the rows are
            read all the same.
    """

    what: str
    change: Callable[[Metadata, Places], str | None]
    refused: str | None


def _property(name: str, value: str) -> Case:
    def change(metadata: Metadata, places: Places) -> None:
        told = value.replace("{url}", places.url).replace("{outside}", str(places.outside))
        metadata["properties"][name] = told

    return Case(f"the property {name}", change, None)


def _location(what: str, place: str) -> Case:
    def change(metadata: Metadata, places: Places) -> None:
        told = place.replace("{url}", places.url).replace("{outside}", str(places.outside))
        metadata["location"] = told.replace("{location}", metadata["location"])

    return Case(f"a location {what}", change, "outside")


def _lists(what: str, place: str, refused: str = "outside") -> Case:
    """A new snapshot whose manifest list lies elsewhere."""

    def change(metadata: Metadata, places: Places) -> None:
        new = deepcopy(metadata["snapshots"][-1])
        file = Path(new["manifest-list"]).name
        told = place.replace("{url}", places.url).replace("{outside}", str(places.outside))
        told = told.replace("{location}", metadata["location"]).replace("{file}", file)
        number = new["snapshot-id"] + 1
        new |= {"snapshot-id": number, "manifest-list": told,
                "sequence-number": new["sequence-number"] + 1}  # fmt: skip
        metadata["snapshots"].append(new)
        metadata["last-sequence-number"] = new["sequence-number"]
        metadata["current-snapshot-id"] = number
        metadata["refs"]["main"]["snapshot-id"] = number

    return Case(f"a manifest list {what}", change, refused)


def _set(what: str, refused: str | None, **values: Any) -> Case:
    def change(metadata: Metadata, _: Places) -> None:
        metadata.update({name.replace("_", "-"): value for name, value in values.items()})

    return Case(what, change, refused)


def _text(what: str, text: Callable[[Metadata], str]) -> Case:
    return Case(what, lambda metadata, _: text(metadata), "is damaged")


def _twice(metadata: Metadata, _: Places) -> None:
    metadata["snapshots"].append(deepcopy(metadata["snapshots"][-1]))


def _circle(metadata: Metadata, _: Places) -> None:
    metadata["snapshots"][0]["parent-snapshot-id"] = metadata["snapshots"][-1]["snapshot-id"]


def _own_parent(metadata: Metadata, _: Places) -> None:
    for snapshot in metadata["snapshots"]:
        snapshot["parent-snapshot-id"] = snapshot["snapshot-id"]


def _lost_head(metadata: Metadata, _: Places) -> None:
    metadata["refs"]["main"]["snapshot-id"] = 7
    metadata["current-snapshot-id"] = 7


def _field(**values: Any) -> Callable[[Metadata, Places], None]:
    def change(metadata: Metadata, _: Places) -> None:
        metadata["schemas"][-1]["fields"][0].update(values)

    return change


def _summary(**values: Any) -> Callable[[Metadata, Places], None]:
    def change(metadata: Metadata, _: Places) -> None:
        for snapshot in metadata["snapshots"]:
            snapshot["summary"].update({k.replace("_", "-"): v for k, v in values.items()})

    return change


PROPERTIES = [
    _property("py-io-impl", "evil_module.Evil"),
    _property("PY-IO-IMPL", "evil_module.Evil"),
    _property("write.py-location-provider.impl", "evil_module.Evil"),
    _property("io.manifest.cache-impl", "evil_module.Evil"),
    _property("s3.endpoint", "{url}"),
    _property("s3.access-key-id", "key"),
    _property("gcs.service.host", "{url}"),
    _property("gcs.oauth2.token", "token"),
    _property("adls.account-host", "{url}"),
    _property("uri", "{url}"),
    _property("token", "token"),
    _property("header.Authorization", "x"),
    _property("warehouse", "{outside}"),
    _property("write.data.path", "{outside}"),
    _property("write.metadata.path", "{outside}"),
    _property("write.object-storage.path", "{outside}"),
    _property("commit.retry.num-retries", "$(touch proof)"),
    _property("lakectl.key-columns", "{half of a JSON"),
    _property("lakectl.key-columns", "[" * 100_000),
]
CASES = [
    *PROPERTIES,
    _location("of the system", "/etc"),
    _location("beside the warehouse", "{outside}"),
    _location("that climbs out", "{location}/../../../outside"),
    _location("on a server", "{url}/t"),
    _location("in a bucket", "s3://bucket/t"),
    _location("on a host", "file://host/t"),
    _lists("of the system", "/etc/passwd"),
    _lists("beside the warehouse", "{outside}/{file}"),
    _lists("that climbs out", "{location}/../../../outside/{file}"),
    _lists("behind a link", "{location}/metadata/link/{file}"),
    _lists("on a server", "{url}/{file}"),
    _lists("in a bucket", "s3://bucket/{file}"),
    _lists("that is not there", "{location}/metadata/none.avro", "none.avro"),
    _text("no JSON", lambda m: json.dumps(m)[:500]),
    _text("no bytes", lambda m: ""),
    _text("a list", lambda m: "[]"),
    _text("100,000 levels", lambda m: "[" * 100_000 + "]" * 100_000),
    _text("NaN for a number", lambda m: json.dumps(m | {"last-updated-ms": float("nan")})),
    _text("20 MB of nothing", lambda m: " " * 20_000_000),
    _set("a format of the future", "damaged", format_version=9),
    _set("no schema of that id", "damaged", current_schema_id=77),
    _set("no partitioning of that id", "damaged", default_spec_id=77),
    _set("schemas of another kind", "damaged", schemas="all of them"),
    _set("a time before all time", "damaged", last_updated_ms=-(2**62)),
    _set("a time after all time", "damaged", last_updated_ms=2**62),
    Case("a snapshot twice", _twice, None),
    Case("parents in a circle", _circle, None),
    Case("a snapshot that is its own parent", _own_parent, None),
    Case("a branch to nowhere", _lost_head, "damaged"),
    Case("a field of a negative id", _field(id=-1), None),
    Case("a field of an unknown type", _field(type="evil.Type"), "damaged"),
    Case("a field without a name", _field(name=""), "damaged"),
    Case("counts that are words", _summary(total_records="many"), "damaged"),
    Case("counts below nought", _summary(total_records="-5"), None),
]  # fmt: skip


def write(case: Case, sound: Path, places: Places, number: int) -> Path:
    """The hostile file of a case, beside the sound one that it is made of."""
    metadata: Metadata = json.loads(sound.read_text())
    text = case.change(metadata, places)
    path = sound.with_name(f"{number:05d}-0e0e0e0e-0000-0000-0000-{number:012d}.metadata.json")
    path.write_text(text if text is not None else json.dumps(metadata))
    return path
