"""What screens and widgets tell upwards. The app, which knows every screen, acts on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual.message import Message


@dataclass
class OpenDataset(Message):
    """Show one dataset in detail."""

    name: str


@dataclass
class OpenQuery(Message):
    """Go to the SQL screen; a text that is not empty is put into the editor."""

    text: str = ""


@dataclass
class GoUp(Message):
    """Leave this screen for the one above; leave the dashboard from the top."""


@dataclass
class GoToDatasets(Message):
    """Go to the list of datasets."""


@dataclass
class Quit(Message):
    """Leave the dashboard."""


@dataclass
class OpenPalette(Message):
    """Open the palette over this screen."""


@dataclass
class OpenHelp(Message):
    """Open the list of keys over this screen."""


@dataclass
class ToggleTimes(Message):
    """Show ages as dates, or dates as ages, everywhere."""


@dataclass
class LakeChanged(Message):
    """Something in the lake is different: ask again."""


@dataclass
class Confirm(Message):
    """Ask before something is done; `then` is called when the answer was yes."""

    title: str
    lines: tuple[str, ...]
    same_as: str
    verb: str
    then: Callable[[], None]


@dataclass
class AskTag(Message):
    """Ask for the name of a tag; `then` is called with it."""

    dataset: str
    version: int
    then: Callable[[str], None]
