"""Screens that settle on one size."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.message_pump import MessagePump


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
