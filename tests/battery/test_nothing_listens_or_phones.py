"""A day without any network, on a machine with other people: nothing asks, nothing is open."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import no_network
import pytest
from battery_table import Figure
from dashboards import dashboard
from lake_shell import Shell, command, environment
from terminal import Terminal, paste

_FILTER = [sys.executable, no_network.__file__]
_FILES = {
    "trips.csv": "id,fare\n1,2.5\n2,3.5\n",
    "more.csv": "id,fare\n2,9.5\n3,4.5\n",
    "bad.csv": "id,fare\n4,x\n5,1.5\n",
    "rows.json": '[{"a": 1}, {"a": 2}]',
}
# What people do in a day, and what it leaves with.
_DAY = (
    ("init", 0), ("ls", 0), ("ingest trips.csv --into nyc.trips", 0),
    ("ingest more.csv --into nyc.trips --mode merge --key id", 0),
    ("ingest bad.csv --into nyc.trips --on-bad-row quarantine", 0),
    ("ingest rows.json --into n.t --message first", 0), ("ls -o json", 0), ("show nyc.trips", 0),
    ("schema nyc.trips --history", 0), ("versions nyc.trips", 0), ("search fare", 0),
    ("preview nyc.trips", 0), ("stats nyc.trips", 0), ("diff nyc.trips 1 2", 0),
    ("sql FROM+nyc.trips", 0), ("sql FROM+read_csv('http://127.0.0.1:9/a.csv')", 6),
    ("sql INSTALL+httpfs", 6), ("tag nyc.trips gold", 0), ("branch nyc.trips dev", 0),
    ("annotate nyc.trips --owner ana --column fare=dollars", 0), ("rename n.t n.s", 0),
    ("rollback nyc.trips --to 1 --yes", 0), ("undo --yes", 0), ("drop n.s --yes", 0),
    ("undrop n.s", 0), ("export nyc.trips --to out.parquet", 0),
    ("export nyc.trips --to out.csv", 0), ("doctor --verify", 0), ("--help", 0), ("--version", 0),
)  # fmt: skip
_MINE = {*_FILES, "out.parquet", "out.csv"}  # what people put there, or told a name for


def _run(folder: Path, line: str, *before: str) -> subprocess.CompletedProcess[bytes]:
    words = [word.replace("+", " ") for word in line.split()]
    return subprocess.run(
        [*before, *command(), *words],
        cwd=folder,
        env=environment(folder, {"TMPDIR": str(folder / "tmp")}),
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=180,
        check=False,
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with files to load, and a place for scratch of its own."""
    folder = tmp_path / "home"
    (folder / "tmp").mkdir(parents=True)
    for name, text in _FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def _look_around(screen: Terminal) -> None:
    """See every screen once, and run a query."""
    screen.until("nyc.trips")
    screen.settle()
    screen.press("/", "nyc.trips", "enter", "?", "escape", "ctrl+p", "escape")
    screen.press("enter", "]", "]", "]", "s")
    screen.send(paste(" LIMIT 1"))
    screen.settle()
    screen.press("f5", until="Result · 1 rows")


def _leave(screen: Terminal) -> None:
    screen.press("tab", "escape", "q")
    assert screen.end() == 0


def _first_paint(folder: Path) -> float:
    """Seconds from nothing to the first dataset on the screen, under the filter."""
    with dashboard(folder, program=[*_FILTER, *command()], size=(120, 40)) as screen:
        taken = screen.until("nyc.trips")
        screen.settle()
        screen.press("q")
        assert screen.end() == 0
    return taken


