"""Key bindings, made from the registry of commands."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from screens import commands

_DIRECT = {"grid", "window"}  # widgets that carry the actions themselves, by their ids


def bindings(place: str) -> list[BindingType]:
    """The bindings of a place."""
    found: list[BindingType] = []
    for command in commands.of_place(place):
        action = command.id if place in _DIRECT else f"command('{command.id}')"
        found.append(
            Binding(command.keys, action, command.name, show=False, priority=command.first)
        )
    return found
