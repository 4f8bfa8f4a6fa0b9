"""Runs in processes of their own: seen, stopped, timed out, crashed, survived."""

from __future__ import annotations

import os
import signal
import time

import pytest
from flow_project import Project, gone

from catalog.metadata.dbapi import Connection
from jobs import machine, reaper
from jobs.states import State
from jobs.store.history import History
from lakectl import LakeError

_FLOWS = """
    import ctypes, os, signal, subprocess, sys, time
    import pandas as pd
    from lakectl import flow, task, lake, get_run_logger, ProcessPoolTaskRunner

    def _pid(name):
        with open(f"{name}.pid", "w") as out:
            out.write(str(os.getpid()))

    @flow
    def adds(first: int, second: int = 4):
        print("to stdout")
        print("to stderr", file=sys.stderr)
        os.write(1, b"raw \\xff\\x1b[31m bytes\\n")
        return first + second

    @flow(timeout_seconds=1)
    def sleeps():
        _pid("sleeps")
        subprocess.Popen(["sleep", "600"], start_new_session=True)
        time.sleep(60)

    @flow(timeout_seconds=1)
    def queries():
        _pid("queries")
        import duckdb
        duckdb.sql("SELECT count(*) FROM range(100000000) a, range(100000) b "
                   "WHERE a.range * b.range % 7 = 3").fetchall()

    @flow(timeout_seconds=1)
    def in_c():
        _pid("in_c")
        ctypes.PyDLL(None).sleep(60)          # holds the interpreter

    @flow
    def waits():
        _pid("waits")
        time.sleep(60)

    @flow
    def deaf():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _pid("deaf")
        ctypes.PyDLL(None).sleep(60)

    @flow
    def dies():
        print("the last words")
        os.kill(os.getpid(), signal.SIGKILL)

    @flow
    def leaves():
        os._exit(7)

    @flow(retries=2)
    def dies_once():
        lake().dataset("n.t").append(pd.DataFrame({"a": [1]}))
        if not os.path.exists("died"):
            open("died", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)

    @task(isolated=True)
    def apart(number):
        get_run_logger().info("apart in %d", os.getpid())
        return number * 2, os.getpid()

    @task(isolated=True)
    def dies_apart():
        os.kill(os.getpid(), signal.SIGKILL)

    @task(isolated=True, timeout_seconds=0.5)
    def stuck_apart():
        ctypes.PyDLL(None).sleep(60)

    @flow
    def isolates():
        doubled, pid = apart(4)
        assert (doubled, pid != os.getpid()) == (8, True)
        assert dies_apart(return_state=True).message.endswith("was ended by SIGKILL.")
        assert stuck_apart(return_state=True).name == "TimedOut"

    @task
    def square(number):
        return number * number, os.getpid()

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=2))
    def pools():
        found = square.map([1, 2, 3]).result()
        assert [value for value, _ in found] == [1, 4, 9]
        assert os.getpid() not in {pid for _, pid in found}

    @task
    def forks():
        os.fork()
        return 1

    @flow
    def forking():
        forks()
        forks()

    @flow
    def floods():
        for _ in range(100_000):
            print("x" * 999)
        print("the end")
"""


@pytest.fixture
def flows(project: Project) -> Project:
    """Return a project with flows that behave well and badly."""
    project.write(_FLOWS)
    return project


def _pid(flows: Project, name: str) -> int:
    path = flows.root / f"{name}.pid"
    return int(flows.until(lambda: path.exists() and path.read_text()))


def test_a_run_in_its_own_process_is_told_on_stderr_and_ends_with_its_code(flows: Project) -> None:
    done = flows.command("flow", "run", "adds", "-p", "first=3")
    assert done.returncode == 0, done.stderr
    assert " | INFO    | Flow run '" in done.stderr
    assert "Finished in state Completed()" in done.stderr
    logged = flows.logged()
    assert "to stdout" in logged
    assert "to stderr" in logged
    assert "raw \\xff\x1b[31m bytes" in logged
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("name", ["sleeps", "queries", "in_c"])
def test_a_flow_that_takes_too_long_is_ended_whatever_it_does(flows: Project, name: str) -> None:
    supervisor = flows.lake.runs.supervisor()
    supervisor.step(0)
    run = flows.lake.runs.start(name)
    assert run.started_at is not None
    assert run.ended_at is not None
    assert (run.state, run.reason) == (State.FAILED, "timed out after 1 s")
    assert run.ended_at - run.started_at < 2_500
    assert gone(_pid(flows, name))
    if name == "sleeps":
        assert not [p for p in os.listdir("/proc") if p.isdigit() and _left_behind(int(p))]


