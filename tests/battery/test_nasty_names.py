"""Five hundred nasty names: each is refused or usable everywhere, and none leads outside."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from battery_table import Figure
from lake_builder import broken_rules, load, opened
from lake_shell import Shell

import lakectl
from catalog.errors import InvalidInput, LakeError
from catalog.ingest import IngestRequest
from catalog.names import ident, lit

_PARTS = [
    "'", '"', "`", ";", "--", "/*", "*/", "$$", "\\", "%", "%2e%2e%2f", "%s", "{}", "{0}", "$HOME",
    "`id`", "$(id)", "\x1b[2J", "\x1b]52;c;eA==\x07", "\n", "\r", "\t", "\x00", "\x7f", "..",
    "\x9b", "../..", "/", "a/b", "/etc/passwd", "~", "*", "?", "[a-z]", "{a,b}", "\u202e", "\u200b",
    "שלום", "日本", "é", "e\u0301", "😀", "\ud800", "\ufeff", "-rf", "--help", "=1+1", "@x", "#",
    "select", "SELECT", "table", "from", "null", "main", "lake", "information_schema",
    "'; DROP TABLE x; --",
    '" OR 1=1 --', "[red]x[/]", "[@click=app.quit]x[/]", " ", "  x", "x ", ".", "a.b", "A", "a",
    "x" * 300, "CON", "_", "__proto__", "1", "007", "v7", "gold", "s3://b", "file:///etc", "\u2028",
]  # fmt: skip


def _names(chance: random.Random, count: int) -> list[str]:
    """Each part, and mixtures of them."""
    found = dict.fromkeys(_PARTS)
    while len(found) < count:
        found["".join(chance.choices(_PARTS, k=chance.randint(2, 4)))] = None
    return chance.sample(list(found), count)


def _walk(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def _column(lake: lakectl.Lake, number: int, name: str, out: Path) -> Iterator[str]:
    """What is wrong with a name as a column and partition value; nothing where it is refused."""
    into = f"n.c{number}"
    try:
        table = pa.table({name: [1], "part": [name]})
        lake.dataset(into).append(table, partition_by=["part"])
    except (InvalidInput, UnicodeEncodeError):  # half a character is no text for Arrow either
        return
    if lake.describe(into).schema.names != [name, "part"]:
        yield f"column {name!r} became {lake.describe(into).schema.names}"
    query = f"SELECT {ident(name)} AS one FROM {into} WHERE part = {lit(name)}"
    if lake.sql(query).rows != ((1,),):
        yield f"column {name!r} gives {lake.sql(query).rows}"
    if lake.preview(into).columns != (name, "part") or lake.to_arrow(into).column_names[0] != name:
        yield f"column {name!r} is previewed as {lake.preview(into).columns}"
    path = out / f"{number}.parquet"
    lake.export(into, str(path))
    if pq.read_table(path).column_names != [name, "part"]:
        yield f"column {name!r} is exported as {pq.read_table(path).column_names}"


def _datasets(lake: lakectl.Lake, source: Path, name: str) -> Iterator[str]:
    """What is wrong with a name as namespace and dataset."""
    for dataset in (f"{name}.t", f"n.{name}"):
        try:
            load(lake, dataset, source, if_seen="load")
        except LakeError as error:
            if not error.hint:
                yield f"{dataset!r} is refused without a hint"
        else:
            if lake.sql(f"SELECT count(*) FROM {dataset}").rows != ((1,),):
                yield f"{dataset!r} is not usable"


def _refs(lake: lakectl.Lake, name: str) -> Iterator[str]:
    """What is wrong with a name as tag and branch."""
    for verb in (lake.tag, lake.branch):
        try:
            verb("n.base", name)
        except LakeError as error:
            if isinstance(error, InvalidInput) and not error.hint:
                yield f"the {verb.__name__} {name!r} is refused without a hint"
        else:
            query = f"SELECT count(*) FROM n.base AT (VERSION => {lit(name)})"
            if lake.sql(query).rows != ((1,),):
                yield f"the {verb.__name__} {name!r} is not usable"


def _file(lake: lakectl.Lake, source: Path, name: str) -> Iterator[str]:
    """What is wrong with a name as that of a file that is not there."""
    with pytest.raises(LakeError):
        lake.ingest(IngestRequest(into="n.base", sources=(f"{source.parent}/none/{name}",)))
    yield from ()


@pytest.mark.parametrize("count", [25, pytest.param(500, marks=pytest.mark.battery)])
def test_a_nasty_name_is_refused_or_usable_and_leads_nowhere(
    lake: Shell, tmp_path: Path, chance: random.Random, figure: Figure, count: int
) -> None:
    out = tmp_path / "out"
    (out / "in").mkdir(parents=True)
    source = out / "in/1.csv"
    source.write_text("a\n1\n")
    names = _names(chance, count)
    before = {path for path in _walk(tmp_path) if not path.startswith("lake/")}
    faults: list[str] = []
    with opened(lake.cwd) as here:
        load(here, "n.base", source)
        for number, name in enumerate(names):
            for check in (_column(here, number, name, out), _refs(here, name),
                          _datasets(here, source, name), _file(here, source, name)):  # fmt: skip
                try:
                    faults += check
                except Exception as error:  # noqa: BLE001 - just what must not be
                    faults.append(f"{name!r}: {type(error).__name__}: {str(error)[:200]}")
        accepted = sum(one.name.name.startswith("c") for one in here.ls())
    assert not faults, "\n".join(faults)
    after = {path for path in _walk(tmp_path) if not path.startswith("lake/")}
    assert {p for p in after - before if not p.startswith("out/")} == set()
    assert broken_rules(lake.cwd) == []
    figure(
        "B4",
        f"{count} names as column, partition value, namespace, dataset, tag, branch and file",
        f"{accepted} accepted as columns, each usable in SQL, preview, schema and export; the "
        "others refused with a hint; 0 files outside",
    )
