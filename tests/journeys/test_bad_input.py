"""Whatever is wrong with what people give, it ends in a sentence, a code and an unchanged lake."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lake_builder import ask, broken_rules, bytes_of, load, opened
from lake_shell import Shell, WarmShell, command, environment

FAILED, USAGE, NOT_FOUND, CONFLICT, UNREACHABLE, NOT_ALLOWED = 1, 2, 3, 4, 5, 6


@pytest.fixture(scope="module")
def full_lake(fresh_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with nyc.trips(id long, fare double, city string) in two versions."""
    folder = tmp_path_factory.mktemp("full") / "lake"
    shutil.copytree(fresh_lake, folder)
    shell = Shell(folder)
    first = shell.file("first.csv", ["id,fare,city", "1,1.5,Oslo", "2,2.5,Rome"])
    second = shell.file("second.csv", ["id,fare,city", "3,3.5,Bonn"])
    with opened(folder) as lake:
        load(lake, "nyc.trips", first)
        load(lake, "nyc.trips", second)
    return folder


@pytest.fixture(scope="module")
def trips(full_lake: Path) -> Iterator[WarmShell]:
    """The lake for everything that must not change it: looked at before and after the module."""
    shell = WarmShell(full_lake)
    before = shell.picture()
    yield shell
    shell.close()
    shell = Shell(full_lake)
    assert shell.picture() == before
    assert broken_rules(full_lake) == []


@pytest.fixture
def own_trips(lake: Shell) -> Shell:
    """A lake of that kind for a test that loads into it."""
    lake.file("first.csv", ["id,fare,city", "1,1.5,Oslo", "2,2.5,Rome"])
    lake.ingest("first.csv", "--into", "nyc.trips")
    return lake


