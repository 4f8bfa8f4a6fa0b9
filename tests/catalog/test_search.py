"""Search: every word must occur somewhere, and the place is told."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

import lakectl
from catalog.altering import Annotation
from catalog.errors import InvalidInput
from lakectl.root import Lake


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Return a lake of three datasets with things to find."""
    lakectl.init(tmp_path_factory.getbasetemp() / "library")
    lake = lakectl.open(tmp_path_factory.getbasetemp() / "library")
    lake.dataset("nyc.trips").append(pa.table({"fare_amount": [1.5], "Größe": ["x"]}))
    lake.dataset("nyc.zones").append(pa.table({"zone": ["a"]}))
    lake.dataset("tlc.rates").append(pa.table({"rate%": [1]}))
    said = Annotation("Ann Lee", "Fahrten über ÄRMEL", {"pii": "none"}, {"fare_amount": "in USD"})
    lake.annotate("nyc.trips", said)
    lake.annotate("tlc.rates", Annotation(description="borough rates"))
    lake.tag("nyc.zones", "gold-2024")
    lake.dataset("nyc.zones").append(pa.table({"zone": ["b"], "borough": ["x"]}), schema="evolve")
    yield lake
    lake.close()


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


def test_a_hit_in_a_column_comes_before_one_in_a_description_and_the_places_are_told(
    library: Lake,
) -> None:
    hits = library.search("borough")
    assert [(str(h.dataset.name), h.found_in) for h in hits] == [
        ("nyc.zones", ("column borough",)),
        ("tlc.rates", ("description",)),
    ]
    assert library.search("zones")[0].found_in == ("name",)


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_a_search_for_nothing_is_refused(library: Lake, text: str) -> None:
    with pytest.raises(InvalidInput):
        library.search(text)
