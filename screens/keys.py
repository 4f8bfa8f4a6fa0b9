"""Key bindings, made from the registry of commands."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from screens import commands

_DIRECT = {"grid", "window"}  # widgets that carry the actions themselves, by their ids


def bindings(place: str) -> list[BindingType]:
    """The bindings of a place."""
    return [
        Binding(c.keys, c.id if place in _DIRECT else f"command('{c.id}')", c.name, show=False)
        for c in commands.of_place(place)
    ]