def _parquet(**columns: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


_DEEP = json.dumps({"id": 1, "deep": json.loads("[" * 150 + "1" + "]" * 150)})
_STRUCTS = '{"a":' * 150 + "1" + "}" * 150
_WHOLE = _parquet(id=list(range(1000)))
_NANO = pa.array([1], pa.timestamp("ns"))
_BIG = pa.array([2**64 - 1], pa.uint64())
_WIDE = pa.array([10**60], pa.decimal256(70, 2))
_SPAN = pa.array([pa.MonthDayNano([1, 2, 3])])

# (what it is, file name, bytes, more words, exit code, what the sentence must say)
_FILES: list[tuple[str, str, bytes, Sequence[str], int, Sequence[str]]] = [
    (
        "bad rows",
        "bad.csv",
        b"id,fare,city\n1,1,a\nx,2,b\n",
        (),
        FAILED,
        ("bad.csv, line 3", "'x'"),
    ),
    ("a ragged row", "rag.csv", b"id,fare,city\n1,1,a\n2,2\n", (), FAILED, ("rag.csv, line 3",)),
    (
        "late latin-1",
        "late.csv",
        b"id,fare,city\n" + b"1,1,a\n" * 30_000 + "2,2,Köln\n".encode("latin-1"),
        (),
        FAILED,
        ("late.csv", "line 30002", "UTF-8"),
    ),
    (
        "bytes that the encoding lacks",
        "ascii.csv",
        b"id,fare,city\n1,1,\x81\n",
        ("--encoding", "cp1252"),
        USAGE,
        ("ascii.csv", "cp1252"),
    ),
    (
        "an encoding of no name",
        "fine.csv",
        b"id,fare,city\n1,1,a\n",
        ("--encoding", "klingon"),
        USAGE,
        ("klingon",),
    ),
    ("a truncated Parquet file", "cut.parquet", _WHOLE[:-20], (), FAILED, ("cut.parquet", "whole")),
    ("the head of a Parquet file", "head.parquet", _WHOLE[:10], (), FAILED, ("head.parquet",)),
    ("text called Parquet", "text.parquet", b"id,fare\n1,2\n", (), FAILED, ("text.parquet",)),
    ("a cut Arrow file", "cut.arrow", b"ARROW1\x00\x00" + b"\x00" * 50, (), FAILED, ("cut.arrow",)),
    ("broken JSON", "bad.json", b'[{"id": 1}, {"id": ', (), FAILED, ("bad.json",)),
    ("an unknown format", "what.xlsx", b"PK\x03\x04stuff", (), USAGE, ("what.xlsx", "format")),
    ("no suffix at all", "README", b"hello\n", (), USAGE, ("README", "--format")),
    ("case twins in JSON", "case.ndjson", b'{"id": 1, "Id": 2}\n', (), USAGE, ("case",)),
    ("case twins in Parquet", "case.parquet", _parquet(id=[1], ID=[2]), (), USAGE, ("case",)),
    ("unsigned 64-bit", "big.parquet", _parquet(id=_BIG), (), USAGE, ("'id'", "unsigned", "CAST")),
    ("nanoseconds", "nano.parquet", _parquet(at=_NANO), (), USAGE, ("'at'", "nanoseconds", "CAST")),
    ("an interval", "span.parquet", b"", (), USAGE, ("'span'", "interval")),
    ("a decimal of 70 digits", "dec.arrow", b"", (), USAGE, ("'d'",)),
    (
        "a decimal that does not fit",
        "id.csv",
        b"id,fare,city\n1,1,a\n",
        ("--select", "SELECT id, (fare + 99999)::DECIMAL(4,2) AS fare, city FROM source"),
        FAILED,
        ("--select",),
    ),
    (
        "sum() in --select",
        "sum.csv",
        b"id,fare,city\n1,1,a\n",
        ("--into", "new.one", "--select", "SELECT sum(id) AS total FROM source"),
        USAGE,
        ("'total'", "128-bit", "CAST"),
    ),
    (
        "two statements in --select",
        "sel.csv",
        b"id,fare,city\n1,1,a\n",
        ("--select", "SELECT 1; DROP TABLE x"),
        USAGE,
        ("One statement",),
    ),
    (
        "a write in --select",
        "sel2.csv",
        b"id,fare,city\n1,1,a\n",
        ("--select", "COPY (SELECT 1) TO '/tmp/never.csv'"),
        USAGE,
        ("--select",),
    ),
    (
        "a column that --select lacks",
        "sel3.csv",
        b"id,fare,city\n1,1,a\n",
        ("--select", "SELECT nowhere FROM source"),
        USAGE,
        ("nowhere",),
    ),
    ("lists 150 deep", "deep.ndjson", _DEEP.encode(), (), USAGE, ("deep.ndjson", "deep")),
    ("structs 150 deep", "structs.ndjson", _STRUCTS.encode(), (), USAGE, ("structs.ndjson",)),
    (
        "a merge without a key",
        "m1.csv",
        b"id,fare,city\n1,1,a\n",
        ("--mode", "merge"),
        USAGE,
        ("key", "--key"),
    ),
    (
        "a merge key of no column",
        "m2.csv",
        b"id,fare,city\n1,1,a\n",
        ("--mode", "merge", "--key", "nr"),
        USAGE,
        ("'nr'", "id"),
    ),
    (
        "a merge key twice",
        "m3.csv",
        b"id,fare,city\n1,1,a\n1,2,b\n",
        ("--mode", "merge", "--key", "id"),
        USAGE,
        ("id",),
    ),
    (
        "a merge key of NULL",
        "m4.csv",
        b"id,fare,city\n1,1,a\n,2,b\n",
        ("--mode", "merge", "--key", "id"),
        USAGE,
        ("id",),
    ),
    (
        "an unknown transform",
        "p1.csv",
        b"a\n1\n",
        ("--into", "new.one", "--partition-by", "week(a)"),
        USAGE,
        ("week",),
    ),
    (
        "a transform of a wrong type",
        "p2.csv",
        b"a\nx\n",
        ("--into", "new.one", "--partition-by", "month(a)"),
        USAGE,
        ("month", "string"),
    ),
    (
        "another partitioning",
        "p3.csv",
        b"id,fare,city\n9,9,x\n",
        ("--partition-by", "city"),
        CONFLICT,
        ("partitioned by nothing",),
    ),
    (
        "a branch of no name",
        "b.csv",
        b"id,fare,city\n1,1,a\n",
        ("--branch", "nope"),
        NOT_FOUND,
        ("'nope'",),
    ),
    ("a delimiter of two signs", "d.csv", b"a\n1\n", ("--delimiter", "||"), USAGE, ("'||'",)),
]


def _special(name: str, path: Path) -> None:
    """Files that are simplest made by the library that can."""
    if name == "dec.arrow":
        with (
            pa.OSFile(str(path), "wb") as sink,
            pa.ipc.new_file(sink, pa.schema([("d", _WIDE.type)])) as out,
        ):
            out.write_table(pa.table({"d": _WIDE}))
    if name == "span.parquet":
        with (
            pa.OSFile(str(path), "wb") as sink,
            pa.ipc.new_file(sink, pa.schema([("span", _SPAN.type)])) as out,
        ):
            out.write_table(pa.table({"span": _SPAN}))


@pytest.mark.parametrize(
    ("name", "content", "words", "code", "says"),
    [item[1:] for item in _FILES],
    ids=[item[0].replace(" ", "-") for item in _FILES],
)
def test_a_bad_file_is_told_in_one_sentence_and_changes_nothing(
    trips: Shell, name: str, content: bytes, words: Sequence[str], code: int, says: Sequence[str]
) -> None:
    trips.file(name, content)
    if not content:
        _special(name, trips.cwd / name)
    before = bytes_of(trips.cwd)
    into = () if "--into" in words else ("--into", "nyc.trips")
    told = trips.refused(code, "ingest", name, *into, *words)
    for part in says:
        assert part in told, told
    assert bytes_of(trips.cwd) == before
    assert list((trips.cwd / ".lakectl/scratch").iterdir()) == []


_NAMES = [
    "trips",
    "a.b.c",
    "Nyc.trips",
    "nyc.Trips",
    "nyc.my trips",
    "nyc.select",
    "table.x",
    "nyc.7",
    "nyc.größe",
    "nyc.x-y",
    "nyc.",
    ".x",
    "",
    "../../esc.x",
    "nyc.a/b",
    "nyc." + "x" * 64,
    "nyc.a;drop",
    'nyc."a"',
    "nyc.a\nb",
    "-x.y",
]


def test_every_bad_dataset_name_is_refused_with_its_reason(trips: Shell) -> None:
    from catalog.errors import InvalidName

    source = trips.file("one.csv", "a\n1\n")
    before = bytes_of(trips.cwd)
    with opened(trips.cwd) as lake:
        for name in _NAMES:
            with pytest.raises(InvalidName) as told:
                load(lake, name, source)
            assert told.value.hint, name
            with pytest.raises(InvalidName):
                lake.rename("nyc.trips", name)
    for name in ("nyc.select", "../../esc.x"):
        said = trips.refused(USAGE, "ingest", "one.csv", "--into", name)
        assert name.split(".")[-1] in said or name in said
    assert bytes_of(trips.cwd) == before
    assert not (trips.cwd.parent / "esc.x").exists()


_COLUMNS = [
    "a b",
    'quo"te',
    "it's",
    "d.o.t",
    "Größe",
    "select",
    "日本",
    "a\tb",
    "*",
    "lakectl_x",
    "1",
    "-",
    "x" * 300,
    "__t0",
    "source",
    "\u202egnp",
]


@pytest.mark.parametrize("suffix", ["csv", "ndjson", "parquet"])
def test_columns_may_be_named_by_any_text(warm_lake: Shell, suffix: str) -> None:
    import csv

    lake = warm_lake
    row = {name: number for number, name in enumerate(_COLUMNS)}
    path = lake.cwd / f"odd.{suffix}"
    if suffix == "csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([list(row), list(row.values())])
    elif suffix == "ndjson":
        path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    else:
        pq.write_table(pa.table({name: [value] for name, value in row.items()}), path)
    lake.ingest(path, "--into", "odd.names", "--header")
    assert lake.sql("FROM odd.names") == [row]
    assert [f["name"] for f in lake.json("show", "odd.names")["schema"]] == list(row)
    with opened(lake.cwd) as here:
        assert here.preview("odd.names").columns == tuple(row)
        assert [r[0] for r in here.stats("odd.names").rows] == list(row)
        assert here.dataset("odd.names").to_arrow().to_pylist() == [row]


def test_values_that_are_no_plain_numbers_are_kept_or_refused_never_bent(warm_lake: Shell) -> None:
    lake = warm_lake
    values = {"x": [float("nan"), float("inf"), float("-inf"), -0.0, 5e-324]}
    pq.write_table(pa.table(values), lake.cwd / "x.parquet")
    lake.ingest("x.parquet", "--into", "odd.floats")
    assert lake.sql("FROM odd.floats") == [
        {"x": "nan"},
        {"x": "inf"},
        {"x": "-inf"},
        {"x": -0.0},
        {"x": 5e-324},
    ]
    lake.file("d.csv", ["n,d", f"1,{'9' * 38}", f"2,-{'9' * 36}.99", "3,0.1"])
    whole = "SELECT n::INTEGER AS n, d::DECIMAL(38,2) AS d FROM source WHERE n > 1"
    lake.ingest("d.csv", "--into", "odd.decimals", "--select", whole)
    assert lake.sql("SELECT d::VARCHAR AS d FROM odd.decimals ORDER BY n") == [
        {"d": f"-{'9' * 36}.99"},
        {"d": "0.10"},
    ]
    # The scale of a decimal cannot change: that would move every value's point.
    assert "decimal(38, 2)" in lake.refused(
        CONFLICT,
        "ingest",
        "d.csv",
        "--into",
        "odd.decimals",
        "--select",
        "SELECT n::INTEGER AS n, 1::DECIMAL(38,3) AS d FROM source",
        "--schema",
        "evolve",
    )


def test_what_is_not_there_is_told_with_a_way_on(trips: Shell) -> None:
    before = bytes_of(trips.cwd)
    assert "none.csv" in trips.refused(NOT_FOUND, "ingest", "none.csv", "--into", "nyc.trips")
    (trips.cwd / "nothing").mkdir(exist_ok=True)
    assert "nothing" in trips.refused(NOT_FOUND, "ingest", "nothing", "--into", "nyc.trips")
    assert "s3" in trips.refused(USAGE, "ingest", "s3://b/a.csv", "--into", "nyc.trips")
    for words in (["show"], ["versions"], ["preview"], ["undrop"], ["drop", "--yes"], ["stats"]):
        told = trips.refused(NOT_FOUND, words[0], "nyc.tripz", *words[1:])
        assert "nyc.tripz" in told
    assert "nyc.trips" in trips.refused(NOT_FOUND, "show", "nyc.tripz")  # the nearest name
    assert "v2" in trips.refused(NOT_FOUND, "preview", "nyc.trips", "--at", "v9")
    assert "gold" in trips.refused(NOT_FOUND, "rollback", "nyc.trips", "--to", "gold", "--yes")
    assert "2" in trips.refused(NOT_FOUND, "diff", "nyc.trips", "1", "7")
    assert "9" in trips.refused(NOT_FOUND, "sql", "FROM nyc.trips AT (VERSION => 9)")
    assert "nyc.none" in trips.refused(NOT_FOUND, "sql", "FROM nyc.none")
    assert "fere" in trips.refused(USAGE, "sql", "SELECT fere FROM nyc.trips")
    assert "SELEKT" in trips.refused(USAGE, "sql", "SELEKT 1")
    assert "nothing.sql" in trips.refused(NOT_FOUND, "sql", "--file", "nothing.sql")
    assert bytes_of(trips.cwd) == before


def test_a_load_waits_for_a_lake_in_use_and_then_goes_through(own_trips: Shell) -> None:
    lake = own_trips
    lake.file("next.csv", ["id,fare,city", "9,9.5,Graz"])
    holder = sqlite3.connect(lake.cwd / ".lakectl/lake.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    waiting = subprocess.Popen(
        [*command(), "ingest", "next.csv", "--into", "nyc.trips", "-o", "json"],
        cwd=lake.cwd,
        env=environment(lake.cwd),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(4)  # twice as long as a load takes
        assert lake.json("ls")[0]["version"] == 1  # readers are not kept waiting
        holder.execute("COMMIT")
        out, err = waiting.communicate(timeout=90)
    finally:
        waiting.kill()
        holder.close()
    assert (waiting.returncode, err) == (0, b"")
    assert json.loads(out)["version"] == 2


def test_a_first_line_that_is_taken_for_data_is_told(lake: Shell) -> None:
    lake.file("years.csv", ["country,2019,2020", "NO,1.5,2", "IT,3,4"])
    ran = lake.ok("ingest", "years.csv", "--into", "odd.years")
    names = [f["name"] for f in lake.json("schema", "odd.years")]
    assert names == ["country", "2019", "2020"] or "--header" in ran.err, ran.err


@contextlib.contextmanager
def _small_disk(folder: Path, size: str) -> Iterator[bool]:
    """A real file system of a few megabytes at a folder, where this user may mount one."""
    folder.mkdir(exist_ok=True)
    mount = shutil.which("mount")
    made = (
        mount
        and os.geteuid() == 0
        and subprocess.run(
            [mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
            check=False,
            capture_output=True,
        ).returncode
        == 0
    )
    try:
        yield bool(made)
    finally:
        if made:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def _wide(lake: Shell, name: str, rows: int) -> None:
    """Rows that no compression makes small."""
    noise = (f"{n},{os.urandom(48).hex()}\n" for n in range(rows))
    with (lake.cwd / name).open("w", encoding="ascii") as file:
        file.write("id,noise\n")
        file.writelines(noise)


def test_a_full_disk_ends_a_load_cleanly_and_the_next_goes_through(tmp_path: Path) -> None:
    home = tmp_path / "lake"
    home.mkdir()
    lake = Shell(home)
    with _small_disk(home / "warehouse", "3m") as mounted:
        if not mounted:
            pytest.skip("this user may not mount a disk; the limit on files is tested below")
        lake.ok("init")
        _wide(lake, "small.csv", 100)
        _wide(lake, "big.csv", 80_000)
        lake.ingest("small.csv", "--into", "nyc.noise")
        before = lake.picture()
        told = lake.refused(UNREACHABLE, "ingest", "big.csv", "--into", "nyc.noise")
        assert "disk is full" in told
        assert lake.picture() == before
        assert broken_rules(home) == []
        # Even with not a byte left for metadata, and again after space is there.
        free = shutil.disk_usage(home / "warehouse").free
        (home / "warehouse/ballast").write_bytes(b"\0" * (free - 8192))
        with contextlib.suppress(OSError), (home / "warehouse/ballast").open("ab") as file:
            while True:
                file.write(b"\0" * 512)
                file.flush()
        lake.refused(UNREACHABLE, "ingest", "small.csv", "--into", "nyc.noise", "--if-seen", "load")
        assert lake.one("SELECT count(*) FROM nyc.noise") == 100
        (home / "warehouse/ballast").unlink()
        assert lake.picture() == before
        assert lake.ingest("small.csv", "--into", "nyc.noise", "--if-seen", "load")["rows"] == 200
        assert broken_rules(home) == []


def test_a_full_disk_under_the_scratch_folder_ends_a_load_cleanly(tmp_path: Path) -> None:
    home = tmp_path / "lake"
    with _small_disk(home, "3m") as mounted:
        if not mounted:
            pytest.skip("this user may not mount a disk")
        lake = Shell(home)
        lake.ok("init")
        lake.ingest("-", "--into", "nyc.noise", stdin=b"id\n1\n")
        before = lake.picture()
        noise = "".join(f"{os.urandom(32).hex()}\n" for _ in range(60_000))
        told = lake.refused(
            UNREACHABLE, "ingest", "-", "--into", "nyc.noise", stdin=f"id\n{noise}".encode()
        )
        assert "disk is full" in told
        assert lake.picture() == before
        assert list((home / ".lakectl/scratch").iterdir()) == []
        assert lake.ingest("-", "--into", "nyc.noise", stdin=b"id\n2\n")["rows"] == 2


def test_a_file_that_may_not_grow_ends_a_load_cleanly(own_trips: Shell) -> None:
    lake = own_trips
    _wide(lake, "big.csv", 20_000)
    before = lake.picture()
    limited = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000)); "
        "from lakectl.__main__ import main; sys.argv[0] = 'lakectl'; main()"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", limited, "ingest", "big.csv", "--into", "nyc.noise"],
        cwd=lake.cwd,
        env=environment(lake.cwd),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in {FAILED, UNREACHABLE}, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("lakectl: ")
    assert lake.picture() == before
    assert broken_rules(lake.cwd) == []
    assert lake.ingest("big.csv", "--into", "nyc.noise")["rows"] == 20_000


def test_without_a_lake_every_command_says_how_to_get_one(tmp_path: Path) -> None:
    nowhere = Shell(tmp_path)
    for words in (
        ["ls"],
        ["show", "a.b"],
        ["sql", "SELECT 1"],
        ["ingest", "x.csv", "--into", "a.b"],
    ):
        told = nowhere.refused(NOT_FOUND, *words)
        assert "lakectl.toml" in told
        assert "lakectl init" in told
    assert str(tmp_path / "gone") in nowhere.refused(NOT_FOUND, "--lake", tmp_path / "gone", "ls")
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_newer_than_the_program_is_left_alone(own_trips: Shell) -> None:
    lake = own_trips
    store = lake.cwd / ".lakectl/lake.db"
    tables = {
        name for (name,) in ask(lake.cwd, "SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    with contextlib.closing(sqlite3.connect(store)) as connection, connection:
        if "alembic_version" in tables:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("UPDATE lake_info SET value = '9999' WHERE key LIKE '%revision%'")
    before = store.read_bytes()
    lake.file("next.csv", ["id,fare,city", "9,9.5,Graz"])
    for words in (["ls"], ["ingest", "next.csv", "--into", "nyc.trips"], ["sql", "FROM nyc.trips"]):
        ran = lake.run(*words)
        assert ran.code in {CONFLICT, UNREACHABLE}, (words, ran)
        assert "newer" in ran.err, ran.err
        assert "Traceback" not in ran.err
    assert store.read_bytes() == before
