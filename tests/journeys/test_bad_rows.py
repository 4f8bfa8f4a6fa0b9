"""Rows that are not what they should be: none is lost, none is bent, each is told with its line."""

from __future__ import annotations

import csv
import gzip
import json
from typing import Any

import pytest
from lake_shell import Shell

_SOUND = [f"{n},{n}.5,2026-01-01" for n in range(200)]


@pytest.fixture
def lake(warm_lake: Shell) -> Shell:
    """An empty lake, all of whose commands run in one process."""
    return warm_lake


def _quarantined(lake: Shell, name: str) -> list[dict[str, Any]]:
    return lake.sql(f'SELECT file, line, "column", reason, raw FROM {name} ORDER BY file, line')


def test_bad_rows_are_refused_and_then_set_aside(lake: Shell) -> None:
    dirty = list(_SOUND)
    dirty[49] = "x49,49.5,2026-01-01"  # line 51
    dirty[99] = "99,99.5"  # too few
    dirty[119] = "119,119.5,2026-02-30"  # no such day
    dirty[149] = '149,"149.5,2026-01-01'  # a quote that never closes
    dirty[179] = "179,179.5,2026-01-01,extra"
    lake.file("sound.csv", ["id,fare,day", *_SOUND])
    lake.ingest("sound.csv", "--into", "nyc.trips")
    lake.file("dirty.csv", ["id,fare,day", *dirty])
    before = lake.picture()
    told = lake.refused(1, "ingest", "dirty.csv", "--into", "nyc.trips")
    assert "dirty.csv, line 51, column 'id': 'x49' is not of type long" in told
    assert "5 rows are bad in all" in told
    assert "--on-bad-row quarantine" in told
    assert lake.picture() == before

    words = ["dirty.csv", "--into", "nyc.trips", "--on-bad-row", "quarantine"]
    report = lake.ingest(*words)
    assert (report["rows_added"], report["quarantined"], report["rows"]) == (195, 5, 395)
    found = _quarantined(lake, "nyc.trips_quarantine")
    assert {row["file"] for row in found} == {"dirty.csv"}
    assert [(row["line"], row["column"]) for row in found] == [
        (51, "id"),
        (101, None),
        (121, "day"),
        (151, None),
        (181, None),
    ]
    assert [row["raw"] for row in found] == [dirty[i] for i in (49, 99, 119, 149, 179)]
    assert found[1]["reason"] == "2 fields where 3 are expected"
    assert "'2026-02-30' is not of type date" in found[2]["reason"]
    assert "quote" in found[3]["reason"]
    assert found[4]["reason"] == "4 fields where 3 are expected"
    bad = ", ".join(str(n) for n in (49, 99, 119, 149, 179))
    assert lake.one(f"SELECT count(*) FROM nyc.trips WHERE id IN ({bad})") == 5  # the sound file's
    assert lake.one("SELECT count(*) FROM (SELECT id FROM nyc.trips GROUP BY 1)") == 200


def test_several_dirty_files_each_keep_their_name_and_line(lake: Shell) -> None:
    # There is no dataset yet: the types are those of the first file.
    lake.file("a.csv", ["id,n", *(f"{i},{i}" for i in range(100))])
    lake.file("b.csv.gz", gzip.compress(b"id,n\nseven,7\n8,8\n"))
    # A row over two lines is one row: the next bad one still stands on its own line.
    lake.file("c.csv", 'id,n\r\n"9",9\r\n\r\n10,ten\r\n')
    words = ["a.csv", "b.csv.gz", "c.csv", "--into", "nyc.n", "--on-bad-row", "quarantine"]
    report = lake.ingest(*words)
    assert (report["rows_added"], report["quarantined"]) == (102, 2)
    found = [(r["file"], r["line"], r["column"]) for r in _quarantined(lake, "nyc.n_quarantine")]
    assert found == [("b.csv.gz", 2, "id"), ("c.csv", 4, "n")]


