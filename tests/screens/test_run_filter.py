"""The line that filters runs, as values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.model import Run
from jobs.states import State
from screens import standing
from screens.run_filter import Wish, wish_of

NOW = 1_795_000_000_000
HOUR = 3_600_000


def run(state=State.COMPLETED, **told):
    values = {
        "id": "0" * 32, "name": "brave-otter", "flow": "etl", "origin": "a.py:etl",
        "deployment": None, "state": state, "reason": None, "created_at": NOW, "due_at": NOW,
        "started_at": None, "ended_at": None, "attempt": 0, "fence": 0, "worker": None,
        "parent": None, "root": "0" * 32, "rerun_of": None, "resume_of": None, "tags": (),
        "cancel_at": None, "cancel_by": None,
    }  # fmt: skip
    return Run(**(values | told))


def test_states_flows_and_times_are_asked_of_the_store():
    wish = wish_of("state:failed flow:etl since:2h until:2026-11-21", NOW)
    assert wish.filter.states == (State.FAILED,)
    assert wish.filter.flow == "etl"
    assert wish.filter.since == NOW - 2 * HOUR
    assert wish.filter.until == 1_795_219_200_000
    assert wish.filter.top
    assert wish.why is None


@pytest.mark.parametrize(
    ("typed", "states"),
    [
        ("state:fail", {State.FAILED}),
        ("state:failed,crashed", {State.FAILED, State.CRASHED}),
        ("state:late", {State.SCHEDULED}),
        ("state:live", {State.SCHEDULED, State.PENDING, State.RUNNING, State.CANCELLING}),
        ("state:", set()),
        ("STATE:Running", {State.RUNNING}),
    ],
)
def test_a_state_is_named_by_its_begin_by_several_or_by_a_group(typed, states):
    assert set(wish_of(typed, NOW).filter.states) == states


def test_a_derived_state_is_told_apart_from_the_one_that_is_stored():
    late = run(State.SCHEDULED, due_at=NOW - HOUR)
    soon = run(State.SCHEDULED, due_at=NOW + HOUR)
    assert [wish_of("state:late", NOW).passes(r, NOW) for r in (late, soon)] == [True, False]
    assert all(wish_of("state:scheduled", NOW).passes(r, NOW) for r in (late, soon))
    timed_out = run(State.FAILED, reason="timed out after 3 s")
    assert wish_of("state:failed", NOW).passes(timed_out, NOW)
    assert wish_of("state:timed", NOW).passes(timed_out, NOW)
    assert not wish_of("state:timed", NOW).passes(run(State.FAILED), NOW)


def test_words_are_found_in_names_and_flows():
    assert wish_of("OTTER et", NOW).passes(run(), NOW)
    assert not wish_of("otter heron", NOW).passes(run(), NOW)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("state:nosuch", "There is no state 'nosuch'."),
        ("since:yesterday", "since: takes 30m, 2h, 7d, 2w or 2026-11-21."),
        ("until:13:99", "until: takes 30m, 2h, 7d, 2w or 2026-11-21."),
        ("owner:ana", "owner: is no part of a run: state, flow, since, until, sub."),
    ],
)
def test_what_is_not_understood_is_told(typed, told):
    assert wish_of(typed, NOW).why == told


def test_the_shell_line_asks_for_the_same():
    assert Wish().line == ""
    line = wish_of("state:failed flow:a;b since:2h word", NOW).line
    assert line == "--flow 'a;b' --state failed --since 2h"


def test_subflow_runs_are_listed_when_asked_for():
    assert not wish_of("sub:yes", NOW).filter.top


@given(st.text(max_size=60))
def test_no_text_is_too_odd_to_be_read(text):
    wish = wish_of(text, NOW)
    wish.passes(run(), NOW)
    assert isinstance(wish.line, str)


def test_every_state_has_a_sign_and_a_word():
    for state in State:
        stands = standing.of_run(run(state), NOW)
        assert stands.name in standing.NAMES
        assert stands.sign != "?"
    assert str(standing.named("TimedOut")) == "✖ Timed out"
    assert max(len(str(standing.named(name))) for name in standing.NAMES) == standing.WIDEST
