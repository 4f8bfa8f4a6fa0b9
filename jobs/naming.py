"""Names of runs: two words that are easy to say, or a template of the flow's own. Pure."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from typing import Any

from catalog.errors import InvalidInput

FIRST = (
    "able amber ample apt azure bold brave brisk bright calm clear clever cobalt cool coral "
    "crisp daring deft eager early earnest easy fair fast fearless fine firm fleet fond frank "
    "fresh gentle glad golden good grand green happy hardy honest humble indigo jolly keen kind "
    "lively loyal lucid lucky lush mellow merry mild modest neat nimble noble olive patient "
    "placid plain polite prime proud quick quiet rapid ready royal ruby rustic sage sharp shiny "
    "silent silver smart smooth snug solid spry steady still stout sunny swift tame teal tidy "
    "trim true upbeat vivid warm wise witty young zesty"
).split()
SECOND = (
    "adder alpaca badger bass bear beaver bee bison boar bobcat carp cat cobra cod condor cougar "
    "crab crane cricket crow deer dingo dove duck eagle eel egret elk falcon ferret finch fox "
    "frog gecko goat goose grebe gull hare hawk heron horse ibex ibis jackal jay kite koala "
    "lark lemur lion llama loon lynx macaw marten mink mole moose moth mouse mule newt okapi "
    "orca osprey otter owl ox panda parrot perch pika pony puffin puma quail rabbit raven robin "
    "rook salmon seal shrew shrike skink skunk sloth snail sparrow squid stork swan swift tapir "
    "tern tiger toad trout turtle viper vole walrus wasp weasel whale wolf wombat wren yak zebra"
).split()


def two_words(number: int) -> str:
    """A name such as `brave-otter`, chosen by a number: 10,000 of them."""
    first, second = divmod(number, len(SECOND))
    return f"{FIRST[first % len(FIRST)]}-{SECOND[second]}"


def from_template(template: str | Callable[[], str], values: Mapping[str, Any], whose: str) -> str:
    """A name of a template such as `load-{month}`, filled with the arguments.

    Only names and formats are filled in, never attributes or items: a value must not decide what
    of it is shown.

    Raises:
        InvalidInput: it names what is no argument, or cannot be filled.
    """
    if not isinstance(template, str):
        return str(template())
    text = ""
    try:
        for literal, name, form, _ in string.Formatter().parse(template):
            text += literal
            if name is not None:
                text += format(values[name], form or "")
    except (KeyError, ValueError, TypeError) as error:
        known = ", ".join(values) or "none"
        raise InvalidInput(
            f"The name {template!r} of {whose} cannot be filled: {error}.", f"Arguments: {known}."
        ) from error
    return text
