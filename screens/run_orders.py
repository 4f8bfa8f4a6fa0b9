"""What may be ordered of a run, the same in the list of runs and in the details of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from screens import commands, messages
from screens.lake_screen import LakeScreen
from screens.widgets.bars import StatusLine

if TYPE_CHECKING:
    from jobs.model import Effect, Run

_MOST_EFFECTS = 10


class RunOrders(LakeScreen):
    """A screen with a run under its cursor."""

    def ordered_run(self) -> Run | None:
        """The run that orders are about."""
        raise NotImplementedError

    def runs_changed(self) -> None:
        """A run was made or has moved: ask again."""
        raise NotImplementedError

    def _line(self, command: str) -> str:
        return commands.named(command).line(self.context()) or ""

    def _confirm(
        self, title: str, lines: Sequence[str], verb: str, line: str, then: Callable[[], None]
    ) -> None:
        self.post_message(messages.Confirm(title, tuple(lines), line, verb, then))

    def do_cancel_run(self) -> None:
        """Ask, then let the run be stopped."""
        run = self.ordered_run()
        if run is None:
            return
        line = self._line("cancel_run")
        told = ("It is asked to stop, and ended by force if it does not.",)

        def go() -> None:
            self._tell_of(lambda: self.backend.cancel_run(run.id), line)

        asked = messages.Confirm(f"Cancel {run.name}?", told, line, "Stop it", go, "Let it run")
        self.post_message(asked)

    def do_rerun(self) -> None:
        """Ask, then start the same once more and go there."""
        run = self.ordered_run()
        if run is None:
            return
        line = self._line("rerun")
        told = (f"{run.flow} starts once more, with the same parameters.",)
        self._confirm(f"Run {run.name} again?", told, "Run", line,
                      lambda: self._start(lambda: self.backend.rerun(run.id)))  # fmt: skip

    def do_resume_run(self) -> None:
        """Ask, then start a run that takes over what this one finished."""
        run = self.ordered_run()
        if run is None:
            return
        line = self._line("resume_run")
        told = (
            "A new run takes over the results of the tasks that were done,",
            "and runs the others. What was written is not written again.",
        )
        self._confirm(f"Resume {run.name}?", told, "Resume", line,
                      lambda: self._start(lambda: self.backend.resume(run.id)))  # fmt: skip

    def do_edit_run(self) -> None:
        """Open the form, filled with the parameters of the run."""
        run = self.ordered_run()
        if run is not None:
            self.post_message(messages.OpenForm(run.flow, run.id))

    def do_undo_run(self) -> None:
        """Tell what would happen to each dataset, and put them back after a yes."""
        run = self.ordered_run()
        if run is None:
            return
        line = self._line("undo_run")

        def undo() -> None:
            self._tell_of(lambda: self.backend.undo_run(run.id), line)

        def confirm(effects: Sequence[Effect]) -> None:
            if not effects:
                self.say("warn", f"{run.name} wrote nothing that stands: nothing to undo.")
                return
            blocked = [effect for effect in effects if effect.conflict is not None]
            if blocked:  # all or nothing
                first = blocked[0]
                self.say("warn", f"It cannot be undone: {first.dataset}: {first.conflict}")
                return
            title = f"Undo what {run.name} wrote?"
            self._confirm(title, told_effects(effects), "Undo", line, undo)

        self.ask("effects", lambda: self.backend.undo_effects(run.id), confirm)

    def _tell_of(self, act: Callable[[], str], line: str) -> None:
        self.order(act, line)

    def _start(self, act: Callable[[], str]) -> None:
        self.say("busy", "Starting …")

        def started(run_id: str) -> None:
            self.query_one(StatusLine).hush()
            self.post_message(messages.RunsChanged())
            self.post_message(messages.OpenRun(run_id))

        self.ask("order", act, started)


def told_effects(effects: Sequence[Effect]) -> list[str]:
    """A line a dataset: what undoing a run would do to it."""
    lines = []
    for effect in effects[:_MOST_EFFECTS]:
        if effect.to_version is None:
            lines.append(f"  {effect.dataset}  v{effect.from_version} → dropped: the run made it")
        else:
            lines.append(f"  {effect.dataset}  v{effect.from_version} → v{effect.to_version}")
    if len(effects) > _MOST_EFFECTS:
        lines.append(f"  … and {len(effects) - _MOST_EFFECTS} more")
    return lines
