"""The errors of work; the tree goes on from `catalog.errors`.

LakeError
 ├─ InvalidInput
 │   ├─ InvalidParameters   2  a flow cannot be called so; every parameter that is wrong, by name
 │   └─ BrokenFlow          2  its file cannot be imported; the person's own file and line
 ├─ Conflict
 │   └─ RunConflict         4  a run is not in a state for that
 ├─ OperationFailed
 │   ├─ UpstreamFailed      1  a task was not run because one that it needs failed
 │   └─ UnfinishedWork      1  a flow ended although some of its tasks failed
 └─ DeadlineExceeded
     └─ TimedOut          124  a flow or a task took longer than it was given
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from catalog.errors import Conflict, DeadlineExceeded, InvalidInput, OperationFailed


class InvalidParameters(InvalidInput):
    """A flow cannot be called with these parameters.

    Args:
        flow: its name.
        fields: what is wrong, by the name of the parameter.
    """

    code = "invalid_parameters"

    def __init__(self, flow: str, fields: Mapping[str, str]) -> None:
        count = f"{len(fields)} of its parameters are" if len(fields) > 1 else "a parameter is"
        super().__init__(
            f"Flow {flow!r} was not run: {count} wrong.",
            f"See what it takes: lakectl flow show {shlex.quote(flow)}",
        )
        self.fields = dict(fields)
        self.changes = tuple(f"{name}: {why}" for name, why in fields.items())

    def __str__(self) -> str:
        return "\n  ".join([self.message, *self.changes])


class BrokenFlow(InvalidInput):
    """A flow file cannot be imported."""

    code = "broken_flow"


class RunConflict(Conflict):
    """A run is not in a state for what was asked."""


class UpstreamFailed(OperationFailed):
    """A task was not run, because one that it needs did not complete."""

    code = "upstream_failed"


class UnfinishedWork(OperationFailed):
    """A flow came to its end although tasks of it had failed that nobody looked at."""


class TimedOut(DeadlineExceeded, TimeoutError):
    """A flow or a task took longer than it was given; it is a TimeoutError of Python's as well."""


class Cancelled(KeyboardInterrupt):
    """The run was asked to stop. No `except Exception` of a flow swallows it."""
