"""What the keys do to the log of a run."""

from __future__ import annotations

from screens.run_orders import RunOrders
from screens.widgets.line_edit import LineEdit
from screens.widgets.log_pane import LogPane


class LogKeys(RunOrders):
    """A screen with a log."""

    @property
    def log_pane(self) -> LogPane:
        """The log and what stands around it."""
        return self.query_one(LogPane)

    def do_find(self) -> None:
        """Go into the line of the search."""
        self.log_pane.edit.display = True
        self.set_focus(self.log_pane.edit)

    def on_line_edit_submitted(self) -> None:
        """Keep what is searched and go back to the log."""
        self.log_pane.edit.display = bool(self.log_pane.edit.value)
        self.set_focus(self.log_pane.grid)

    def on_line_edit_left(self) -> None:
        """Search nothing any more."""
        self.log_pane.edit.set("")
        self.on_line_edit_submitted()

    def on_line_edit_stepped(self, event: LineEdit.Stepped) -> None:
        """Move over the log without leaving the search."""
        getattr(self.log_pane.grid, f"action_{event.step.replace('page', 'page_')}")()

    def do_find_next(self) -> None:
        """Go to the next line that was found."""
        self._step(+1)

    def do_find_previous(self) -> None:
        """Go to the line that was found before."""
        self._step(-1)

    def _step(self, step: int) -> None:
        why = self.log_pane.step(step)
        if why is not None:
            self.say("warn", why)

    def do_level_debug(self) -> None:
        """Show every line."""
        self.log_pane.choose_level(0)

    def do_level_info(self) -> None:
        """Hide the debug lines."""
        self.log_pane.choose_level(20)

    def do_level_warning(self) -> None:
        """Show warnings and errors."""
        self.log_pane.choose_level(30)

    def do_level_error(self) -> None:
        """Show errors."""
        self.log_pane.choose_level(40)

    def do_wrap(self) -> None:
        """Break long lines, or do not."""
        self.log_pane.toggle_wrap()

    def do_follow(self) -> None:
        """Go to the end of the log."""
        self.log_pane.follow()
