"""Diffs: schema by field id, files, and rows by key or whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.errors import InvalidInput, NotFound
from catalog.schema import SchemaPolicy
from lakectl.root import Lake

Put = Callable[..., Any]


def test_rows_are_told_apart_by_key(lake: Lake, put: Put) -> None:
    put("n.t", "id,v,w\n1,a,x\n2,b,x\n3,,x\n")
    put("n.t", "id,v,w\n1,a,x\n2,B,x\n4,d,x\n3,,x\n", mode="overwrite")
    found = lake.diff("n.t", 1, 2, ("id",))
    assert (found.rows.added, found.rows.removed, found.rows.changed) == (1, 0, 1)
    assert found.rows.samples is not None
    assert [r[:3] for r in found.rows.samples.rows] == [("changed", 2, "b -> B"), ("added", 4, "d")]
    back = lake.diff("n.t", 2, 1, ("id",))
    assert (back.rows.added, back.rows.removed, back.rows.changed) == (0, 1, 1)


def test_the_key_of_the_last_merge_is_the_default(lake: Lake, put: Put) -> None:
    put("n.t", "id,v\n1,a\n2,b\n")
    put("n.t", "id,v\n2,c\n3,d\n", mode="merge", key=("id",))
    found = lake.diff("n.t", 1)
    assert found.rows.key == ("id",)
    assert (found.rows.added, found.rows.removed, found.rows.changed) == (1, 0, 1)


def test_without_a_key_rows_are_compared_whole_as_often_as_they_occur(lake: Lake, put: Put) -> None:
    put("n.t", "a,b\n1,x\n1,x\n2,y\n")
    put("n.t", "a,b\n1,x\n2,z\n2,z\n", mode="overwrite")
    found = lake.diff("n.t", 1, 2)
    assert (found.rows.added, found.rows.removed, found.rows.changed) == (2, 2, 0)


def test_a_version_does_not_differ_from_itself(lake: Lake, put: Put) -> None:
    put("n.t", "a\n1\n")
    found = lake.diff("n.t", 1, 1)
    assert (found.schema, found.files_added, found.files_removed) == ((), 0, 0)
    assert (found.rows.added, found.rows.removed, found.rows.samples) == (0, 0, None)


def test_an_added_column_is_told_by_schema_and_does_not_change_rows(lake: Lake, put: Put) -> None:
    put("n.t", "id\n1\n")
    put("n.t", "id,new\n2,x\n", schema=SchemaPolicy.EVOLVE)
    found = lake.diff("n.t", 1, 2, ("id",))
    assert [str(c) for c in found.schema] == ["+ new string (new, optional)"]
    assert (found.files_added, found.files_removed) == (1, 0)
    assert (found.rows.added, found.rows.removed, found.rows.changed) == (1, 0, 0)


def test_rows_are_shown_with_the_columns_that_only_the_later_version_has(
    lake: Lake, put: Put
) -> None:
    put("n.t", "id,v\n1,a\n2,b\n")
    put("n.t", "id,v,w\n1,a,x\n2,b,\n", mode="overwrite", schema=SchemaPolicy.EVOLVE)
    found = lake.diff("n.t", 1, 2, ("id",))
    assert (found.rows.added, found.rows.removed, found.rows.changed) == (0, 0, 1)
    assert found.rows.samples is not None
    assert found.rows.samples.columns == ("change", "id", "v", "w")
    assert found.rows.samples.rows == (("changed", 1, "a", "NULL -> x"),)


def test_a_nested_row_can_be_compared(lake: Lake) -> None:
    handle = lake.dataset("n.t")
    handle.append(pa.table({"id": [1], "s": [{"a": [1.5, None]}]}))
    handle.merge(pa.table({"id": [1], "s": [{"a": [1.5, 2.0]}]}), key=["id"])
    assert lake.diff("n.t", 1).rows.changed == 1


@pytest.mark.parametrize("name", ["change", "__in", "lhs", "rhs", "select"])
def test_columns_may_be_called_like_the_words_of_a_diff(lake: Lake, name: str) -> None:
    handle = lake.dataset("n.t")
    handle.append(pa.table({"id": [1, 2], name: ["a", "b"]}))
    handle.overwrite(pa.table({"id": [1, 2], name: ["a", "c"]}))
    assert lake.diff("n.t", 1, 2, ("id",)).rows.changed == 1
    assert lake.diff("n.t", 1, 2, (name,)).rows.added == 1
    whole = lake.diff("n.t", 1, 2).rows
    assert (whole.added, whole.removed) == (1, 1)


def test_a_diff_of_what_is_not_there_is_refused(lake: Lake, put: Put) -> None:
    put("n.t", "a\n1\n")
    with pytest.raises(NotFound):
        lake.diff("n.t", 1, 9)
    with pytest.raises(InvalidInput, match="'b'"):
        lake.diff("n.t", 1, 1, ("b",))


_ROWS = st.dictionaries(st.integers(0, 6), st.sampled_from([None, "x", "y"]), max_size=6)


@settings(max_examples=12)
@given(before=_ROWS, after=_ROWS, number=st.integers(0, 10**9))
def test_a_diff_counts_what_python_counts(
    lake: Lake, before: dict[int, str | None], after: dict[int, str | None], number: int
) -> None:
    def table(rows: dict[int, str | None]) -> pa.Table:
        kept = {-1: "same", **rows}
        return pa.table({"id": list(kept), "v": pa.array(list(kept.values()), pa.string())})

    name = f"n.t{number}_{len(lake.ls())}"
    lake.dataset(name).append(table(before))
    lake.dataset(name).overwrite(table(after))
    keyed = lake.diff(name, 1, 2, ("id",)).rows
    assert keyed.added == len(after.keys() - before.keys())
    assert keyed.removed == len(before.keys() - after.keys())
    assert keyed.changed == sum(before[k] != after[k] for k in before.keys() & after.keys())
    whole = lake.diff(name, 1, 2).rows
    left, right = Counter(before.items()), Counter(after.items())
    assert (whole.added, whole.removed) == ((right - left).total(), (left - right).total())
