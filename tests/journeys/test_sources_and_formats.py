"""Whatever people have, wherever it lies, comes in as the same rows."""

from __future__ import annotations

import functools
import gzip
import http.server
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gcsfs
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import zstandard
from lake_shell import Shell
from real_gcs import GcsServer

_HEAD = "id,name,day,fare"


@pytest.fixture
def lake(warm_lake: Shell) -> Shell:
    """An empty lake, all of whose commands run in one process."""
    return warm_lake


def _row(number: int) -> dict[str, object]:
    return {"id": number, "name": f"Zoë {number}", "day": f"2026-01-{number:02d}", "fare": 1.5}


def _csv(*numbers: int, sign: str = ",") -> str:
    lines = [_HEAD.replace(",", sign)]
    lines += [sign.join(str(value) for value in _row(n).values()) for n in numbers]
    return "".join(f"{line}\n" for line in lines)


def _table(*numbers: int) -> pa.Table:
    table = pa.Table.from_pylist([_row(n) for n in numbers])
    return table.set_column(2, "day", table["day"].cast(pa.date32()))


def _write_arrow(path: Path, table: pa.Table, form: Any) -> None:
    with pa.OSFile(str(path), "wb") as sink, form(sink, table.schema) as out:
        out.write_table(table)


def test_files_of_every_format_make_one_version(lake: Shell) -> None:
    lake.file("a.csv", _csv(1))
    lake.file("b.tsv", _csv(2, sign="\t"))
    lake.file("c.csv", _csv(3, sign=";"))
    lake.file("d.psv", _csv(4, sign="|"))
    lake.file("e.csv.gz", gzip.compress(_csv(5).encode()))
    lake.file("f.csv.zst", zstandard.compress(_csv(6).encode()))
    lake.file("g.json", json.dumps([_row(7)]))
    lake.file("h.ndjson", json.dumps(_row(8)) + "\n")
    lake.file("i.jsonl.gz", gzip.compress(json.dumps(_row(9)).encode() + b"\n"))
    pq.write_table(_table(10), lake.cwd / "j.parquet")
    _write_arrow(lake.cwd / "k.arrow", _table(11), pa.ipc.new_file)
    _write_arrow(lake.cwd / "l.arrows", _table(12), pa.ipc.new_stream)
    pyarrow.feather.write_feather(_table(13), str(lake.cwd / "m.feather"))
    names = sorted(p.name for p in lake.cwd.glob("[a-m].*"))
    assert len(names) == 13
    told = lake.ingest(*names, "--into", "zoo.mixed")
    assert (told["version"], told["rows_added"]) == (1, 13)
    assert lake.sql("FROM zoo.mixed ORDER BY id") == [_row(n) for n in range(1, 14)]
    kinds = {f["name"]: f["type"] for f in lake.json("show", "zoo.mixed")["schema"]}
    assert kinds == {"id": "long", "name": "string", "day": "date", "fare": "double"}


@pytest.mark.parametrize(
    ("encoding", "coded"),
    [("latin-1", "latin-1"), ("utf-16", "utf-16"), ("utf-8", "utf-8-sig")],
)
def test_text_in_other_encodings_is_read_right(lake: Shell, encoding: str, coded: str) -> None:
    lake.file("a.csv", _csv(1, 2).encode(coded))
    lake.ingest("a.csv", "--into", "zoo.text", "--encoding", encoding)
    assert lake.sql("FROM zoo.text ORDER BY id") == [_row(1), _row(2)]


def test_what_a_file_does_not_tell_can_be_said(lake: Shell) -> None:
    lake.file("bare.dat", "1~-~x\n2~7~-\n")
    words = ["--format", "csv", "--delimiter", "~", "--no-header", "--null", "-"]
    lake.ingest("bare.dat", "--into", "zoo.bare", *words)
    assert lake.sql("FROM zoo.bare ORDER BY column1") == [
        {"column1": 1, "column2": None, "column3": "x"},
        {"column1": 2, "column2": 7, "column3": None},
    ]


