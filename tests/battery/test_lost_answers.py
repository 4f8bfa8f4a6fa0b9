"""The store's answers get lost, before a commit and after it: each load is there once."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest
from battery_table import Figure
from lake_builder import broken_rules
from lake_shell import Shell

import lakectl
from catalog import faults
from catalog.errors import StoreUnreachable

# Of 100 swaps 15 lose the store within their transaction, 10 at its commit, 23 after it.
_LOSSES = "swap.recorded%15:LOST,store.commit%12:LOST,store.answer%31:LOST"
_POINTS = ("swap.recorded", "store.commit", "store.answer")


@pytest.fixture(params=["sqlite", "postgres"])
def shell(request: pytest.FixtureRequest) -> Shell:
    """A lake on each of the stores in turn."""
    named = {"sqlite": "lake", "postgres": "postgres_lake"}
    found: Shell = request.getfixturevalue(named[request.param])
    return found


@pytest.fixture
def lossy(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """Answers get lost in this process, the same ones each time."""
    monkeypatch.setenv("LAKECTL_SEED", str(request.config.getoption("seed")))
    monkeypatch.setenv("LAKECTL_CRASH_AT", _LOSSES)
    faults.arm()
    yield
    monkeypatch.undo()
    faults.arm()


def _load(lake: lakectl.Lake, number: int) -> tuple[int, int]:
    """Append a load until it is answered, as a job would; (rows added, answers that failed)."""
    rows = pa.table({"load": [number] * 5, "n": list(range(5))})
    for failed in range(20):
        try:
            report = lake.dataset("n.t").append(rows, write_key=f"load-{number}")
        except StoreUnreachable:
            continue
        return report.rows_added, failed
    raise AssertionError("twenty answers in a row were lost")


@pytest.mark.parametrize("loads", [20, pytest.param(200, marks=pytest.mark.battery)])
def test_a_load_whose_answer_was_lost_is_there_once(
    shell: Shell,
    figure: Figure,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    loads: int,
) -> None:
    for name, value in shell.env.items():
        monkeypatch.setenv(name, value)
    with lakectl.open(shell.cwd) as lake:
        lake.dataset("n.t").append(pa.table({"load": [-1], "n": [0]}))
        request.getfixturevalue("lossy")
        told = [_load(lake, number) for number in range(loads)]
        lost = [faults.befell[point] for point in _POINTS]
        monkeypatch.delenv("LAKECTL_CRASH_AT")
        faults.arm()
        assert min(lost) > 0, "a fault was never met"
        assert sum(lost) >= 0.45 * loads
        expired = sum(v.state == "expired" for v in lake.versions("n.t"))
        again = [_load(lake, number)[0] for number in range(loads)]
        assert set(again) == {0}, "a load came in twice"
        rows = lake.to_arrow("n.t").to_pylist()
        findings = lake.doctor(verify=True).report.findings
    assert sorted((r["load"], r["n"]) for r in rows) == sorted(
        [(-1, 0), *((load, n) for load in range(loads) for n in range(5))]
    )
    assert list(findings) == []
    if "LAKECTL_DATABASE" not in shell.env:
        assert broken_rules(shell.cwd) == []
    figure(
        "L5",
        f"{loads} loads on {'Postgres' if shell.env else 'SQLite'}; answers lost: {lost[0]} within "
        f"a swap, {lost[1]} before a commit, {lost[2]} after it; then all loads sent again, "
        f"{expired} versions having expired",
        f"each load there once; a client had to ask again {sum(n for _, n in told)} times; "
        "no orphan",
    )
