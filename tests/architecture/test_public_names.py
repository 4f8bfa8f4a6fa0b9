"""What `import lakectl` promises is there, and every error that it raises is one of its own."""

from __future__ import annotations

import inspect

import pytest

import lakectl
from catalog import errors

_ERRORS = [e for _, e in inspect.getmembers(errors, inspect.isclass) if issubclass(e, Exception)]
_CODES = {1, 2, 3, 4, 5, 6, 7, 8, 70, 124, 130}  # those of docs and of --help


@pytest.mark.parametrize("name", lakectl.__all__)
def test_every_public_name_resolves(name: str) -> None:
    found = getattr(lakectl, name)
    assert found is not None
    assert name == "__version__" or found.__doc__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        lakectl.nothing  # noqa: B018 - the asking is the test


def test_the_public_errors_are_the_errors_of_the_catalog() -> None:
    public = {n for n in lakectl.__all__ if inspect.isclass(getattr(lakectl, n))}
    missing = {e.__name__ for e in _ERRORS} - public
    assert missing <= {"OutcomeUnknown", "DeadlineExceeded"}, missing
    for error in _ERRORS:
        if error.__name__ in public:
            assert getattr(lakectl, error.__name__) is error


@pytest.mark.parametrize("error", _ERRORS, ids=lambda e: e.__name__)
def test_every_error_has_a_documented_exit_code_a_word_and_a_hint(
    error: type[errors.LakeError],
) -> None:
    assert issubclass(error, errors.LakeError)
    assert error.exit_code in _CODES
    made = error("What happened.", "What to do.")
    assert (made.message, made.hint, str(made)) == (
        "What happened.",
        "What to do.",
        "What happened.",
    )
    assert made.code.replace("_", "").isalpha()
