"""Whatever stands in a cell of the store: nothing is run, and the other datasets stay usable."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import hostile_rows
import pytest
from battery_table import Figure
from lake_builder import opened
from lake_shell import WarmShell

import lakectl
from catalog.errors import LakeError

_ABOUT = [
    ["ls"], ["show", "n.t"], ["versions", "n.t"], ["schema", "n.t"], ["schema", "n.t", "--history"],
    ["preview", "n.t"], ["search", "gold"], ["doctor"],
]  # fmt: skip
_OTHERS = [["show", "n.other"], ["versions", "n.other"], ["preview", "n.other"]]
_LAKE_ITSELF = {"lake_info", "iceberg_namespace_properties"}  # rows that are of no dataset


@pytest.fixture
def spoiled(fresh_lake: Path, tmp_path: Path) -> Iterator[WarmShell]:
    """n.t with three versions, a tag, a quarantine and a journal; n.other in two versions."""
    folder = tmp_path / "home" / "lake"
    shutil.copytree(fresh_lake, folder)
    evil = f"from pathlib import Path\nPath({str(tmp_path / 'proof')!r}).touch()\n"
    shell = WarmShell(folder, {"PYTHONPATH": str(folder)})
    shell.file("evil_module.py", evil)
    one, two = shell.file("1.csv", ["a,b", "1,x"]), shell.file("2.csv", ["a,b", "2,y", "z,z"])
    for name in ("n.t", "n.other"):
        shell.ok("ingest", one, "--into", name)
        shell.ok("ingest", two, "--into", name, "--on-bad-row", "quarantine")
    shell.ok("tag", "n.t", "gold", "--at", "v1")
    shell.ok("annotate", "n.t", "--owner", "ana", "--label", "tier=gold", "--column", "a=The key")
    shell.ok("ingest", one, "--into", "n.t", "--mode", "overwrite", "--if-seen", "load")
    yield shell
    shell.close()


def _faults(shell: WarmShell, lake: lakectl.Lake, *, others: bool) -> Iterator[str]:
    """What is wrong with how the lake takes a spoiled cell."""
    for words in [*_ABOUT, *(_OTHERS if others else [])]:
        ran = shell.run(*words)
        told = f"{' '.join(words)} -> {ran.code}: {ran.err[:300]}"
        if ran.code not in {0, 1, 2, 3, 4, 5, 6, 7} or "Traceback" in ran.err:
            yield told
        elif others and words in [["ls"], *_OTHERS] and ran.code:
            yield f"{told} (of another dataset)"
        elif others and ran.code and ran.code != 7 and "n.t" not in ran.err:
            yield f"{told} (of which dataset?)"
        if "\x1b" in ran.out + ran.err or "\x00" in ran.out + ran.err:
            yield f"{' '.join(words)} shows a control character"
    for name in ("n.t", "n.other"):
        try:
            lake.sql(f"SELECT count(*) FROM {name}")
        except LakeError as error:
            if others and name == "n.other":
                yield f"sql of another dataset: {error.message[:300]}"
        except Exception as error:  # noqa: BLE001 - just what must not be
            yield f"sql of {name}: {type(error).__name__}: {str(error)[:300]}"
        lake.handles.close()


def _put_through(
    shell: WarmShell, cases: list[tuple[str, str, str]], cells: dict[str, object]
) -> tuple[int, dict[str, list[str]]]:
    """(cells spoiled, what is wrong by cell)."""
    store = shell.cwd / ".lakectl/lake.db"
    whole = store.read_bytes()
    dataset_id = shell.json("show", "n.t")["location"].rpartition("/")[2]
    faults: dict[str, list[str]] = {}
    done = 0
    with opened(shell.cwd) as lake:
        for table, column, what in cases:
            where = hostile_rows.rows_of(table, dataset_id, "n", "t")
            if not hostile_rows.spoil(store, table, column, cells[what], where):
                continue
            done += 1
            found = list(_faults(shell, lake, others=table not in _LAKE_ITSELF))
            if found:
                faults[f"{what} in {table}.{column}"] = found
            lake.handles.close()
            store.write_bytes(whole)
    return done, faults


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("share", "each"), [(0.3, 1), pytest.param(1.0, 3, marks=pytest.mark.battery)]
)
def test_no_cell_of_the_store_runs_or_hides_anything(
    spoiled: WarmShell,
    chance: random.Random,
    figure: Figure,
    tmp_path: Path,
    share: float,
    each: int,
) -> None:
    cells = hostile_rows.values(tmp_path / "proof")
    everywhere = hostile_rows.columns()
    columns = chance.sample(everywhere, round(share * len(everywhere)))
    cases = [(*column, what) for column in columns for what in chance.sample(sorted(cells), each)]
    before = _files(tmp_path)
    done, faults = _put_through(spoiled, cases, cells)
    made = {p for p in _files(tmp_path) - before if "/.lakectl/" not in p and "pycache" not in p}
    told = [f"{cell}: {fault}" for cell, found in faults.items() for fault in found]
    assert not told, "\n".join(told)
    assert made == set()
    assert not (tmp_path / "proof").exists()
    figure(
        "S4",
        f"{done} hostile cells in {len(columns)} of {len(everywhere)} columns of our tables",
        "no code run, no file made, no crash in 10 commands; the other dataset usable each time",
    )


def test_a_damaged_row_is_told_listed_and_made_anew(spoiled: WarmShell) -> None:
    store = spoiled.cwd / ".lakectl/lake.db"
    dataset_id = spoiled.json("show", "n.t")["location"].rpartition("/")[2]
    before = spoiled.json("show", "n.t"), spoiled.json("versions", "n.t")
    for table, column in (("datasets", "schema"), ("versions", "rows"), ("data_files", "bytes")):
        where = hostile_rows.rows_of(table, dataset_id, "n", "t")
        assert hostile_rows.spoil(store, table, column, "half of {", where)
        told = [f for f in spoiled.run("doctor", "-o", "json").json["findings"]
                if f["severity"] == "wrong"]  # fmt: skip
        assert [f["dataset"] for f in told] == ["n.t"]
        assert table in told[0]["message"]
        assert "cannot stand there" in told[0]["message"]
        spoiled.refused(
            1, {"datasets": "show", "versions": "versions"}.get(table, "preview"), "n.t"
        )
        assert "n.t" in [one["name"] for one in spoiled.json("ls")]
        spoiled.ok("doctor", "--repair", "--yes")
        assert (spoiled.json("show", "n.t"), spoiled.json("versions", "n.t")) == before
    assert len(spoiled.json("preview", "n.t")) == 1
