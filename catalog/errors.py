"""The errors of the lake, drawn as a tree. Each knows its exit code and a word for scripts.

LakeError
 ├─ OperationFailed         1  the work itself failed (bad rows, a query error)
 ├─ InvalidInput            2  what was asked for makes no sense as it stands
 │   └─ InvalidName
 ├─ NotFound                3  no such lake, dataset, version, file
 ├─ Conflict                4  somebody or something else stands in the way
 │   └─ SchemaConflict         an incompatible schema; carries the diff by field
 ├─ StoreUnreachable        5  the metadata store or the warehouse does not answer
 │   └─ OutcomeUnknown         it went silent while a change was being made
 ├─ NotAllowed              6  refused by a rule of the lake or of the query box
 └─ DeadlineExceeded      124  it took longer than it was given

The codes are those of docs/CLI.md. A message says what happened and where; the hint says what to
do about it. Neither ever holds a secret or a traceback.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

LOOK_AT_FILES = "See whether its files are whole: lakectl doctor --verify"


class LakeError(Exception):
    """The base of every error that the lake raises on purpose.

    Args:
        message: what happened and where, one sentence.
        hint: what the person can do about it, or None.
    """

    exit_code = 1
    code = "failed"

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@contextmanager
def told_of(name: object) -> Iterator[None]:
    """Let the errors of a block say which dataset they are of."""
    try:
        yield
    except LakeError as error:
        error.message = f"{name}: {error.message}"
        raise


class OperationFailed(LakeError):
    """The work was possible to ask for but failed: a bad row, a query that does not bind."""


class InvalidInput(LakeError):
    """The request cannot be understood or carried out as written."""

    exit_code = 2
    code = "invalid"


class InvalidName(InvalidInput):
    """A dataset, tag or branch name that the lake does not accept."""

    code = "invalid_name"


class NotFound(LakeError):
    """There is no lake, dataset, version or file of that name."""

    exit_code = 3
    code = "not_found"


class Conflict(LakeError):
    """The request clashes with what is there, or with another writer."""

    exit_code = 4
    code = "conflict"


class SchemaConflict(Conflict):
    """Incoming data does not fit the schema under the policy in force.

    Args:
        message: the sentence for people.
        hint: what would make it pass.
        changes: the diff by field, as told by `catalog.schema`.
    """

    code = "schema_conflict"

    def __init__(
        self, message: str, hint: str | None = None, changes: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message, hint)
        self.changes = changes


class StoreUnreachable(LakeError):
    """The metadata store or the warehouse cannot be reached, is full, or does not answer."""

    exit_code = 5
    code = "unreachable"


class OutcomeUnknown(StoreUnreachable):
    """Nobody can say yet whether a change was made; nothing of it may be cleaned up."""

    code = "outcome_unknown"


class NotAllowed(LakeError):
    """A rule of the lake, of its storage or of the query box forbids it."""

    exit_code = 6
    code = "not_allowed"


class DeadlineExceeded(LakeError):
    """The work was stopped because its time was up."""

    exit_code = 124
    code = "timeout"
