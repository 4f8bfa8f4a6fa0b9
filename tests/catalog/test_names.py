"""Names are checked once and quoted always; versions are named in several ways."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog import names, versions
from catalog.errors import InvalidInput, InvalidName, NotFound
from catalog.names import ident, lit, parse_dataset
from catalog.versions import resolve
from lakectl.root import Lake

_NASTY = [
    "../../../esc.x", "a/b.c", "a..b", ".a", "a.", "a.b.c", "", ".", "a.b\n", "A.b", "a.B",
    "1a.b", "a-b.c", "-rf.x", "a.é", "a.\x1b[2J", "a.b'", 'a."b"', "a.select", "table.b",
    "a." + "x" * 64, "ａ.b", "a. b", "a.b ", "a.\u202eb", "a.b\x00", "information_schema.t",
]  # fmt: skip


@given(st.text(max_size=80))
@example("nyc.trips")
@example("a.b\n")
def test_no_accepted_dataset_name_leaves_the_pattern(text: str) -> None:
    try:
        found = parse_dataset(text)
    except InvalidName:
        return
    assert str(found) == text
    assert re.fullmatch(r"[a-z_][a-z0-9_]{0,62}\.[a-z_][a-z0-9_]{0,62}", text, re.ASCII)


@given(st.from_regex(r"[a-z_][a-z0-9_]{0,62}", fullmatch=True))
@example("x" * 63)
def test_every_accepted_name_works_in_sql_without_quotes(word: str) -> None:
    try:
        found = parse_dataset(f"{word}.{word}")
    except InvalidName:
        assert word in names.RESERVED
        return
    with duckdb.connect() as con:
        con.execute(f"CREATE SCHEMA {found.namespace}")
        con.execute(f"CREATE TABLE {found} AS SELECT 1 AS x")
        assert con.execute(f"SELECT x FROM {found}").fetchall() == [(1,)]


@pytest.mark.parametrize("name", _NASTY, ids=ascii)
def test_a_nasty_name_is_refused_with_a_hint(name: str) -> None:
    with pytest.raises(InvalidName) as told:
        parse_dataset(name)
    assert told.value.hint


def test_duckdbs_own_reserved_words_are_all_known() -> None:
    with duckdb.connect() as con:
        found = con.execute(
            "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category = 'reserved'"
        ).fetchall()
    assert {word for (word,) in found} <= names.RESERVED


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00")))
@example("'; DROP TABLE x; --")
@example("\\' \" $$ \r\n {0} %s")
def test_any_text_survives_as_a_literal(text: str) -> None:
    with duckdb.connect() as con:
        assert con.execute(f"SELECT {lit(text)}").fetchall() == [(text,)]


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), min_size=1))
@example('a"b')
@example("select")
@example("a.b c\n")
def test_any_text_survives_as_an_identifier(text: str) -> None:
    with duckdb.connect() as con:
        relation = con.sql(f"SELECT {ident(text)} FROM (SELECT 1 AS {ident(text)})")
        assert relation.columns == [text]


@given(st.text(max_size=70))
@example("v7")
@example("main")
@example("gold\n")
def test_an_accepted_tag_is_never_read_as_something_else(text: str) -> None:
    try:
        names.check_ref(text)
    except InvalidName:
        return
    assert versions.parse_time(text) is None
    assert not re.fullmatch(r"v?\d+", text, re.IGNORECASE)
    assert text == text.strip()
    assert "/" not in text
    assert ".." not in text


@pytest.fixture
def history(lake: Lake, put: object) -> Lake:
    """A dataset n.t with v1 and v2, the tag gold at v1 and the branch dev at v2."""
    assert callable(put)
    put("n.t", "a\n1\n")
    put("n.t", "a\n2\n")
    lake.tag("n.t", "gold", 1)
    lake.branch("n.t", "dev", 2)
    return lake


def test_a_version_is_found_by_number_tag_branch_snapshot_and_time(history: Lake) -> None:
    found = history.describe("n.t")
    v2, v1 = history.versions("n.t")

    def number(text: str | int | None) -> int:
        version = resolve(history.handles.reader, found, text)
        assert version is not None
        return version.version

    assert [number(t) for t in (1, "1", "v1", "V1", " v1 ", "gold")] == [1] * 6
    assert [number(t) for t in (None, "latest", "main", "dev", "2")] == [2] * 5
    assert number(v1.snapshot_id) == 1
    assert number(str(v2.snapshot_id)) == 2
    between = v1.committed_at.isoformat()
    assert number(between) == 1
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert number(later) == 2
    assert number("0 s ago") == 2
    assert number("0 minutes ago") == 2


@pytest.mark.parametrize(
    "text", ["3", "v0", "-1", "gold2", "yesterday", "", "v", "1.5", "99999999999999", "٣"]
)
def test_an_unknown_version_is_not_found_and_the_hint_helps(history: Lake, text: str) -> None:
    with pytest.raises(NotFound) as told:
        resolve(history.handles.reader, history.describe("n.t"), text)
    assert told.value.hint


def test_a_time_before_the_first_version_is_not_found(history: Lake) -> None:
    dataset = history.describe("n.t")
    for text in ("1999-01-01", "1999-01-01T00:00:00+14:00", "0001-01-01", "99 w ago"):
        with pytest.raises(NotFound, match="no version yet"):
            resolve(history.handles.reader, dataset, text)
    with pytest.raises(InvalidInput, match="too long ago"):
        resolve(history.handles.reader, dataset, "9999999999 weeks ago")


@given(st.datetimes(timezones=st.timezones()))
def test_a_time_reads_back_as_the_same_moment(moment: datetime) -> None:
    assert versions.parse_time(moment.isoformat()) == moment


@given(st.datetimes())
def test_a_time_without_a_zone_is_utc(moment: datetime) -> None:
    assert versions.parse_time(moment.isoformat()) == moment.replace(tzinfo=UTC)