@pytest.mark.skipif(not no_network.available(), reason="needs seccomp of Linux")
@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.battery)])
def test_a_day_without_a_network_asks_for_none(home: Path, figure: Figure, whole: bool) -> None:
    seldom = ("search", "stats", "schema", "branch", "rename", "drop", "undrop", "show", "ls -o",
              "diff", "sql INST", "export nyc.trips --to out.csv", "tag", "--version")  # fmt: skip
    day = [(line, code) for line, code in _DAY if whole or not line.startswith(seldom)]
    took = {}
    for line, code in day:
        begun = time.monotonic()
        ran = _run(home, line, *_FILTER)
        took[line] = time.monotonic() - begun
        assert ran.returncode == code, (line, ran)
    with dashboard(home, program=[*_FILTER, *command()], size=(120, 40)) as screen:
        _look_around(screen)
        _leave(screen)
    asking = _run(home, "ingest http://127.0.0.1:9/a.csv --into n.web", *_FILTER)
    assert asking.returncode == -signal.SIGSYS, "the kernel would have told"
    paints = min(_first_paint(home) for _ in range(5 if whole else 2))
    assert paints < 10, "the dashboard waits for something"
    figure(
        "T8",
        f"{len(day)} commands and the dashboard, each ended by the kernel at the first socket of "
        "the internet",
        f"0 asked for one; first paint {paints:.2f} s, `ls` {took['ls']:.2f} s",
    )


@pytest.fixture
def no_umask() -> Iterator[None]:
    """Files are born for everybody, unless who makes them sees to it."""
    before = os.umask(0)
    yield
    os.umask(before)


def _open_to_others(folder: Path) -> tuple[int, list[str]]:
    """How many files and folders there are, and those that others may read or write."""
    found = [folder, *folder.rglob("*")]
    mine = {folder / name for name in _MINE}
    looked = [path for path in found if path not in mine and not path.is_symlink()]
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in looked}
    wanted = {path: 0o700 if path.is_dir() else 0o600 for path in looked}
    return len(looked), [f"{m:o} {p}" for p, m in modes.items() if m != wanted[p]]


def _family(pid: int) -> set[int]:
    """A process and all its descendants."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                told = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended meanwhile
                continue
            parents[int(entry.name)] = int(told[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _sockets(pids: set[int]) -> set[str]:
    """The inodes of the sockets that processes hold."""
    found = set()
    for pid in pids:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                name = os.readlink(entry)
            except OSError:
                continue
            if name.startswith("socket:["):
                found.add(name[8:-1])
    return found


def _internet() -> dict[str, str]:
    """Every socket of the internet by its inode: TCP and UDP, listening or not."""
    found = {}
    for kind in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]:
            found[line.split()[9]] = f"{kind} {line.split()[1]}"
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.usefixtures("no_umask")
@pytest.mark.one_form
def test_a_fresh_install_is_closed_to_others_and_listens_to_nobody(
    home: Path, figure: Figure
) -> None:
    lake = home / "lake"
    assert _run(home, "init lake").returncode == 0
    for name, text in _FILES.items():
        (lake / name).write_text(text, encoding="utf-8")
    (lake / "tmp").mkdir(mode=0o700)
    loads = [line for line, _ in _DAY if line.startswith(("ingest", "tag", "undo", "export"))]
    for line in [*loads, "ingest trips.csv bad.csv --into n.bad --on-bad-row quarantine"]:
        assert _run(lake, line).returncode == 0, line
    with dashboard(lake, size=(120, 40), TMPDIR=str(lake / "tmp")) as screen:
        _look_around(screen)
        family = _family(screen.process.pid)
        held = _sockets(family)
        listening = {inode: told for inode, told in _internet().items() if inode in held}
        looked, opened = _open_to_others(lake)  # scratch of the query's process among them
        _leave(screen)
    assert listening == {}
    assert opened == []
    looked, opened = _open_to_others(lake)
    assert opened == []
    config = stat.S_IMODE((lake / "lakectl.toml").stat().st_mode)
    figure(
        "T7",
        f"an install and its use under umask 000: {looked} files and folders, the dashboard and "
        f"its {len(family) - 1} child",
        f"0 open to others (0700 and 0600, lakectl.toml {config:04o}); of {len(held)} sockets "
        "held 0 of the internet, none listens",
    )
    assert isinstance(Shell(lake).json("doctor")["sound"], bool)
