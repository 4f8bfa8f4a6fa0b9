"""Parameters: checked when a run is asked for, every one that is wrong told at once, by name."""

from __future__ import annotations

import enum
from datetime import date
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr

from jobs import digests, parameters, results
from jobs.errors import InvalidParameters
from lakectl import flow


class Colour(enum.Enum):
    YELLOW = "yellow"
    GREEN = "green"


_SECRET = SecretStr("none of that")


class Window(BaseModel):
    start: date
    days: int = Field(7, ge=1)


@flow
def taxi(
    months: list[Annotated[int, Field(ge=1, le=12)]],
    year: Annotated[int, Field(ge=2009, description="Of the trips.")] = 2021,
    colour: Colour = Colour.YELLOW,
    kind: Literal["trips", "zones"] = "trips",
    window: Window | None = None,
    since: date = date(2021, 1, 1),
    password: SecretStr = _SECRET,
    anything: Any = None,
) -> None:
    """Load months of trips."""


def test_every_parameter_that_is_wrong_is_told_at_once_by_name() -> None:
    with pytest.raises(InvalidParameters) as told:
        parameters.check(
            taxi,
            {
                "months": [1, 13, "x"],
                "year": 1999,
                "colour": "blue",
                "window": {"days": 0},
                "no_such": 1,
            },
        )
    fields = told.value.fields
    assert list(fields) == ["months", "year", "colour", "window", "no_such"]
    assert fields["months"].startswith("item 2: input should be less than or equal to 12; item 3: ")
    assert "start: it is missing" in fields["window"]
    assert fields["no_such"] == "there is no such parameter"
    assert told.value.message == "Flow 'taxi' was not run: 5 of its parameters are wrong."
    assert told.value.exit_code == 2


def test_what_a_person_types_becomes_what_the_flow_takes() -> None:
    texts = {
        "months": "[1, 2]",
        "year": "2020",
        "colour": "green",
        "window": '{"start": "2021-03-01"}',
        "since": "2021-02-03",
        "anything": '{"a": [1]}',
    }
    checked = parameters.check(taxi, parameters.from_texts(taxi, texts))
    assert checked["months"] == [1, 2]
    assert checked["colour"] is Colour.GREEN
    assert checked["window"] == Window(start=date(2021, 3, 1))
    assert checked["since"] == date(2021, 2, 3)
    assert checked["anything"] == {"a": [1]}


def test_a_text_stays_a_text() -> None:
    @flow
    def named(name: str, other: str | None = None) -> None: ...

    assert parameters.from_texts(named, {"name": "123", "other": "null"}) == {
        "name": "123",
        "other": "null",
    }


def test_what_is_kept_can_be_given_again_and_holds_no_secret() -> None:
    given_first = {"months": [3], "password": "hunter2!", "window": {"start": "2021-01-01"}}
    checked = parameters.check(taxi, given_first)
    kept = parameters.stored(taxi, checked)
    assert kept["password"] == "********" or "hunter2!" not in str(kept)
    assert parameters.has_masked(kept["password"])
    again = {name: value for name, value in kept.items() if name != "password"}
    assert parameters.check(taxi, again)["window"] == checked["window"]
    assert parameters.stored(taxi, checked, reveal=True)["password"] == "hunter2!"


def test_a_form_shows_what_can_be_typed() -> None:
    fields = {field.name: field for field in parameters.fields_of(taxi)}
    assert fields["months"].required
    assert fields["months"].kind == "list of int"
    assert (fields["year"].default, fields["year"].description) == ("2021", "Of the trips.")
    assert fields["colour"].choices == ("yellow", "green")
    assert fields["kind"].choices == ("trips", "zones")
    assert fields["password"].secret
    assert fields["since"].default == "2021-01-01"


def test_the_json_schema_is_that_of_the_signature() -> None:
    schema = parameters.schema_of(taxi)
    assert schema["required"] == ["months"]
    assert schema["properties"]["year"]["minimum"] == 2009


def test_objects_that_are_no_json_are_passed_on_and_told_by_their_kind() -> None:
    class Thing:
        pass

    @flow
    def takes(thing: Thing) -> None: ...

    thing = Thing()
    checked = parameters.check(takes, {"thing": thing})
    assert checked["thing"] is thing
    assert parameters.stored(takes, checked) == {"thing": "<Thing>"}


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    | st.binary() | st.dates() | st.datetimes() | st.timedeltas() | st.decimals(allow_nan=False)
    | st.uuids(),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner)
    | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
    max_leaves=15,
)  # fmt: skip


@given(_VALUES)
def test_a_result_comes_back_as_it_was(tmp_path: Any, value: Any) -> None:
    text = results.encode(value, tmp_path)
    found = results.decode(text, tmp_path)
    assert type(found) is type(value)
    assert found == value
    assert digests.of_value(found) == digests.of_value(value)


def test_a_result_whose_file_was_damaged_is_not_believed(tmp_path: Any) -> None:
    import pandas as pd

    text = results.encode(pd.DataFrame({"a": [1, 2]}), tmp_path)
    assert results.decode(text, tmp_path).a.tolist() == [1, 2]
    path = tmp_path / (results.file_of(text) or "")
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(results.Lost, match="damaged"):
        results.decode(text, tmp_path)
    path.unlink()
    with pytest.raises(results.Lost, match="not on this machine"):
        results.decode(text, tmp_path)


def test_an_untouched_field_of_a_form_is_the_default() -> None:
    @flow
    def optional(name: str | None = None, number: int | None = None) -> None: ...

    fields = {field.name: field.default for field in parameters.fields_of(optional)}
    assert fields == {"name": "", "number": ""}
    assert parameters.texts_of({"name": None, "number": 3}) == {"name": "", "number": "3"}


def test_an_error_tells_in_python_what_is_wrong_and_what_to_write() -> None:
    with pytest.raises(InvalidParameters) as told:
        parameters.check(taxi, {"months": "3", "year": 1})
    assert "months: it takes a list, such as" in str(told.value)
    assert "year: input should be greater" in str(told.value)
    assert told.value.hint == "See what it takes: lakectl flow show taxi"
