"""The list of datasets as values: filters, orders, the tree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from catalog.model import DatasetSummary, Kind
from catalog.names import parse_dataset
from screens.listing import SORTS, Entry, Filter, Group, grouped, hit, ordered

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def entry(name, rows=0, owner=None, description=None, labels=None):
    when = NOW - timedelta(days=rows)
    return Entry(
        DatasetSummary(name, parse_dataset(name), Kind.TABLE, 1, rows, rows, 1, owner,
                       description, labels or {}, when)
    )  # fmt: skip


@pytest.fixture
def entries():
    return [
        entry("nyc.trips", 9, "ana", "Taxi rides", {"pii": "", "tier": "gold"}),
        entry("nyc.zones", 1, "bo"),
        entry("mart.trips_daily", 5, None, "Rides a day", {"tier": "silver"}),
    ]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", ["nyc.trips", "nyc.zones", "mart.trips_daily"]),
        ("trips", ["nyc.trips", "mart.trips_daily"]),
        ("RIDES", ["nyc.trips", "mart.trips_daily"]),
        ("trips ns:nyc", ["nyc.trips"]),
        ("owner:an", ["nyc.trips"]),
        ("label:tier=gold", ["nyc.trips"]),
        ("label:tier", ["nyc.trips", "mart.trips_daily"]),
        ("!trips", ["nyc.zones"]),
        ("~mdy", ["mart.trips_daily"]),
        ("ns:", ["nyc.trips", "nyc.zones", "mart.trips_daily"]),
        ("! ~", ["nyc.trips", "nyc.zones", "mart.trips_daily"]),
        ("[/x]", []),
        ("~[", []),
    ],
)
def test_every_word_of_a_filter_must_be_met(entries, typed, found):
    assert [e.name for e in Filter(typed).apply(entries)] == found


@pytest.mark.parametrize("by", SORTS)
def test_every_order_is_total_and_keeps_all(entries, by):
    assert {e.name for e in ordered(entries, by)} == {e.name for e in entries}


def test_names_go_up_and_numbers_go_down(entries):
    def first(by):
        return ordered(entries, by)[0].name

    assert (first("NAME"), first("ROWS"), first("AGE")) == (
        "mart.trips_daily",
        "nyc.trips",
        "nyc.zones",
    )
    assert ordered(entries, "OWNER")[-1].name == "mart.trips_daily"


def test_the_tree_sums_namespaces_and_hides_what_is_folded(entries):
    lines = grouped(entries, frozenset({"nyc"}))
    shown = [line.namespace if isinstance(line, Group) else line.name for line in lines]
    assert shown == ["mart", "mart.trips_daily", "nyc"]
    assert lines[-1] == Group("nyc", 2, 10, 10, open=False)


def test_a_filter_tells_where_it_found_its_word():
    assert hit("nyc.Trips", Filter("!x trips ns:nyc").words) == (4, 9)
    assert hit("nyc.zones", ("trips",)) is None
