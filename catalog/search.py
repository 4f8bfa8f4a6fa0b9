"""Finding datasets by any word about them."""

from __future__ import annotations

from dataclasses import dataclass

from catalog.errors import InvalidInput
from catalog.handles import Handles
from catalog.model import Dataset


@dataclass(frozen=True, slots=True)
class Hit:
    """A dataset that was found, and in what."""

    dataset: Dataset
    found_in: tuple[str, ...]


def search(handles: Handles, text: str) -> list[Hit]:
    """The datasets in which every word of a text occurs: name, owner, description, columns, tags.

    A hit in the name comes first, then in a column, then elsewhere.

    Raises:
        InvalidInput: there is no word.
    """
    words = text.lower().split()
    if not words:
        raise InvalidInput("There is nothing to search for.")
    hits = (_hit(dataset, words) for dataset in handles.reader.searched(words))
    return sorted((hit for hit in hits if hit is not None), key=_rank)


def _rank(hit: Hit) -> tuple[int, str]:
    places = [place.split(" ")[0] for place in hit.found_in]
    order = ("name", "column", "owner", "description", "label", "tag")
    return min(order.index(p) for p in places), str(hit.dataset.name)


def _hit(dataset: Dataset, words: list[str]) -> Hit | None:
    """Where the words occur; None unless each of them does. The store looks in JSON's keys too."""
    summary = dataset.summary
    texts = [("name", str(summary.name)), ("owner", summary.owner or "")]
    texts.append(("description", summary.description or ""))
    texts += [(f"label {k}", f"{k}={v}") for k, v in summary.labels.items()]
    texts += [(f"tag {t}", t) for t in dataset.tags]
    texts += [(f"column {f.name}", f"{f.name} {f.doc or ''}") for f in dataset.schema.fields]
    if not all(any(word in said.lower() for _, said in texts) for word in words):
        return None
    found = (where for where, said in texts if any(word in said.lower() for word in words))
    return Hit(dataset, tuple(found))
