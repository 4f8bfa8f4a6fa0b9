"""Screens that settle on one size, and windows that close once."""

from __future__ import annotations

from typing import TypeVar

from textual import events
from textual.await_complete import AwaitComplete
from textual.message import Message
from textual.message_pump import MessagePump
from textual.screen import ModalScreen

T = TypeVar("T")


class Steady(MessagePump):
    """For screens: drops news of a size that the terminal no longer has.

    Laying out for a size, Textual tells the screen of that size once more. When two sizes are
    under way at once (a window being dragged, a terminal that first tells no size), each layout
    would bring the other back, without end and with no key heard in between.
    """

    def post_message(self, message: Message) -> bool:
        """Take a message, unless it tells a size of the past."""
        if isinstance(message, events.Resize) and message.size != self.app.size:
            return False
        return super().post_message(message)


class Window(Steady, ModalScreen[T]):
    """For windows over a screen: an answer that is given twice counts once."""

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Close the window with an answer, unless it is closed already.

        A second escape may be under way while the first is heeded, and would close what is below.
        """
        return super().dismiss(result) if self.is_current else AwaitComplete()
