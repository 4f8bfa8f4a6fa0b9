"""The state table: what may happen to a run, and that nothing else can."""

from __future__ import annotations

import itertools

import pytest
from flow_project import Project
from hypothesis import given
from hypothesis import strategies as st

from jobs import machine
from jobs.model import Details
from jobs.states import LIVE, MOVES, TERMINAL, State, allows, sources
from jobs.store.history import History
from jobs.store.moves import Moves, NewRun, new_id

_WHO = ("anyone", "claimer", "holder", "reaper", "user")


def test_a_run_that_has_ended_never_changes_again() -> None:
    assert not [move for move in MOVES if move.before in TERMINAL]


def test_every_state_can_be_reached_and_every_live_one_can_be_left() -> None:
    assert {move.after for move in MOVES} == set(State)
    assert {move.before for move in MOVES if move.before is not None} == LIVE


def test_only_who_made_it_or_claimed_it_moves_a_run_into_running() -> None:
    assert {move.who for move in MOVES if move.after is State.RUNNING} == {"holder"}
    assert sources(State.PENDING, "claimer") == (State.SCHEDULED,)


def test_every_move_says_its_guard() -> None:
    assert all(move.guard for move in MOVES)
    assert len({move[:3] for move in MOVES}) == len(MOVES)


def _made(project: Project, state: State = State.SCHEDULED) -> tuple[Moves, str]:
    handles = project.lake.handles
    moves = Moves(handles.reader, handles.now)
    run_id = new_id(handles.now())
    now = handles.now()
    new = NewRun(run_id, "a-run", "flow", "ready:export", Details({}), now, now)
    holder = machine.this_process() if state is State.RUNNING else None
    assert moves.create(new, state, holder)
    return moves, run_id


def _into(moves: Moves, run_id: str, state: State) -> int:
    """Bring a scheduled run into a state by moves of the table; its fence."""
    if state is State.SCHEDULED:
        return 0
    if state is State.SKIPPED:
        fence = moves.claim(run_id, machine.this_process())
        assert fence is not None
        assert moves.move(run_id, State.SKIPPED, fence)
        return fence
    fence = moves.claim(run_id, machine.this_process())
    assert fence is not None
    if state is State.PENDING:
        return fence
    assert moves.move(run_id, State.RUNNING, fence)
    if state is State.CANCELLING:
        assert moves.ask_cancel(run_id, "a test") is State.CANCELLING
    elif state is not State.RUNNING:
        assert moves.move(run_id, state, fence)
    return fence


@pytest.mark.parametrize(("before", "after"), list(itertools.product(State, State)))
def test_the_store_makes_exactly_the_moves_of_the_table(
    project: Project, before: State, after: State
) -> None:
    moves, run_id = _made(project)
    fence = _into(moves, run_id, before)
    moved = moves.move(run_id, after, fence)
    assert moved == allows(before, after, "holder")
    history = History(project.lake.handles.reader)
    assert history.run(run_id).state is (after if moved else before)
    assert history.events(run_id)[-1].state is history.run(run_id).state


@given(st.lists(st.tuples(st.sampled_from(sorted(State)), st.booleans()), max_size=8))
def test_whatever_is_tried_the_events_of_a_run_are_a_walk_through_the_table(
    project: Project, tries: list[tuple[State, bool]]
) -> None:
    moves, run_id = _made(project)
    fence = 0
    for state, stale in tries:
        if state is State.PENDING:
            fence = moves.claim(run_id, machine.this_process()) or fence
        elif state is State.CANCELLING:
            moves.ask_cancel(run_id, "a test")
        else:
            moves.move(run_id, state, fence - 1 if stale else fence)
    history = History(project.lake.handles.reader)
    events = history.events(run_id)
    walked = [None, *(event.state for event in events)]
    for before, after in itertools.pairwise(walked):
        assert after is not None
        assert any(allows(before, after, who) for who in _WHO), (before, after)
    assert history.run(run_id).state is events[-1].state
    assert [event.number for event in events] == list(range(1, len(events) + 1))


def test_a_stale_holder_changes_nothing(project: Project) -> None:
    moves, run_id = _made(project)
    old = moves.claim(run_id, machine.this_process())
    assert old is not None
    assert moves.move(run_id, State.SCHEDULED, old)
    new = moves.claim(run_id, machine.this_process())
    assert new == old + 1
    assert not moves.move(run_id, State.RUNNING, old)
    assert moves.renew(run_id, old) is None
    assert moves.renew(run_id, new) is State.PENDING
    assert moves.move(run_id, State.RUNNING, new)


def test_one_run_is_claimed_once(project: Project) -> None:
    moves, run_id = _made(project)
    assert moves.claim(run_id, machine.this_process()) == 1
    assert moves.claim(run_id, machine.this_process()) is None


def test_ids_sort_by_the_time_of_their_runs() -> None:
    ids = [new_id(now) for now in (1, 15, 16, 1_700_000_000_000, 1_700_000_000_001)]
    assert ids == sorted(ids)
    assert all(len(run_id) == 32 for run_id in ids)


def test_a_damaged_row_says_so_and_hides_no_other(project: Project) -> None:
    moves, _ = _made(project)
    _, bad = _made(project)
    with project.lake.handles.reader.write() as writer:
        writer.execute("UPDATE runs SET state = 'GONE', tags = 7 WHERE id = :id", id=bad)
        writer.execute("UPDATE run_details SET parameters = '[' WHERE run_id = :id", id=bad)
        writer.execute("UPDATE run_events SET state = 9 WHERE run_id = :id", id=bad)
    history = History(project.lake.handles.reader)
    found = {run.id: run for run in history.page()}
    assert len(found) == 2
    assert found[bad].reason == "its row in our table is damaged"
    assert "is damaged" in (history.details(bad).error or "")
    assert history.events(bad)[0].state is State.CRASHED
    assert moves.claim(bad, machine.this_process()) is None
