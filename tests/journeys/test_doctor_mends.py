"""A lake is damaged; doctor says what, leaves with 7, and mends it once somebody agreed."""

from __future__ import annotations

from pathlib import Path

import pytest
from lake_shell import Shell


@pytest.fixture
def ill(lake: Shell) -> tuple[Shell, Path, Path]:
    """A lake of two versions, its first data file, and its current metadata file."""
    for number in (1, 2):
        lake.file(f"{number}.csv", ["a,b", f"{number},x"])
        lake.ok("ingest", f"{number}.csv", "--into", "n.t")
    (first, second) = sorted(
        (lake.cwd / "warehouse").rglob("*.parquet"), key=lambda p: p.stat().st_mtime_ns
    )
    assert first != second
    return lake, second, Path(lake.json("show", "n.t")["metadata_location"])


def test_a_sound_lake_leaves_with_0(ill: tuple[Shell, Path, Path]) -> None:
    lake, _, _ = ill
    assert "The lake is sound: 1 dataset, 8 files" in lake.ok("doctor").out
    told = lake.json("doctor", "--verify")
    assert told.pop("bytes") == sum(
        path.stat().st_size for path in (lake.cwd / "warehouse").rglob("*") if path.is_file()
    )
    assert told.pop("sqlite").split(",")[0].count(".") == 2
    assert told == {
        "sound": True,
        "datasets": 1,
        "files": 8,
        "verified": True,
        "without_checksum": 0,
        "findings": [],
    }


def test_damage_leaves_with_7_and_is_mended_only_after_a_yes(
    ill: tuple[Shell, Path, Path],
) -> None:
    lake, data, _ = ill
    data.write_bytes(data.read_bytes()[:-9])
    told = lake.run("doctor")
    assert told.code == 7
    assert f"✖ damage  n.t: the data file {data} has" in told.out
    (finding,) = lake.run("doctor", "-o", "json").json["findings"]
    assert (finding["severity"], finding["kind"]) == ("damage", "data")
    assert (finding["dataset"], finding["path"]) == ("n.t", str(data))
    assert set(finding) == {"severity", "kind", "dataset", "path", "message", "remedy"}
    before = lake.picture()
    asked = lake.run("doctor", "--repair")
    assert asked.code == 6
    assert f"the data file {data} has" in asked.err
    assert "→ Let go of what cannot be read any more of n.t: v2." in asked.err
    assert "Nobody is there to confirm" in asked.err
    assert lake.picture() == before
    mended = lake.ok("doctor", "--repair", "--yes")
    assert "lost: v2." in mended.err
    assert lake.sql("FROM n.t") == [{"a": 1, "b": "x"}]
    assert lake.json("doctor", "--verify")["sound"]
    assert lake.ingest("2.csv", "--into", "n.t")["rows"] == 2


def test_a_missing_data_file_is_named_wherever_it_is_read(ill: tuple[Shell, Path, Path]) -> None:
    lake, data, _ = ill
    data.unlink()
    for words in (("sql", "FROM n.t"), ("preview", "n.t"), ("stats", "n.t")):
        told = lake.refused(3, *words)
        assert f"The file {data} is missing" in told
        assert "lakectl doctor" in told
    assert lake.sql("FROM n.t AT (VERSION => 1)") == [{"a": 1, "b": "x"}]


def test_damaged_metadata_costs_nothing(ill: tuple[Shell, Path, Path]) -> None:
    lake, _, metadata = ill
    metadata.write_text("{}")
    assert "damaged" in lake.refused(1, "ingest", "1.csv", "--into", "n.t", "--if-seen", "load")
    mended = lake.json("doctor", "--repair", "--yes")
    assert mended["sound"]
    assert "with 2 versions" in mended["repaired"][0]
    assert lake.sql("SELECT count(*) AS n FROM n.t") == [{"n": 2}]
    assert lake.ingest("1.csv", "--into", "n.t", "--if-seen", "load")["version"] == 3


def test_with_verification_on_no_damaged_file_is_read(ill: tuple[Shell, Path, Path]) -> None:
    lake, data, _ = ill
    whole = data.read_bytes()
    for at in range(4, len(whole) - 4, 29):
        data.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        told = lake.run("preview", "n.t", env={"LAKECTL_VERIFY": "1"})
        assert told.code == 1, at
        assert f"The file {data} is damaged" in told.err
    lake.env["LAKECTL_VERIFY"] = "1"
    assert "is damaged" in lake.refused(1, "sql", "FROM n.t")
    assert "lakectl doctor" in lake.refused(1, "stats", "n.t")
    lake.file("more.csv", ["a,b", "1,z"])
    merge = ("ingest", "more.csv", "--into", "n.t", "--mode", "merge", "--key", "a")
    assert "is damaged" in lake.refused(1, *merge)
    data.write_bytes(whole)
    assert len(lake.sql("FROM n.t")) == 2
    assert len(lake.json("preview", "n.t")) == 2