def test_values_over_several_lines_do_not_shift_the_line_of_the_next_bad_row(lake: Shell) -> None:
    lake.file("a.csv", ["note,n", "sound,1"])
    lake.ingest("a.csv", "--into", "nyc.n")
    lake.file("b.csv", 'note,n\n"one\ntwo\nthree",1\nplain,x\n"a ""b""\n",3\nmore,4\nlast,y\n')
    report = lake.ingest("b.csv", "--into", "nyc.n", "--on-bad-row", "quarantine")
    assert (report["rows_added"], report["quarantined"]) == (3, 2)
    found = [(row["line"], row["raw"]) for row in _quarantined(lake, "nyc.n_quarantine")]
    assert found == [(5, "plain,x"), (9, "last,y")]
    assert lake.one("SELECT note FROM nyc.n WHERE n = 3") == 'a "b"\n'


def test_broken_lines_of_ndjson_are_set_aside_too(lake: Shell) -> None:
    lake.file("a.ndjson", ['{"id": 1}', '{"id": 2', "[3]", "", '{"id": 4}', "null"])
    before = lake.picture()
    told = lake.refused(1, "ingest", "a.ndjson", "--into", "nyc.j")
    assert "a.ndjson" in told
    assert lake.picture() == before
    report = lake.ingest("a.ndjson", "--into", "nyc.j", "--on-bad-row", "quarantine")
    assert (report["rows_added"], report["quarantined"]) == (2, 3)
    found = _quarantined(lake, "nyc.j_quarantine")
    assert [(r["line"], r["raw"]) for r in found] == [(2, '{"id": 2'), (3, "[3]"), (6, "null")]


def test_a_late_fraction_is_neither_rounded_nor_lost(lake: Shell) -> None:
    # DuckDB's own sniffer turns 1.5 at row 60,001 of a column of integers into 2, in silence.
    lake.file("late.csv", ["n", *("1" for _ in range(60_000)), "1.5", "3"])
    ran = lake.ok("ingest", "late.csv", "--into", "nyc.late")
    assert "n was taken as double: a later row needs it" in ran.err
    assert lake.sql("SELECT count(*) AS c, sum(n) AS s, max(n) AS m FROM nyc.late") == [
        {"c": 60_002, "s": 60_004.5, "m": 3.0}
    ]
    # A later file cannot change a dataset that is there: its row is a bad row.
    lake.file("word.csv", ["n", *("1" for _ in range(60_000)), "1e400", "many"])
    told = lake.refused(1, "ingest", "word.csv", "--into", "nyc.late")
    assert "line 60002, column 'n'" in told
    assert "2 rows are bad" in told


def test_rows_in_are_rows_loaded_plus_rows_quarantined_whatever_the_dirt(lake: Shell) -> None:
    values = ["1", "", " 1", "1 ", "+1", "01", "1.0", "1e3", "0x1", "1_000", "nan", "-0", "1,5"]
    values += ["9223372036854775807", "9223372036854775808", "１", '"', "NULL", "\u00a01", "-1"]
    path = lake.cwd / "zoo.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "n"])
        writer.writerows([f"s{i}", str(i)] for i in range(100))
        writer.writerows([f"r{i}", value] for i, value in enumerate(values))
    lake.file("ok.csv", ["id,n", "a,1", "b,2"])
    lake.ingest("ok.csv", "--into", "nyc.zoo")
    report = lake.ingest("zoo.csv", "--into", "nyc.zoo", "--on-bad-row", "quarantine")
    assert report["rows_added"] + report["quarantined"] == 100 + len(values)
    loaded = {r["id"]: r["n"] for r in lake.sql("SELECT * FROM nyc.zoo WHERE id LIKE 'r%'")}
    taken = {values[int(key[1:])]: n for key, n in loaded.items()}
    # Only what is written exactly as a long is one; everything else waits in the quarantine.
    assert taken == {"1": 1, "": None, "9223372036854775807": 2**63 - 1, "-1": -1}
    raw = [r["raw"] for r in _quarantined(lake, "nyc.zoo_quarantine")]
    assert len(raw) == len(values) - len(taken)
    assert json.dumps(raw, ensure_ascii=False).count("１") == 1