def test_a_folder_and_a_glob_mean_all_their_files(lake: Shell) -> None:
    for number in (1, 2, 3):
        lake.file(f"in/deep{number}/part.csv", _csv(number))
    lake.file("in/.hidden.csv", "not;to,be\nread")
    lake.file("in/_SUCCESS", "")
    assert lake.ingest("in", "--into", "zoo.folder")["rows"] == 3
    assert lake.ingest("in/*/part.csv", "--into", "zoo.glob")["rows"] == 3
    assert lake.sql("FROM zoo.folder ORDER BY id") == lake.sql("FROM zoo.glob ORDER BY id")


def test_a_file_whose_name_looks_like_a_glob_is_that_file(lake: Shell) -> None:
    lake.file("part[1].csv", _csv(1))
    lake.file("part1.csv", _csv(2))
    lake.file("what*.csv", _csv(3))
    lake.file("whatever.csv", _csv(4))
    lake.ingest("part[1].csv", "what*.csv", "--into", "zoo.odd")
    assert [r["id"] for r in lake.sql("SELECT id FROM zoo.odd ORDER BY id")] == [1, 3]


@pytest.mark.parametrize(
    "given",
    [_csv(1, 2).encode(), "".join(json.dumps(_row(n)) + "\n" for n in (1, 2)).encode()],
    ids=["csv", "ndjson"],
)
def test_a_pipe_can_be_loaded(lake: Shell, given: bytes) -> None:
    told = lake.ingest("-", "--into", "zoo.piped", stdin=given)
    assert told["rows_added"] == 2
    assert lake.sql("FROM zoo.piped ORDER BY id") == [_row(1), _row(2)]
    assert lake.ingest("-", "--into", "zoo.piped", stdin=given)["skipped"] is True


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a web server and the folder that it serves."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()


def test_a_web_address_can_be_loaded(lake: Shell, web: tuple[str, Path]) -> None:
    url, folder = web
    (folder / "a.csv.gz").write_bytes(gzip.compress(_csv(1).encode()))
    pq.write_table(_table(2), folder / "b.parquet")
    query = f"{url}/a.csv.gz?token=secret"
    assert lake.ingest(query, f"{url}/b.parquet", "--into", "zoo.web")["rows"] == 2
    assert lake.sql("FROM zoo.web ORDER BY id") == [_row(1), _row(2)]
    assert b"token=secret" not in (lake.cwd / ".lakectl/lake.db").read_bytes()
    before = lake.picture()
    assert f"{url}/none.csv" in lake.refused(3, "ingest", f"{url}/none.csv", "--into", "zoo.web")
    nobody = "http://127.0.0.1:9/a.csv"
    assert nobody in lake.refused(5, "ingest", nobody, "--into", "zoo.web")
    assert lake.picture() == before


def test_objects_of_a_bucket_can_be_loaded(
    gcs_shell: Shell, gcs: GcsServer, gcs_bucket: str
) -> None:
    lake = gcs_shell
    lake.ok("init")
    store = gcsfs.GCSFileSystem(**gcs.storage_options)
    store.pipe_file(f"{gcs_bucket}/in/a.csv", _csv(1).encode())
    store.pipe_file(f"{gcs_bucket}/in/b.csv", _csv(2).encode())
    store.pipe_file(f"{gcs_bucket}/one.csv", _csv(3).encode())
    home = f"gs://{gcs_bucket}"
    assert lake.ingest(f"{home}/one.csv", f"{home}/in/*.csv", "--into", "zoo.mixed")["rows"] == 3
    assert lake.ingest(f"{home}/in", "--into", "zoo.folder")["rows"] == 2
    assert lake.sql("FROM zoo.mixed ORDER BY id") == [_row(1), _row(2), _row(3)]
    assert "none.csv" in lake.refused(3, "ingest", f"{home}/none.csv", "--into", "zoo.mixed")


def test_the_same_bytes_are_loaded_once_unless_asked_for(lake: Shell) -> None:
    lake.file("a.csv", _csv(1, 2))
    lake.file("copy.csv", _csv(1, 2))
    lake.ingest("a.csv", "--into", "zoo.seen")
    ran = lake.ok("ingest", "copy.csv", "--into", "zoo.seen")
    assert "same bytes were loaded into zoo.seen as v1" in ran.err
    skipped = lake.ingest("a.csv", "--into", "zoo.seen")
    assert (skipped["skipped"], skipped["rows_added"], skipped["version"]) == (True, 0, 1)
    again = lake.ingest("a.csv", "--into", "zoo.seen", "--if-seen", "load")
    assert (again["skipped"], again["rows"], again["version"]) == (False, 4, 2)


