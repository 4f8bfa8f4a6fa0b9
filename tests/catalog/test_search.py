"""Search: every word must occur somewhere, and the place is told."""

from __future__ import annotations

import pyarrow as pa
import pytest

from catalog.changes import Annotation
from catalog.errors import InvalidInput
from lakectl.lake import Lake


@pytest.fixture
def library(lake: Lake) -> Lake:
    """Three datasets with things to find."""
    lake.dataset("nyc.trips").append(pa.table({"fare_amount": [1.5], "Größe": ["x"]}))
    lake.dataset("nyc.zones").append(pa.table({"zone": ["a"]}))
    lake.dataset("tlc.rates").append(pa.table({"rate%": [1]}))
    said = Annotation("Ann Lee", "Fahrten über ÄRMEL", {"pii": "none"}, {"fare_amount": "in USD"})
    lake.annotate("nyc.trips", said)
    lake.tag("nyc.zones", "gold-2024")
    return lake


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("trips", ["nyc.trips"]),
        ("NYC", ["nyc.trips", "nyc.zones"]),
        ("nyc zone", ["nyc.zones"]),
        ("zone nyc", ["nyc.zones"]),
        ("fare", ["nyc.trips"]),
        ("größe", ["nyc.trips"]),
        ("GRÖSSE", []),
        ("ärmel", ["nyc.trips"]),
        ("ann", ["nyc.trips"]),
        ("usd", ["nyc.trips"]),
        ("pii=none", ["nyc.trips"]),
        ("gold-2024", ["nyc.zones"]),
        ("rate%", ["tlc.rates"]),
        ("_", ["nyc.trips"]),
        ("%", ["tlc.rates"]),
        ("'", []),
        ("\\", []),
        ("nyc nothing", []),
        ("trips required", []),
        ("struct", []),
        ("schema-id", []),
    ],
)
def test_every_word_must_be_said_somewhere(library: Lake, text: str, found: list[str]) -> None:
    assert sorted(str(hit.dataset.name) for hit in library.search(text)) == found


def test_a_hit_in_a_name_comes_first_and_the_places_are_told(library: Lake) -> None:
    library.annotate("tlc.rates", Annotation(description="zone rates"))
    hits = library.search("zone")
    assert [(str(h.dataset.name), h.found_in) for h in hits] == [
        ("nyc.zones", ("name", "column zone")),
        ("tlc.rates", ("description",)),
    ]


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_a_search_for_nothing_is_refused(library: Lake, text: str) -> None:
    with pytest.raises(InvalidInput):
        library.search(text)
