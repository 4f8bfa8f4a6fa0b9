"""Whatever a CSV file looks like, it becomes exactly its table or a sentence; no row is lost."""

from __future__ import annotations

import gzip
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from battery_table import Figure
from csv_zoo import BIG, FAILED, ZOO, Animal
from lake_builder import broken_rules, bytes_of, opened
from lake_shell import ForkingShell, Server, Shell, WarmShell

from catalog.types import text_of

_ASIDE = ("--on-bad-row", "quarantine")


def _table(folder: Path, name: str) -> tuple[str, list[tuple[object, ...]]]:
    """(columns and types, rows) of a dataset."""
    with opened(folder) as lake:
        fields = lake.describe(name).schema.fields
        rows = [tuple(row.values()) for row in lake.to_arrow(name).to_pylist()]
    return ", ".join(f"{f.name} {text_of(f.type)}" for f in fields), rows


def _faults_of_a_refusal(shell: Shell, animal: Animal, words: list[str]) -> Iterator[str]:
    """What is wrong with how a file is refused."""
    before = bytes_of(shell.cwd)
    ran = shell.run(*words)
    code, says = animal.refused or (FAILED, (animal.file, f"line {animal.rejects[0][0]}"))
    if ran.code != code or ran.out or not ran.err.startswith("lakectl: "):
        yield f"{ran.code}, not {code}: {ran.out}{ran.err}"
    yield from (f"no {part!r} in {ran.err}" for part in says if part not in ran.err)
    if "Traceback" in ran.err:
        yield ran.err
    if bytes_of(shell.cwd) != before or list((shell.cwd / ".lakectl/scratch").iterdir()):
        yield "the lake is not as it was"


def _faults_of_a_load(shell: Shell, animal: Animal, words: list[str], into: str) -> Iterator[str]:
    """What is wrong with what came in of a file."""
    ran = shell.run(*words, "-o", "json")
    if ran.code:
        yield f"{ran.code}: {ran.err}"
        return
    bad = {line for line, _, _ in animal.rejects}
    if (ran.json["rows_added"], ran.json["quarantined"]) != (len(animal.rows), len(bad)):
        yield f"of {len(animal.rows)} and {len(bad)} rows came {ran.json}"
    columns, rows = _table(shell.cwd, into)
    if (columns, rows) != (animal.columns, list(animal.rows)):
        yield f"it became {columns}: {rows[:50]}"
    if not bad:
        return
    with opened(shell.cwd) as lake:
        found = lake.to_arrow(f"{into}_quarantine").to_pylist()
    if [(r["line"], r["column"]) for r in found] != [r[:2] for r in animal.rejects]:
        yield f"put aside was {found}"
    if any(part not in r["reason"] for r, (_, _, part) in zip(found, animal.rejects, strict=False)):
        yield f"put aside was {found}"


def _faults(shell: Shell, animal: Animal, into: str) -> Iterator[str]:
    """What is wrong with what becomes of a file in both modes."""
    path = shell.file(f"in/{into}/{animal.file}", animal.content)
    words = ["ingest", str(path), "--into", into, *animal.words]
    if animal.refused or animal.rejects:
        yield from _faults_of_a_refusal(shell, animal, words)
    if animal.refused:
        yield from _faults_of_a_refusal(shell, animal, [*words, *_ASIDE])
    else:
        yield from _faults_of_a_load(shell, animal, [*words, *_ASIDE], into)


def _count(animals: list[Animal]) -> str:
    loaded = [a for a in animals if not a.refused]
    bad = sum(len({line for line, _, _ in a.rejects}) for a in loaded)
    return (
        f"{len(loaded)} became exactly their table, {bad} bad rows put aside with line and reason; "
        f"{len(animals) - len(loaded)} refused in a sentence, the lake unchanged"
    )


def test_each_file_of_the_zoo_becomes_its_table_or_a_sentence(
    warm_lake: WarmShell, chance: random.Random, figure: Figure
) -> None:
    odd = [a for a in ZOO if a.refused or a.rejects]
    animals = [*odd, *chance.sample([a for a in ZOO if a not in odd], 12)]
    faults = {
        animal.what: found
        for number, animal in enumerate(animals)
        if (found := list(_faults(warm_lake, animal, f"zoo.a{number}")))
    }
    assert faults == {}
    assert broken_rules(warm_lake.cwd) == []
    figure("B1", f"{len(animals)} of {len(ZOO)} odd CSV files", _count(animals))


def _packed(animal: Animal) -> Animal:
    """The same file behind gzip: the same must come of it."""
    refused = animal.refused
    if refused:
        says = tuple(part.replace("zoo.csv", "zoo.csv.gz") for part in refused[1])
        refused = (refused[0], says)
    return replace(
        animal,
        what=f"{animal.what}, in gzip",
        content=gzip.compress(animal.content, 1),
        file="zoo.csv.gz",
        refused=refused,
    )


@pytest.mark.battery
def test_each_file_of_the_zoo_is_the_same_packed_and_in_a_lake_of_its_own(
    fresh_lake: Path, tmp_path: Path, chance: random.Random, figure: Figure
) -> None:
    plain = [a for a in ZOO if a.file == "zoo.csv" and a.content[:2] not in {b"\x1f\x8b", b""}]
    animals = [*ZOO, *BIG, *(_packed(a) for a in chance.sample(plain, 25))]
    server = Server("a_forking_command.py", fresh_lake, {})
    faults: dict[str, list[str]] = {}
    try:
        for number, animal in enumerate(animals):
            folder = tmp_path / str(number)
            shutil.copytree(fresh_lake, folder)
            shell = ForkingShell(folder, server)
            before = shell.picture()
            faults[animal.what] = list(_faults(shell, animal, "n.t"))
            if animal.refused and shell.picture() != before:
                faults[animal.what].append("the picture is not as it was")
            faults[animal.what] += broken_rules(folder)
            shutil.rmtree(folder)
    finally:
        server.close()
    assert {what: found for what, found in faults.items() if found} == {}
    figure("B1", f"{len(animals)} odd CSV files, plain and packed", _count(animals))
