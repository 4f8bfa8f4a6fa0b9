"""The demo: a lake in a folder, and its whole story told command by command."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import click

from lakectl.cli import output


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the story. `refused` tells that it is meant to fail, with that exit code."""

    words: tuple[str, ...]
    why: str
    refused: int = 0


def _step(line: str, why: str, refused: int = 0) -> Step:
    return Step(tuple(shlex.split(line)), why, refused)


_CLEAN = (
    "SELECT * REPLACE (coalesce(passenger_count, 1) AS passenger_count) FROM source "
    "WHERE passenger_count IS NULL OR passenger_count > 0"
)
_DELAYS = (
    "SELECT a.name AS airline, count(*) AS flights, round(avg(f.dep_delay), 1) AS minutes_late, "
    "round(avg(p.seats)) AS seats FROM nyc.flights f JOIN ref.airlines a USING (carrier) "
    "LEFT JOIN ref.planes p USING (tailnum) GROUP BY 1 ORDER BY 3 DESC LIMIT 5"
)
_RAIN = (
    "SELECT w.precip > 0 AS rain, count(*) AS flights, round(avg(f.dep_delay), 1) AS minutes_late "
    "FROM nyc.flights f JOIN nyc.weather w USING (origin, time_hour) GROUP BY 1 ORDER BY 1"
)
_TRAVEL = (
    "SELECT 'january' AS as_of, count(*) AS trips, round(avg(total_amount), 2) AS mean "
    "FROM taxi.trips AT (VERSION => 'january') UNION ALL "
    "SELECT 'now', count(*), round(avg(total_amount), 2) FROM taxi.trips"
)
_BOROUGHS = (
    "SELECT z.borough, count(*) AS trips, round(sum(t.total_amount)) AS dollars "
    "FROM taxi.trips t JOIN taxi.zones z USING (PULocationID) GROUP BY 1 ORDER BY 2 DESC"
)


def _story() -> list[Step]:
    quoted = {k: shlex.quote(v) for k, v in (("clean", _CLEAN), ("delays", _DELAYS))}
    quoted |= {k: shlex.quote(v) for k, v in (("rain", _RAIN), ("travel", _TRAVEL))}
    boroughs = shlex.quote(_BOROUGHS)
    return [
        _step("ingest inbox/airlines.csv --into ref.airlines", "Any file becomes a dataset:"),
        _step("ingest inbox/airports.csv --into ref.airports --null NA", "CSV …"),
        _step("ingest inbox/planes.parquet --into ref.planes", "… Parquet …"),
        _step("ingest inbox/weather.ndjson --into nyc.weather", "… JSON lines …"),
        _step(
            "ingest inbox/flights.csv.gz --into nyc.flights --null NA "
            "--partition-by 'month(time_hour)' -m 'all departures of 2013'",
            "… and a third of a million flights, gzipped, partitioned by month:",
        ),
        _step(f"sql {quoted['delays']}", "Datasets join, whatever they were loaded from:"),
        _step(f"sql {quoted['rain']}", "Rain delays flights:"),
        _step("ingest inbox/yellow_2021-01.csv --into taxi.raw", "A month of taxi trips, as is:"),
        _step("stats taxi.raw", "It is dirty: passengers are missing, and some cabs were empty."),
        _step(
            f"ingest inbox/yellow_2021-01.csv --into taxi.trips --select {quoted['clean']} "
            "-m 'January, cleaned'",
            "So clean it while loading:",
        ),
        _step(
            "ingest inbox/yellow_2021-01.csv --into taxi.raw",
            "The same bytes again are noticed:",
        ),
        _step("tag taxi.trips january", "A name for this version; it never expires:"),
        _step(
            "ingest inbox/text_counts.csv --into taxi.trips",
            "A file that does not fit is refused before a byte is written:",
            refused=4,
        ),
        _step(
            "ingest inbox/yellow_2021-02.csv --into taxi.trips",
            "February has a new column. By default that is refused too …",
            refused=4,
        ),
        _step(
            "ingest inbox/yellow_2021-02.csv --into taxi.trips --schema evolve -m February",
            "… and comes in when allowed:",
        ),
        _step("schema taxi.trips --history", "The schema's history knows:"),
        _step(
            "ingest inbox/dirty.csv --into taxi.raw --on-bad-row quarantine",
            "Bad rows are kept aside, never lost:",
        ),
        _step("preview taxi.raw_quarantine", "With file, line and reason:"),
        _step("ingest inbox/zones.ndjson --into taxi.zones", "Another source …"),
        _step(f"sql {boroughs}", "… joins:"),
        _step(f"sql {quoted['travel']}", "One query, two points in time:"),
        _step("diff taxi.trips january -n 5", "What did February change?"),
        _step("rollback taxi.trips --to january --yes", "Go back …"),
        _step("undo taxi.trips", "… and take that back:"),
        _step(
            "annotate taxi.trips --owner ana --description 'Yellow cabs, cleaned' "
            "--label tier=gold --column 'total_amount=what the rider paid, in dollars'",
            "Say whose it is and what it means:",
        ),
        _step("search dollars", "So that others find it:"),
        _step("ls", "The lake:"),
        _step("versions taxi.trips", "And its memory:"),
    ]


