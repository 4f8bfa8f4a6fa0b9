"""Every command has its help, and says what is wrong with how it was called."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from lake_shell import Shell, WarmShell

from lakectl.cli.registry import COMMANDS, SECTIONS

# How each command is run for real in a lake that has nyc.trips; "" where it needs nothing.
_RUNS: dict[str, str] = {
    "ls": "ls nyc",
    "show": "show nyc.trips",
    "schema": "schema nyc.trips --history",
    "versions": "versions nyc.trips",
    "search": "search fare",
    "preview": "preview nyc.trips --at v1 -n 3",
    "stats": "stats nyc.trips",
    "diff": "diff nyc.trips 1 2",
    "ingest": "ingest more.csv --into nyc.trips --if-seen load",
    "flow": "flow ls",
    "run": "run ls",
    "limit": "limit set tag:db 2",
    "rollback": "rollback nyc.trips --to v1 --yes",
    "undo": "undo --yes",
    "tag": "tag nyc.trips gold",
    "branch": "branch nyc.trips audit",
    "annotate": "annotate nyc.trips --owner Ann",
    "rename": "rename nyc.zones nyc.areas",
    "drop": "drop nyc.areas --yes",
    "undrop": "undrop nyc.areas",
    "export": "export nyc.trips --to out.csv",
    "sql": "sql FROM(nyc.trips)",
    "init": "init another",
    "doctor": "doctor --verify",
}
# The dashboard needs a terminal; the demo makes a lake of its own (tests/journeys of the demo).
_APART = {"ui", "demo"}


@pytest.fixture(scope="module")
def shell(fresh_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmShell]:
    """One process for the many commands of this file, in a lake of its own."""
    folder = tmp_path_factory.mktemp("commands") / "lake"
    shutil.copytree(fresh_lake, folder)
    warm = WarmShell(folder)
    warm.file("trips.csv", ["id,fare", "1,1.5", "2,2.5"])
    warm.file("more.csv", ["id,fare", "3,3.5"])
    warm.file("zones.csv", ["zone,name", "1,Bronx"])
    warm.ok("ingest", "trips.csv", "--into", "nyc.trips")
    warm.ok("ingest", "more.csv", "--into", "nyc.trips")
    warm.ok("ingest", "zones.csv", "--into", "nyc.zones")
    yield warm
    warm.close()


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help_with_its_options_told(shell: WarmShell, name: str) -> None:
    ran = shell.ok(name, "--help")
    assert ran.out.startswith(f"Usage: lakectl {name}")
    assert "Options:" in ran.out
    options = ran.out.split("Options:")[1].splitlines()
    for line in options:
        words = line.split()
        if words and words[0].startswith("-"):
            told = " ".join(words).rpartition("  ")[2]
            assert len(line.strip().split("  ")) > 1 or told, line
    assert shell.ok(name, "-h").out == ran.out


def test_every_command_runs(shell: WarmShell) -> None:
    assert set(_RUNS) | _APART == set(COMMANDS)
    for name in COMMANDS:
        if name in _RUNS:
            shell.ok(*_RUNS[name].replace("(", " (").split(" ")) if name != "sql" else shell.ok(
                "sql", "FROM nyc.trips"
            )


def test_the_help_names_every_command_once(shell: WarmShell) -> None:
    told = shell.ok("--help").out
    for title, entries in SECTIONS.items():
        assert f"{title}:" in told
        for entry in entries:
            assert sum(line.strip().startswith(f"{entry.name} ") for line in told.splitlines()) == 1
            assert entry.sentence.split(";")[0][:40] in " ".join(told.split()).replace("- ", "-")
    assert "Exit codes" in told


def test_without_a_command_and_terminal_the_help_is_shown(trips: Shell) -> None:
    assert trips.ok().out.startswith("Usage: lakectl")
    assert "terminal" in trips.refused(6, "ui")


def test_the_version_is_told(trips: Shell) -> None:
    from lakectl import __version__

    assert trips.ok("--version").out == f"lakectl {__version__}\n"
    assert trips.ok("--version", "ls").out == f"lakectl {__version__}\n"


def test_a_near_name_is_offered_for_a_mistyped_one(shell: WarmShell) -> None:
    assert "Did you mean versions?" in shell.refused(2, "version")
    assert "Did you mean ingest?" in shell.refused(2, "ingst", "a.csv")
    assert "lakectl --help" in shell.refused(2, "frobnicate")
    assert "nyc.trips" in shell.refused(3, "show", "nyc.trip")
    assert "--message" in shell.refused(2, "ingest", "trips.csv", "--into", "a.b", "--mesage", "x")


def test_usage_errors_name_the_command_whose_help_to_read(shell: WarmShell) -> None:
    for words in (
        ["show"],
        ["show", "a", "b"],
        ["ls", "--nope"],
        ["ls", "-o", "xml"],
        ["preview", "nyc.trips", "-n", "many"],
        ["ingest", "x.csv"],
        ["ingest", "--into", "a.b"],
        ["ingest", "trips.csv", "--into", "a.b", "--mode", "upsert"],
        ["rollback", "nyc.trips"],
    ):
        assert f"lakectl {words[0]} --help" in shell.refused(2, *words)
    assert "negative" in shell.refused(2, "preview", "nyc.trips", "-n", "-1")


def test_a_traceback_is_shown_only_when_asked_for(trips: Shell) -> None:
    assert "Traceback" not in trips.run("show", "nyc.none").err
    assert "Traceback" in trips.run("--debug", "show", "nyc.none").err
    assert "Traceback" in trips.run("show", "nyc.none", env={"LAKECTL_DEBUG": "1"}).err


_LITTLE = [["ls"], ["sql", "SELECT 1"], ["show", "nyc.trips"], ["--help"], ["--version"]]


@pytest.mark.parametrize("words", _LITTLE)
def test_a_reader_that_was_never_there_is_no_error_either(trips: Shell, words: list[str]) -> None:
    import subprocess

    from lake_shell import command, environment

    # Little output waits in Python's buffer until the end, unless the variable says otherwise.
    told = environment(trips.cwd, {"PYTHONUNBUFFERED": ""})
    reads, writes = os.pipe()
    os.close(reads)
    ran = subprocess.run(
        [*command(), *words],
        cwd=trips.cwd,
        env=told,
        stdout=writes,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writes)
    assert (ran.returncode, ran.stderr) == (0, b"")


@pytest.mark.parametrize("words", _LITTLE[:-1])
def test_output_that_does_not_fit_on_the_disk_is_an_error_of_its_own(
    trips: Shell, words: list[str]
) -> None:
    import subprocess

    from lake_shell import command, environment

    with open("/dev/full", "wb") as full:
        ran = subprocess.run(
            [*command(), *words],
            cwd=trips.cwd,
            env=environment(trips.cwd),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ran.returncode == 1
    assert ran.stderr.startswith("lakectl: The output could not be written: No space left")
    assert "mistake in lakectl" not in ran.stderr


@pytest.mark.parametrize("form", ["tsv", "csv", "jsonl"])
def test_a_reader_that_goes_away_is_no_error(trips: Shell, form: str) -> None:
    import subprocess

    from lake_shell import command, environment

    # Of a billion rows: what has to be whole before it is printed would never come.
    words = [*command(), "sql", "SELECT * FROM range(1000000000)", "-o", form]
    with subprocess.Popen(
        words,
        cwd=trips.cwd,
        env=environment(trips.cwd),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert b"range" in running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(60) == 0


@pytest.mark.parametrize("form", [[], ["-o", "json"]])
def test_an_interrupt_ends_a_query_at_once_whatever_duckdb_is_doing(
    trips: Shell, form: list[str]
) -> None:
    import json
    import signal
    import subprocess
    import time

    from lake_shell import command, environment

    # One step of the join of a hundred thousand rows with themselves takes longer than patience.
    many = "(SELECT range AS v FROM range(300000))"
    query = f"SELECT count(*) FROM {many} a, {many} b WHERE a.v * b.v % 7 < 3"
    running = subprocess.Popen(
        [*command(), "sql", query, *form],
        cwd=trips.cwd,
        env=environment(trips.cwd),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(2)
    assert running.poll() is None
    pressed = time.monotonic()
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert time.monotonic() - pressed < 5
    assert running.returncode == 130
    if form:
        assert json.loads(err)["error"]["code"] == "interrupted"
    else:
        assert err.strip() == "lakectl: Interrupted; whatever had landed by then is there, whole."


def test_numbers_that_json_lacks_are_texts_in_an_exported_file(lake: Shell, tmp_path: Path) -> None:
    import json

    select = "SELECT 'nan'::DOUBLE AS f, 'inf'::FLOAT AS g, 0.5::DECIMAL(2,2) AS d FROM source"
    lake.ingest("-", "--into", "x.odd", "--select", select, stdin=b"a\n1\n")
    for name, read in (("o.json", lambda text: json.loads(text)[0]), ("o.jsonl", json.loads)):
        lake.ok("export", "x.odd", "--to", str(tmp_path / name))
        found = read((tmp_path / name).read_text())
        assert found == {"f": "nan", "g": "inf", "d": 0.5}


def test_a_list_may_be_of_one_dataset(trips: Shell) -> None:
    assert [one["name"] for one in trips.json("ls", "nyc.trips")] == ["nyc.trips"]
    assert trips.run("ls", "nyc.none").code == 3


def test_sql_that_reaches_for_a_file_is_not_allowed(trips: Shell) -> None:
    ran = trips.run("sql", "FROM read_csv('/etc/passwd')", "-o", "json")
    assert (ran.code, ran.error["code"]) == (6, "not_allowed")


def test_the_plan_of_a_rollback_is_json_where_that_is_asked_for(trips: Shell) -> None:
    plan = trips.json("rollback", "nyc.trips", "--to", "1", "--dry-run")
    assert set(plan) == {"dataset", "from", "to", "rows_change"}


def test_a_place_without_access_is_told_as_such_and_not_as_a_mistake(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from lakectl.cli import failures

    for number in (errno.EROFS, errno.EACCES):
        error = OSError(number, os.strerror(number), "/lake/.lakectl/locks/7a.lock")
        assert failures.tell(error, []) == 5
        told = capsys.readouterr().err
        assert "no access to /lake/.lakectl/locks/7a.lock" in told
        assert "mistake in lakectl" not in told