def test_a_load_that_was_undone_may_be_loaded_again(lake: Shell) -> None:
    lake.file("a.csv", _csv(1))
    lake.file("b.csv", _csv(2))
    lake.ingest("a.csv", "--into", "zoo.seen")
    lake.ingest("b.csv", "--into", "zoo.seen")
    lake.ok("undo", "--yes")
    told = lake.ingest("b.csv", "--into", "zoo.seen")
    assert (told["skipped"], told["rows"]) == (False, 2)


def test_a_select_shapes_the_rows_on_their_way_in(lake: Shell) -> None:
    lake.file("a.csv", ["Id,When,Amount", "1,2026-01-02,10.50", "2,2026-02-03,7", "3,,0"])
    lake.ingest(
        *("a.csv", "--into", "zoo.shaped", "--partition-by", "month(day)", "--select"),
        'SELECT "Id"::INTEGER AS id, "When" AS day, "Amount"::DECIMAL(10,2) AS amount '
        'FROM source WHERE "Amount" > 0',
    )
    shown = lake.json("show", "zoo.shaped")
    kinds = [(f["name"], f["type"]) for f in shown["schema"]]
    assert kinds == [("id", "int"), ("day", "date"), ("amount", "decimal(10, 2)")]
    assert (shown["partitioning"], shown["files"], shown["rows"]) == (["month(day)"], 2, 2)
    assert lake.sql("FROM zoo.shaped ORDER BY id") == [
        {"id": 1, "day": "2026-01-02", "amount": 10.5},
        {"id": 2, "day": "2026-02-03", "amount": 7.0},
    ]


_EXPORTS = ("csv", "tsv", "csv.gz", "json", "jsonl", "parquet", "arrow")


def test_what_is_exported_comes_back_the_same(lake: Shell, tmp_path: Path) -> None:
    rows = [
        _row(1),
        {"id": 2, "name": 'He said "no",\nthen\tleft', "day": None, "fare": -0.1},
        {"id": 3, "name": None, "day": "1999-12-31", "fare": 1e300},
    ]
    lake.file("a.ndjson", [json.dumps(row) for row in rows])
    lake.ingest("a.ndjson", "--into", "zoo.source")
    written = [tmp_path / f"out.{s}" for s in _EXPORTS]
    for path in written:
        lake.ok("export", "zoo.source", "--to", path)
    assert lake.ingest(*written, "--into", "zoo.back")["rows"] == 3 * len(_EXPORTS)
    counted = f"SELECT * FROM zoo.back GROUP BY ALL HAVING count(*) = {len(_EXPORTS)} ORDER BY id"
    assert lake.sql(counted) == rows
    assert sorted(p.name for p in tmp_path.glob(".*out*")) == []


def test_what_cannot_be_replaced_is_written_into(lake: Shell, tmp_path: Path) -> None:
    lake.file("a.csv", ["a", "1", "2"])
    lake.ok("ingest", "a.csv", "--into", "n.t")
    assert "is a folder" in lake.refused(2, "export", "n.t", "--to", tmp_path, "--format", "csv")
    for own in (".lakectl/lake.db", "lakectl.toml"):
        kept = (lake.cwd / own).read_bytes()
        told = lake.refused(6, "export", "n.t", "--to", lake.cwd / own, "--format", "csv")
        assert "belongs to the lake" in told
        assert (lake.cwd / own).read_bytes() == kept
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as beside:
        read = beside.submit(pipe.read_text)
        lake.ok("export", "n.t", "--to", pipe, "--format", "csv")
        assert read.result() == "a\n1\n2\n"
    assert pipe.is_fifo()
    link = tmp_path / "link.csv"
    link.symlink_to(lake.file("real.csv", ["old"]))
    lake.ok("export", "n.t", "--to", link)
    assert link.is_symlink()
    assert link.read_text() == "a\n1\n2\n"
    device = os.stat(os.devnull)
    lake.ok("export", "n.t", "--to", os.devnull, "--format", "csv")
    assert os.stat(os.devnull).st_rdev == device.st_rdev
