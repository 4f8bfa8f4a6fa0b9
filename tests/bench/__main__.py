"""`make bench`: measure the ratios that lakectl promises, against floors of this very machine.

    python -m tests.bench                    all benches
    python -m tests.bench sql commits        some
    python -m tests.bench --json FILE        keep the figures too

Ours and its floor run by turns, so that other work on the machine disturbs both; `ratio` is of the
minima, `median` of the medians; on a busy machine believe the ratio of CPU time beside them. It
leaves with 1 only when a bench could not run: a figure over its bound is for people to judge. Files
for it are kept in LAKECTL_BENCH_HOME (by default a folder under the system's temporary one): about
1.7 GB.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

from tests.bench.measuring import Broken, Figure

BENCHES = (
    "startup",
    "sql",
    "preview",
    "commits",
    "writers",
    "first_paint",
    "ingest",
    "flows",
    "history",
)
_HEAD = ("what", "ours", "floor", "ratio", "median", "bound", "")
_LINE = "{:<46} {:>10} {:>10} {:>6} {:>6} {:>7}  {}"


def main() -> int:
    """Run the benches that were asked for and print their table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("benches", nargs="*", choices=[[], *BENCHES], metavar="BENCH")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures here")
    asked = parser.parse_args()
    load = f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the start"
    print(f"{load}; ratio: of the minima, median: of the medians\n")
    print(_LINE.format(*_HEAD))
    kept: list[dict[str, object]] = []
    crashed = []
    for name in asked.benches or BENCHES:
        started = time.monotonic()
        try:
            for figure in importlib.import_module(f"tests.bench.{name}").bench():
                print(_shown(figure), flush=True)
                kept.append({"bench": name, **asdict(figure), "verdict": figure.verdict})
        except Broken as error:
            crashed.append(name)
            print(f"{name} could not be measured: {error}", file=sys.stderr)
        took = time.monotonic() - started
        print(f"  ({name}: {took:.0f} s, load {os.getloadavg()[0]:.1f})", flush=True)
    verdicts = [one["verdict"] for one in kept if one["verdict"]]
    print(f"\n{verdicts.count('ok')} of {len(verdicts)} within their bounds")
    for one in kept:
        if one["verdict"] in {"over", "unsure"}:
            print(f"  {one['verdict']}: {str(one['what']).strip()}")
    if asked.json:
        found = {"load": os.getloadavg(), "figures": kept}
        asked.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 1 if crashed else 0


def _shown(figure: Figure) -> str:
    def amount(value: float | None) -> str:
        return "" if value is None else f"{value:,.1f} {figure.unit}"

    def times(value: float | None) -> str:
        return "" if value is None else f"{value:.2f}"

    bound = ""
    if figure.bound is not None:
        bound = times(figure.bound) if figure.ratio is not None else amount(figure.bound)
    end = f"{figure.verdict}  {figure.note}".strip()
    numbers = (amount(figure.ours), amount(figure.floor), times(figure.ratio), times(figure.median))
    return _LINE.format(figure.what, *numbers, bound, end).rstrip()


if __name__ == "__main__":
    sys.exit(main())
