"""The dashboard as a whole: themes, screens, and what works everywhere. Nothing else."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual.app import App
from textual.filter import LineFilter
from textual.worker import WorkerFailed

from catalog.errors import LakeError
from screens import messages
from screens.backend import Backend
from screens.datasets import DatasetsScreen
from screens.lake_screen import LakeScreen
from screens.off_loop import Lane
from screens.scrub import Scrub
from screens.shared import Shared

if TYPE_CHECKING:
    from screens.flows import FlowsScreen
    from screens.query import QueryScreen
    from screens.runs import RunsScreen

_CRASHED = 70
_POLL_SECONDS = 1.5
_PULSE_SECONDS = 0.5  # of what goes on while it is looked at: a log, a clock
_MOST_SCREENS = 8  # one over another: each of them asks again when the lake changes
_AGE_SECONDS = 5.0  # between two looks at the clock: ages must not stand still
_WARM_UP_AFTER = 0.4  # the list of datasets comes first


class LakeApp(App[int]):
    """The dashboard over a backend.

    Args:
        backend: the lake.
        shared: the clock and the like; made from the backend when it is not given.
        poll: seconds between two looks at whether the lake has changed; 0 for never, and then
            ages and clocks stand still too.
    """

    TITLE = "lakectl"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (140, "-broad")]

    def __init__(
        self, backend: Backend, shared: Shared | None = None, poll: float = _POLL_SECONDS
    ) -> None:
        plain = bool(os.environ.get("NO_COLOR"))
        super().__init__(ansi_color=True if plain else None)
        self.shared = shared or Shared(backend)
        self.backend = backend
        self._poll = poll
        self._token: str | None = None
        self._runs_token: str | None = None
        self._lane = Lane()
        self._scrub = Scrub()
        self._query: QueryScreen | None = None
        self._runs: RunsScreen | None = None
        self._flows: FlowsScreen | None = None
        self.crash: BaseException | None = None
        self._leaving = False
        if plain or os.environ.get("LAKECTL_THEME") == "ansi":
            self.theme = "ansi-dark"

    def get_line_filters(self) -> Sequence[LineFilter]:
        """The last door: no control character of anybody's data goes to the terminal."""
        return [self._scrub, *super().get_line_filters()]

    def on_ready(self) -> None:
        """After the first paint: watch the lake, and load what later screens need."""
        gc.enable()
        self.set_timer(_WARM_UP_AFTER, self._start_warm_up)
        if self._poll:
            self.set_interval(self._poll, self._look)
            self.set_interval(_AGE_SECONDS, self._age)
            self.set_interval(_PULSE_SECONDS, self._pulse)

    def _start_warm_up(self) -> None:
        threading.Thread(target=self._warm_up, daemon=True, name="lakectl-warm-up").start()

    def _warm_up(self) -> None:
        import screens.dataset
        import screens.flows
        import screens.launch
        import screens.palette
        import screens.query
        import screens.run
        import screens.runs  # noqa: F401  # loaded here so that going there is instant

        try:
            self.backend.warm_up()
        except LakeError:
            return  # whoever needs it next will be told

    def _age(self) -> None:
        if isinstance(self.screen, LakeScreen):
            self.screen.time_passed()

    def _pulse(self) -> None:
        if isinstance(self.screen, LakeScreen):
            self.screen.pulse()

    def _look(self) -> None:
        self.run_worker(self._compare(), group="token", exclusive=True)

    async def _compare(self) -> None:
        def tokens() -> tuple[str, str]:
            return self.backend.change_token(), self.backend.runs_token()

        try:
            token, runs_token = await self._lane.ask(tokens)
        except LakeError:
            self._each_screen(lambda screen: screen.trouble(True))
            return
        self._each_screen(lambda screen: screen.trouble(False))
        moved, self._token = self._token not in {None, token}, token
        if moved:
            self.on_lake_changed()
        moved, self._runs_token = self._runs_token not in {None, runs_token}, runs_token
        if moved:
            self.on_runs_changed()

    def _each_screen(self, act: Callable[[LakeScreen], None]) -> None:
        for stack in self._screen_stacks.values():
            for screen in stack:
                if isinstance(screen, LakeScreen) and screen.is_mounted:
                    act(screen)

    def on_lake_changed(self) -> None:
        """Let every screen ask again."""
        self._each_screen(lambda screen: screen.lake_changed())

    def on_runs_changed(self) -> None:
        """Let every screen that shows runs ask again."""
        self._each_screen(lambda screen: screen.runs_changed())

    def on_toggle_times(self) -> None:
        """Show times in the other way on every screen."""
        self.shared.absolute_times = not self.shared.absolute_times
        self._each_screen(lambda screen: screen.times_changed())

    def get_default_screen(self) -> DatasetsScreen:
        """The first screen, which is always at the bottom."""
        # Textual would set the class after a first layout without it, and lay out twice.
        steps = reversed(self.HORIZONTAL_BREAKPOINTS)
        fitting = next(name for least, name in steps if self.size.width >= least)
        return DatasetsScreen(self.shared, fitting)

    def _query_screen(self) -> QueryScreen:
        """The one SQL screen, which keeps its query and result while it is not shown."""
        if self._query is None:
            from screens.query import QueryScreen

            self._query = QueryScreen(self.shared)
            self.install_screen(self._query, "query")
        return self._query

    def _runs_screen(self) -> RunsScreen:
        """The one list of runs, which keeps its filter and its cursor."""
        if self._runs is None:
            from screens.runs import RunsScreen

            self._runs = RunsScreen(self.shared)
            self.install_screen(self._runs, "runs")
        return self._runs

    def _flows_screen(self) -> FlowsScreen:
        """The one list of flows: what it shows was slow to find out."""
        if self._flows is None:
            from screens.flows import FlowsScreen

            self._flows = FlowsScreen(self.shared)
            self.install_screen(self._flows, "flows")
        return self._flows

    async def _surface(self, screen: LakeScreen) -> None:
        """Show a screen: go down to it where it is open, else put it over what is shown."""
        if screen in self.screen_stack:
            while self.screen is not screen:
                await self.pop_screen()
            return
        if len(self.screen_stack) >= _MOST_SCREENS:
            await self._to_list()
        await self.push_screen(screen)

    async def on_open_dataset(self, event: messages.OpenDataset) -> None:
        """Show a dataset over the list, or over the run that led to it."""
        from screens.dataset import DatasetScreen

        if getattr(self.screen, "PLACE", "") != "run":
            await self._to_list()
        await self._surface(DatasetScreen(self.shared, event.name, event.version))

    async def on_open_run(self, event: messages.OpenRun) -> None:
        """Show a run; esc comes back to where one was."""
        from screens.run import RunScreen

        shown = (s for s in self.screen_stack if isinstance(s, RunScreen))
        known = next((s for s in shown if s.run_id == event.run_id), None)
        await self._surface(known or RunScreen(self.shared, event.run_id))

    async def on_open_runs(self, event: messages.OpenRuns) -> None:
        """Show the runs that a text asks for."""
        screen = self._runs_screen()
        screen.narrow(event.wanted)
        await self._surface(screen)

    async def on_open_form(self, event: messages.OpenForm) -> None:
        """Show the form of a flow."""
        from screens.launch import LaunchScreen

        await self._surface(LaunchScreen(self.shared, event.flow, event.run_id, event.known))

    async def on_started(self, event: messages.Started) -> None:
        """Show the run in place of the form that started it."""
        if getattr(self.screen, "PLACE", "") == "launch":
            await self.pop_screen()
        self.on_runs_changed()
        await self.on_open_run(messages.OpenRun(event.run_id))

    async def _to_list(self) -> None:
        while len(self.screen_stack) > 1:
            await self.pop_screen()

    async def on_go(self, event: messages.Go) -> None:
        """Go up, out, or to what needs no telling what."""
        match event.to:
            case "up":
                await self._go_up()
            case "datasets":
                await self._to_list()
            case "flows":
                await self._surface(self._flows_screen())
            case "runs":
                await self._surface(self._runs_screen())
            case "palette":
                self._open_palette()
            case "help":
                self._open_help()
            case "out":
                self._leave()

    async def _go_up(self) -> None:
        if len(self.screen_stack) > 1:
            await self.pop_screen()

    async def on_open_query(self, event: messages.OpenQuery) -> None:
        """Go to the SQL screen."""
        query = self._query_screen()
        await self._surface(query)
        if event.text:
            query.put(event.text)

    def _open_help(self) -> None:
        from screens.help import HelpScreen

        if isinstance(self.screen, LakeScreen):
            self.push_screen(HelpScreen(self.screen.context()))

    def _open_palette(self) -> None:
        from screens.palette import Choice, PaletteScreen

        screen = self.screen
        if not isinstance(screen, LakeScreen):
            return

        def chosen(choice: Choice | None) -> None:
            if choice is None:
                return
            if choice.dataset:
                self.post_message(messages.OpenDataset(choice.dataset))
            elif choice.run:
                self.post_message(messages.OpenRun(choice.run))
            else:
                screen.action_command(choice.command)

        self.push_screen(PaletteScreen(self.shared, screen.context()), chosen)

    def on_confirm(self, event: messages.Confirm) -> None:
        """Ask, and do it when the answer is yes."""
        from screens.confirm import ConfirmScreen

        self.push_screen(ConfirmScreen(event), lambda yes: event.then() if yes else None)

    def on_ask_tag(self, event: messages.AskTag) -> None:
        """Ask for the name of a tag."""
        from screens.confirm import TagScreen

        self.push_screen(TagScreen(event), lambda tag: event.then(tag) if tag else None)

    def _leave(self) -> None:
        self._leaving = True
        if self._query is not None:
            threading.Thread(target=self.backend.cancel_sql, daemon=True).start()
        self.exit(0)

    def action_help_quit(self) -> None:
        """Say how to leave instead of leaving by surprise."""
        if isinstance(self.screen, LakeScreen):
            self.screen.say("warn", "q leaves (esc first, where you type).")

    def _handle_exception(self, error: Exception) -> None:
        """Keep the error for `screens.start` and leave; the stock report prints local variables."""
        if self._leaving:  # a screen that was on its way has lost its widgets: no error to tell of
            return
        if isinstance(error, WorkerFailed) and isinstance(error.error, Exception):
            error = error.error
        self.crash = self.crash or error
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._return_code = _CRASHED
        self._close_messages_no_wait()