def _left_behind(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as words:
            return words.read() == b"sleep\x00600\x00" and not gone(pid)
    except OSError:
        return False


def test_a_cancelled_run_is_interrupted_and_says_who_asked(flows: Project) -> None:
    command = flows.popen("flow", "run", "waits")
    pid = _pid(flows, "waits")
    done = flows.command("run", "cancel", "latest")
    assert "was asked to stop" in done.stdout
    run = flows.ended(seconds=10)
    assert run.state is State.CANCELLED
    assert run.cancel_by
    assert command.wait(10) == 8
    assert gone(pid)


def test_a_run_that_does_not_listen_is_killed_within_twenty_seconds(flows: Project) -> None:
    command = flows.popen("flow", "run", "deaf")
    pid = _pid(flows, "deaf")
    started = time.monotonic()
    flows.command("run", "cancel", "latest")
    assert flows.ended(seconds=25).state is State.CANCELLED
    assert time.monotonic() - started < 20
    assert command.wait(10) == 8
    assert gone(pid)


def test_ctrl_c_stops_the_run_and_not_only_the_command(flows: Project) -> None:
    command = flows.popen("flow", "run", "waits")
    pid = _pid(flows, "waits")
    command.send_signal(signal.SIGINT)
    assert command.wait(15) == 8
    assert flows.last().state is State.CANCELLED
    assert gone(pid)


def test_a_terminated_command_stops_its_run_first(flows: Project) -> None:
    command = flows.popen("flow", "run", "waits")
    pid = _pid(flows, "waits")
    command.terminate()
    assert command.wait(15) == 8
    assert flows.last().state is State.CANCELLED
    assert gone(pid)


def test_a_killed_process_is_a_crash_with_a_post_mortem(flows: Project) -> None:
    run = flows.lake.runs.start("dies")
    assert run.state is State.CRASHED
    told = flows.lake.runs.history.details(run.id).post_mortem
    assert told is not None
    assert told["signal"] == "SIGKILL"
    assert told["peak_memory"] > 10_000_000
    assert told["last_lines"][-1] == "the last words"
    assert flows.lake.runs.start("leaves").reason == (
        "its process left with exit code 7 before the flow had ended"
    )


def test_a_crashed_attempt_is_tried_again_and_what_it_wrote_lands_once(flows: Project) -> None:
    run = flows.lake.runs.start("dies_once")
    assert (run.state, run.attempt) == (State.COMPLETED, 2)
    assert flows.lake.dataset("n.t").to_pandas().a.tolist() == [1]
    (write,) = flows.lake.runs.history.writes(run.id)
    assert (write.dataset, write.version, write.rows) == ("n.t", 1, 1)


def test_a_killed_supervisor_takes_its_run_with_it_and_the_next_command_tells(
    flows: Project,
) -> None:
    command = flows.popen("flow", "run", "waits")
    pid = _pid(flows, "waits")
    flows.until(lambda: flows.last().state is State.RUNNING)
    command.kill()
    command.wait()
    flows.until(lambda: gone(pid), 5)
    assert flows.last().state is State.RUNNING
    done = flows.command("ingest", "nothing.csv", "--into", "n.t")
    assert "is CRASHED: its supervisor, process" in done.stderr
    assert flows.last(_of(flows, "waits")).state is State.CRASHED


def _of(flows: Project, flow: str) -> str:
    from jobs.model import RunFilter

    return flows.lake.runs.page(RunFilter(flow=flow), 1)[0].id


def test_a_run_whose_supervisor_is_killed_between_two_attempts_is_told_of(flows: Project) -> None:
    flows.write("""
        from lakectl import flow
        @flow(retries=1, retry_delay_seconds=600)
        def later():
            raise ValueError("not yet")
    """, "later.py")  # fmt: skip
    command = flows.popen("flow", "run", "later")
    flows.until(lambda: flows.lake.runs.page() and flows.last().reason)
    assert flows.last().state is State.SCHEDULED
    assert flows.lake.runs.reap() == []
    command.kill()
    command.wait()
    flows.until(flows.lake.runs.reap)
    assert flows.last().state is State.CRASHED


def test_a_machine_that_was_started_anew_is_told_apart_from_a_crash(flows: Project) -> None:
    command = flows.popen("flow", "run", "waits")
    _pid(flows, "waits")
    run = flows.last()
    (lease,) = flows.lake.runs.history.live()
    here = machine.this_process()
    assert reaper.why_gone(lease, flows.lake.handles.now()) is None
    from dataclasses import replace

    assert reaper.why_gone(replace(lease, boot="another"), 0) == "its machine was started anew"
    elsewhere = replace(lease, host=f"not-{here.host}")
    assert reaper.why_gone(elsewhere, flows.lake.handles.now()) is None
    late = flows.lake.handles.now() + 31_000
    assert "its lease ran out" in (reaper.why_gone(elsewhere, late) or "")
    # A clock that somebody set two days ahead ends no run of this machine.
    assert reaper.why_gone(lease, flows.lake.handles.now() + 2 * 86_400_000) is None
    command.send_signal(signal.SIGINT)
    command.wait(15)
    assert flows.last(run.id).state is State.CANCELLED


def test_a_detached_run_outlives_the_command_that_started_it(flows: Project) -> None:
    done = flows.command("flow", "run", "adds", "-p", "first=1", "--detach")
    assert done.returncode == 0, done.stderr
    run_id = done.stdout.strip()
    waited = flows.command("run", "wait", run_id)
    assert waited.returncode == 0, waited.stderr
    assert flows.last(run_id).state is State.COMPLETED


def test_isolated_tasks_and_process_pools_have_processes_of_their_own(flows: Project) -> None:
    run = flows.lake.runs.start("isolates")
    assert run.state is State.COMPLETED, flows.lake.runs.history.details(run.id).error
    assert any(line.startswith("apart in ") for line in flows.logged())
    run = flows.lake.runs.start("pools")
    assert run.state is State.COMPLETED, flows.lake.runs.history.details(run.id).error


def test_a_task_that_forks_goes_on_once(flows: Project) -> None:
    run = flows.lake.runs.start("forking")
    assert run.state is State.COMPLETED, run.reason
    assert sorted(flows.tasks(run)) == ["forks-0", "forks-1"]


def test_a_flood_of_output_keeps_its_begin_and_its_end_and_says_what_it_left_out(
    flows: Project,
) -> None:
    run = flows.lake.runs.start("floods")
    assert run.state is State.COMPLETED
    lines = flows.logged(run)
    assert "x" * 999 in lines[:2]
    assert "the end" in lines[-3:]
    (note,) = [line for line in lines if "were left out here" in line]
    left_out = int(note.split(" lines")[0].replace(",", ""))
    assert left_out + len(lines) - 1 == 100_003
    assert sum(map(len, lines)) < 11 << 20


def test_the_store_may_be_locked_for_a_while_and_nothing_is_lost(flows: Project) -> None:
    command = flows.popen("flow", "run", "adds", "-p", "first=1")
    blocker = Connection(flows.lake.handles.database_url)
    with blocker.write() as writer:
        writer.rows("SELECT 1")
        time.sleep(3)
    blocker.close()
    assert command.wait(30) == 0
    assert History(flows.lake.handles.reader).find("latest").state is State.COMPLETED


def test_errors_of_ours_are_told_as_sentences(flows: Project) -> None:
    done = flows.command("flow", "run", "adds", "-p", "first=x", "-p", "third=1")
    assert done.returncode == 2
    assert "first: input should be a valid integer" in done.stderr
    assert "third: there is no such parameter" in done.stderr
    assert "Traceback" not in done.stderr
    assert issubclass(LakeError, Exception)
