"""The dashboard as a whole: themes, screens, and what works everywhere. Nothing else."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual.app import App
from textual.filter import LineFilter

from catalog.errors import LakeError
from screens import messages
from screens.backend import Backend
from screens.datasets import HEAD, DatasetsScreen
from screens.lake_screen import LakeScreen
from screens.off_loop import Lane, in_thread
from screens.scrub import Scrub
from screens.shared import Shared

if TYPE_CHECKING:
    from screens.dataset import DatasetScreen
    from screens.query import QueryScreen

CRASHED = 70
_POLL_SECONDS = 1.5
_WARM_UP_AFTER = 0.4  # the list of datasets comes first


class LakeApp(App[int]):
    """The dashboard over a backend.

    Args:
        backend: the lake.
        shared: the clock and the like; made from the backend when it is not given.
        poll: seconds between two looks at whether the lake has changed; 0 for never.
    """

    CSS_PATH = os.path.join(os.path.dirname(__file__), "lakectl.tcss")
    TITLE = "lakectl"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (140, "-broad")]
    DEFAULT_MODE = "lake"

    def __init__(
        self, backend: Backend, shared: Shared | None = None, poll: float = _POLL_SECONDS
    ) -> None:
        super().__init__()
        self.shared = shared or Shared(backend)
        self.backend = backend
        self._poll = poll
        self._token: str | None = None
        self._lane = Lane()
        self._scrub = Scrub()
        self._query: QueryScreen | None = None
        self.crash: BaseException | None = None
        self.add_mode("lake", self._datasets_screen)
        self.add_mode("query", self._query_screen)
        if self.no_color or os.environ.get("LAKECTL_THEME") == "ansi":
            self.theme = "ansi-dark"

    def get_line_filters(self) -> Sequence[LineFilter]:
        """The last door: no control character of anybody's data goes to the terminal."""
        return [self._scrub, *super().get_line_filters()]

    def on_ready(self) -> None:
        """After the first paint: watch the lake, and load what later screens need."""
        self.set_timer(_WARM_UP_AFTER, self._start_warm_up)
        if self._poll:
            self.set_interval(self._poll, self._look)

    def _start_warm_up(self) -> None:
        threading.Thread(target=self._warm_up, daemon=True, name="lakectl-warm-up").start()

    def _warm_up(self) -> None:
        import screens.dataset
        import screens.palette
        import screens.query  # noqa: F401  # loaded here so that going there is instant

        try:
            self.backend.warm_up()
        except LakeError:
            return  # whoever needs it next will be told

    def _look(self) -> None:
        self.run_worker(self._compare(), group="token", exclusive=True)

    async def _compare(self) -> None:
        try:
            token = await self._lane.ask(self.backend.change_token)
        except LakeError:
            self._each_screen(lambda screen: screen.trouble(True))
            return
        self._each_screen(lambda screen: screen.trouble(False))
        moved, self._token = self._token not in {None, token}, token
        if moved:
            self.on_lake_changed()

    def _each_screen(self, act: Callable[[LakeScreen], None]) -> None:
        for stack in self._screen_stacks.values():
            for screen in stack:
                if isinstance(screen, LakeScreen) and screen.is_mounted:
                    act(screen)

    def on_lake_changed(self) -> None:
        """Let every screen ask again."""
        self._each_screen(lambda screen: screen.lake_changed())

    def on_toggle_times(self) -> None:
        """Show times in the other way on every screen."""
        self.shared.absolute_times = not self.shared.absolute_times
        self._each_screen(lambda screen: screen.times_changed())

    def _datasets_screen(self) -> DatasetsScreen:
        screen = DatasetsScreen(self.shared)
        # Textual would set it after a first layout without it, and lay everything out twice.
        name = next(n for least, n in reversed(self.HORIZONTAL_BREAKPOINTS) if self.size[0] >= least)
        return screen.add_class(name)

    def _query_screen(self) -> QueryScreen:
        from screens.query import QueryScreen

        self._query = QueryScreen(self.shared)
        return self._query

    def _dataset_screen(self, name: str) -> DatasetScreen:
        from screens.dataset import DatasetScreen

        return DatasetScreen(self.shared, name)

    async def on_open_dataset(self, event: messages.OpenDataset) -> None:
        """Show a dataset over the list; another one that is open gives way."""
        await self._to_list()
        await self.push_screen(self._dataset_screen(event.name))

    async def _to_list(self) -> None:
        if self.current_mode != "lake":
            await self.switch_mode("lake")
        while len(self.screen_stack) > 1:
            await self.pop_screen()

    async def on_go(self, event: messages.Go) -> None:
        """Go up, out, or to what needs no telling what."""
        match event.to:
            case "up":
                await self._go_up()
            case "datasets":
                await self._to_list()
            case "palette":
                self._open_palette()
            case "help":
                self._open_help()
            case "out":
                self._leave()

    async def _go_up(self) -> None:
        if self.current_mode == "query":
            await self.switch_mode("lake")
        elif len(self.screen_stack) > 1:
            await self.pop_screen()

    async def on_open_query(self, event: messages.OpenQuery) -> None:
        """Go to the SQL screen."""
        await self.switch_mode("query")
        if event.text and self._query is not None:
            self._query.put(event.text)

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
        if self._query is not None:
            threading.Thread(target=self.backend.cancel_sql, daemon=True).start()
        self.exit(0)

    def action_help_quit(self) -> None:
        """Say how to leave instead of leaving by surprise."""
        if isinstance(self.screen, LakeScreen):
            self.screen.say("warn", "q leaves (esc first, where you type).")

    def _handle_exception(self, error: Exception) -> None:
        """Keep the error for `run` and leave; the stock report would print local variables."""
        self.crash = self.crash or error
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._return_code = CRASHED
        self._close_messages_no_wait()


def run(backend: Backend) -> int:
    """Open the dashboard and return the exit code of the program when it is left."""
    head = in_thread(lambda: backend.summaries(HEAD))
    app = LakeApp(backend, Shared(backend, head=head))
    crash: BaseException | None = None
    try:
        app.run()
    except Exception as error:  # noqa: BLE001  # the border: the report replaces a traceback
        crash = error
    crash = app.crash or crash
    if crash is None:
        return app.return_code or 0
    sys.stderr.write(report(crash))
    return CRASHED


def report(crash: BaseException) -> str:
    """What is printed after a crash: where it happened, and never the value of a variable."""
    from screens.text import safe

    frames = traceback.extract_tb(crash.__traceback__)
    where = [f"  {os.path.basename(f.filename)}:{f.lineno} in {f.name}" for f in frames[-6:]]
    lines = [
        f"The dashboard stopped because of an error in lakectl ({type(crash).__name__}).",
        "Nothing in the lake was changed by this. The last calls were:",
        *where,
        "Please report it with these lines.",
    ]
    return "\n".join(safe(line) for line in lines) + "\n"