@click.command()
@click.argument("folder", default="demo-lake", type=click.Path(file_okay=False))
@click.option("--rows", default=200_000, show_default=True, help="How many taxi trips to make.")
@click.option("--url", help="Load a real month of yellow-taxi CSV instead.")
@click.option("--no-ui", is_flag=True, help="Do not open the dashboard at the end.")
@click.pass_context
def demo(ctx: click.Context, folder: str, rows: int, url: str | None, no_ui: bool) -> None:
    """Make a lake of real data in FOLDER and tell its whole story; needs no network.

    A second start finds its lake and goes on where it was.
    """
    from lakectl import settings

    root = Path(folder).expanduser().resolve()
    if not (root / settings.FILE).exists():
        _prepare(root, rows, url)
    finished = _finished(root)
    story = _story()
    if finished < len(story):
        output.note(f"The lake is in {root}. Each command can be typed by hand:  cd {folder}")
        _import_all()
    for number, step in enumerate(story):
        if number >= finished:
            _tell(ctx, root, step)
            _remember(root, number + 1)
    output.note("")
    output.note(f"The lake stays in {root}:  {_program()} --lake {shlex.quote(folder)}")
    if not no_ui and sys.stdout.isatty() and sys.stdin.isatty():
        sys.exit(subprocess.call([sys.executable, "-P", "-m", "lakectl", "--lake", str(root)]))


def _program() -> str:
    """How this program was called, unless its name alone would do."""
    return "lakectl" if shutil.which("lakectl") else shlex.quote(sys.argv[0])


def _prepare(root: Path, rows: int, url: str | None) -> None:
    from catalog.errors import InvalidInput
    from lakectl import demo_data
    from lakectl import root as composed

    if rows < 10:
        raise InvalidInput("The demo needs 10 taxi trips at least.")
    inbox = root / "inbox"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    inbox.mkdir(mode=0o700, exist_ok=True)
    started = time.monotonic()
    output.note(f"Laying out flights and {rows:,} taxi trips in {inbox} …")
    demo_data.flights(inbox)
    demo_data.taxi(inbox, rows)
    if url:
        demo_data.download(url, inbox / "yellow_2021-01.csv")
    output.note(f"  done in {time.monotonic() - started:.1f} s")
    composed.init_lake(root)


def _tell(ctx: click.Context, root: Path, step: Step) -> None:
    shown = " ".join(_quoted(word) for word in step.words)
    output.heading(step.why, f"$ lakectl {shown}")
    code = _run(root, step.words)
    if code != step.refused:
        output.note(f"The story stops here: that should have ended with {step.refused}.")
        ctx.exit(code or 1)


def _run(root: Path, words: tuple[str, ...]) -> int:
    """Run a command as a process of its own, forked from this one once the imports are done.

    `sql` locks its process for good, so the story cannot run it in its own.
    """
    from lakectl.cli.main import run

    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.chdir(root)
    # As a table also where the story is piped into a file.
    code = run(["--lake", str(root), *words, "-o", "table"])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _import_all() -> None:
    """Import what the commands of the story need, once for all of them; none starts a thread."""
    import catalog.engine.loading
    import catalog.iceberg.commits
    import catalog.iceberg.datafiles
    import catalog.ingest
    import catalog.metadata.records  # noqa: F401


def _quoted(word: str) -> str:
    return f'"{word}"' if any(c in word for c in " ()*'>") else word


def _progress(root: Path) -> Path:
    return root / ".lakectl" / "demo.json"


def _finished(root: Path) -> int:
    try:
        return int(json.loads(_progress(root).read_text(encoding="utf-8"))["finished"])
    except (FileNotFoundError, ValueError, KeyError):
        return 0


def _remember(root: Path, number: int) -> None:
    draft = _progress(root).with_suffix(".tmp")
    draft.write_text(json.dumps({"finished": number}), encoding="utf-8")
    os.replace(draft, _progress(root))
