"""Changes that move no data, and taking any of them back."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from catalog.altering import Annotation
from catalog.errors import Conflict, InvalidInput, InvalidName, LakeError, NotFound
from catalog.schema import SchemaPolicy, diff
from lakectl.root import Lake, open_lake

Put = Callable[..., Any]
Rows = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def history(lake: Lake, put: Put) -> Lake:
    """n.t with v1 (a=1), v2 (a=1,2) and v3 (a=1,2,3 and a new column b)."""
    put("n.t", "a\n1\n")
    put("n.t", "a\n2\n")
    put("n.t", "a,b\n3,x\n", schema=SchemaPolicy.EVOLVE)
    return lake


def _values(lake: Lake, at: str | int | None = None) -> list[int]:
    return sorted(lake.to_arrow("n.t", at)["a"].to_pylist())


def test_a_rollback_goes_back_in_rows_and_schema_and_removes_nothing(history: Lake) -> None:
    done = history.rollback("n.t", 2)
    assert "v2" in done.sentence
    assert _values(history) == [1, 2]
    assert history.describe("n.t").schema.names == ["a"]
    states = {v.version: v.state for v in history.versions("n.t")}
    assert states == {1: "live", 2: "current", 3: "undone"}
    assert _values(history, 3) == [1, 2, 3]
    history.rollback("n.t", 3)
    assert _values(history) == [1, 2, 3]
    assert history.describe("n.t").schema.names == ["a", "b"]


def test_a_load_after_a_rollback_builds_on_the_older_version(
    history: Lake, put: Put, rows: Rows
) -> None:
    history.rollback("n.t", 1)
    report = put("n.t", "a\n9\n")
    assert report.version == 4
    assert _values(history) == [1, 9]
    assert _values(history, 3) == [1, 2, 3]
    assert _values(history, 2) == [1, 2]


def test_a_rollback_to_where_it_is_is_a_conflict(history: Lake) -> None:
    with pytest.raises(Conflict, match="already"):
        history.rollback("n.t", "latest")
    with pytest.raises(NotFound):
        history.rollback("n.t", 9)


def test_a_name_given_again_to_the_same_version_is_no_change(lake: Lake, put: Put) -> None:
    put("n.t", "a\n1\n")
    lake.tag("n.t", "gold")
    before = lake.describe("n.t")
    assert "already" in lake.tag("n.t", "gold").sentence
    assert lake.describe("n.t") == before
    lake.undo("n.t")
    assert lake.describe("n.t").tags == {}


def test_a_load_on_a_branch_is_undone_before_the_branch_itself(lake: Lake, put: Put) -> None:
    put("n.t", "a\n1\n")
    lake.branch("n.t", "side")
    put("n.t", "a\n2\n", branch="side")
    assert lake.newest_change() == "the load on a branch of n.t"
    lake.undo("n.t")
    assert _values(lake, "side") == [1]
    lake.undo("n.t")
    assert lake.describe("n.t").branches == {}
    assert _values(lake) == [1]


def test_bytes_that_came_by_a_branch_are_noticed_once_the_branch_is_main(
    lake: Lake, put: Put
) -> None:
    put("n.t", "a\n1\n")
    lake.branch("n.t", "side")
    put("n.t", "a\n2\n", branch="side")
    assert put("n.t", "a\n2\n", branch="side").skipped
    assert not put("n.t", "a\n1\n", branch="side", if_seen="load").skipped
    lake.rollback("n.t", "side")
    assert put("n.t", "a\n2\n").skipped
    assert _values(lake) == [1, 1, 2]


def test_bytes_of_a_branch_are_loaded_into_main_while_main_lacks_them(lake: Lake, put: Put) -> None:
    put("n.t", "a\n1\n")
    lake.branch("n.t", "side")
    put("n.t", "a\n2\n", branch="side")
    assert not put("n.t", "a\n2\n").skipped
    assert put("n.t", "a\n1\n", branch="side").skipped
    assert _values(lake) == [1, 2]


def test_undo_goes_back_step_by_step_to_before_the_dataset_was_there(history: Lake) -> None:
    assert _values(history) == [1, 2, 3]
    for expected in ([1, 2], [1]):
        history.undo("n.t")
        assert _values(history) == expected
    history.undo("n.t")
    assert history.ls() == []
    with pytest.raises(NotFound, match="nothing to undo"):
        history.undo()
    history.undrop("n.t")
    assert history.ls()[0].rows == 1


def test_undo_of_a_rollback_goes_forward_again(history: Lake) -> None:
    history.rollback("n.t", 1)
    history.undo()
    assert _values(history) == [1, 2, 3]


def test_undo_without_a_name_takes_the_last_change_of_the_lake(history: Lake, put: Put) -> None:
    put("n.other", "a\n1\n")
    history.tag("n.t", "gold", 1)
    assert "gold" in history.undo().sentence
    assert history.describe("n.t").tags == {}
    history.undo()
    assert [str(s.name) for s in history.ls()] == ["n.t"]


def test_a_load_is_taken_back_with_the_rows_that_it_put_aside(lake: Lake, put: Put) -> None:
    put("n.t", "a,b\n1,1\n")
    put("n.t", "a,b\n2,x\n3,3\n", on_bad_row="quarantine")
    assert [s.rows for s in lake.ls()] == [2, 1]
    assert lake.newest_change() == (
        "the load into n.t and the rows that it put aside in n.t_quarantine"
    )
    sentence = lake.undo().sentence
    assert sentence == "n.t is back at v1. n.t_quarantine is gone again: this load had made it."
    assert [str(s.name) for s in lake.ls()] == ["n.t"]
    put("n.t", "a,b\n2,x\n3,3\n", on_bad_row="quarantine")
    assert [s.rows for s in lake.ls()] == [2, 1]


def test_rows_put_aside_stay_where_others_came_after_them(lake: Lake, put: Put) -> None:
    put("n.t", "a,b\n1,1\n")
    put("n.t", "a,b\n2,x\n3,3\n", on_bad_row="quarantine")
    lake.tag("n.t_quarantine", "seen")
    assert lake.newest_change("n.t") == "the load into n.t"
    assert lake.undo("n.t").sentence == (
        "n.t is back at v1. What it put aside stays: n.t_quarantine was changed since."
    )
    assert [s.rows for s in lake.ls()] == [1, 1]


def test_rows_put_aside_that_were_taken_back_before_are_not_mentioned(lake: Lake, put: Put) -> None:
    put("n.t", "a,b\n1,1\n")
    put("n.t", "a,b\n2,x\n3,3\n", on_bad_row="quarantine")
    lake.undo("n.t_quarantine")
    assert lake.undo("n.t").sentence == "n.t is back at v1."


def test_the_history_of_the_schema_tells_what_was_in_force_and_when(history: Lake) -> None:
    history.annotate("n.t", Annotation(columns={"a": "the a"}))
    history.rollback("n.t", 1)
    history.undo("n.t")
    history.undo("n.t")
    found = history.schemas("n.t")
    told = [
        [str(c) for c in diff(before.schema, after.schema)] for before, after in pairwise(found)
    ]
    assert told == [
        ["+ b string (new, optional)"],
        ["~ a documented"],
        ["- b string"],
        ["+ b string (new, optional)"],
        ["~ a no longer documented"],
    ]
    assert [r.version for r in found] == [1, 3, 3, 1, 3, 3]
    assert found[-1].schema == history.describe("n.t").schema


def test_every_kind_of_change_can_be_taken_back(history: Lake) -> None:
    before = history.describe("n.t")

    def said(lake: Lake, name: str = "n.t") -> Any:
        found = lake.describe(name)
        summary = found.summary
        docs = {f.name: f.doc for f in found.schema.fields}
        return (str(found.name), found.snapshot_id, dict(found.tags), dict(found.branches),
                summary.owner, summary.description, dict(summary.labels), docs)  # fmt: skip

    start = said(history)
    changes: list[Callable[[], Any]] = [
        lambda: history.tag("n.t", "gold", 1),
        lambda: history.branch("n.t", "dev", 2),
        lambda: history.annotate("n.t", Annotation("ann", "text", {"k": "v"}, {"a": "key"})),
        lambda: history.rollback("n.t", 1),
        lambda: history.drop("n.t"),
    ]
    for change in changes:
        change()
        history.undo()
        assert said(history) == start
    history.rename("n.t", "m.u")
    assert said(history, "m.u")[1:] == start[1:]
    history.undo()
    assert said(history) == start
    history.tag("n.t", "gold", 1)
    history.tag("n.t", "gold", 2)
    history.undo()
    assert history.describe("n.t").tags == {"gold": _snapshot(history, 1)}
    history.remove_ref("n.t", "gold", "tag")
    history.undo()
    assert history.describe("n.t").tags == {"gold": _snapshot(history, 1)}
    assert before.id == history.describe("n.t").id


def _snapshot(lake: Lake, version: int) -> int:
    return next(v.snapshot_id for v in lake.versions("n.t") if v.version == version)


def test_undo_refuses_where_somebody_has_changed_the_same_thing_since(history: Lake) -> None:
    """Two journals of one lake: undo of an older change by name is what the other one undid."""
    history.tag("n.t", "gold", 1)
    with history.handles.database.write() as conn:
        from catalog.metadata import tables as t

        journal = t.journal
        conn.execute(
            journal.update()
            .where(journal.c.action == "tag")
            .values(after='{"ref": "gold", "at": 5}')
        )
    with pytest.raises(Conflict, match="moved since"):
        history.undo()
    assert history.describe("n.t").tags == {"gold": _snapshot(history, 1)}


def test_tags_stay_where_they_are_and_branches_and_tags_share_no_name(
    history: Lake, put: Put
) -> None:
    history.tag("n.t", "gold")
    history.branch("n.t", "dev", "gold")
    put("n.t", "a,b\n4,y\n")
    assert _values(history, "gold") == [1, 2, 3]
    with pytest.raises(Conflict, match="branch called"):
        history.tag("n.t", "dev")
    with pytest.raises(Conflict, match="tag called"):
        history.branch("n.t", "gold")
    assert history.versions("n.t")[1].tags == ("gold",)
    history.remove_ref("n.t", "gold", "tag")
    with pytest.raises(NotFound):
        history.remove_ref("n.t", "gold", "tag")


@pytest.mark.parametrize(
    "name", ["", "v3", "3", "main", "latest", "a b", "../x", "a..b", "-x", "é", "x" * 64, "a\n"]
)
def test_a_tag_that_could_be_read_as_something_else_is_refused(history: Lake, name: str) -> None:
    for name_it in (history.tag, history.branch):
        with pytest.raises(InvalidName):
            name_it("n.t", name)
    assert history.describe("n.t").tags == history.describe("n.t").branches == {}


def test_annotations_are_kept_in_the_table_and_taken_away_by_empty_texts(history: Lake) -> None:
    text = "Ünï 'quoted' \"x\"\nline"
    history.annotate("n.t", Annotation("ann", text, {"team": "a=b", "x": "1"}, {"a": "key"}))
    found = history.describe("n.t")
    assert (found.summary.owner, found.summary.description) == ("ann", text)
    assert found.summary.labels == {"team": "a=b", "x": "1"}
    assert found.schema.fields[0].doc == "key"
    history.annotate("n.t", Annotation(owner="", labels={"x": ""}, columns={"a": ""}))
    found = history.describe("n.t")
    assert (found.summary.owner, found.summary.description) == (None, text)
    assert found.summary.labels == {"team": "a=b"}
    assert found.schema.fields[0].doc is None
    assert found.summary.version == 3


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (Annotation(), InvalidInput),
        (Annotation(columns={"none": "x"}), NotFound),
        (Annotation(labels={"a b": "x"}), InvalidInput),
        (Annotation(labels={"": "x"}), InvalidInput),
    ],
)
def test_an_annotation_that_makes_no_sense_is_refused(
    history: Lake, said: Annotation, error: type[LakeError]
) -> None:
    with pytest.raises(error):
        history.annotate("n.t", said)


def test_docs_survive_loads_and_evolution(history: Lake, put: Put) -> None:
    history.annotate("n.t", Annotation("ann", columns={"a": "the key"}))
    put("n.t", "a,b,c\n4,y,z\n", schema=SchemaPolicy.EVOLVE)
    found = history.describe("n.t")
    assert [f.doc for f in found.schema.fields] == ["the key", None, None]
    assert found.summary.owner == "ann"


def test_a_renamed_dataset_keeps_its_history_and_frees_its_name(history: Lake, put: Put) -> None:
    history.rename("n.t", "m.u")
    assert [v.version for v in history.versions("m.u")] == [3, 2, 1]
    with pytest.raises(NotFound):
        history.describe("n.t")
    put("n.t", "z\n1\n")
    put("m.u", "a,b\n4,y\n")
    assert history.describe("m.u").summary.rows == 4
    with pytest.raises(Conflict, match=r"n\.t already"):
        history.rename("m.u", "n.t")
    with pytest.raises(Conflict, match="called so"):
        history.rename("m.u", "m.u")
    with pytest.raises(InvalidName):
        history.rename("m.u", "m.select")


def test_a_dropped_dataset_is_gone_everywhere_and_comes_back_whole(history: Lake) -> None:
    files = {p for p, _ in history.handles.warehouse.walk()}
    history.drop("n.t")
    for ask in (history.describe, history.versions, history.preview, history.drop):
        with pytest.raises(NotFound):
            ask("n.t")
    with pytest.raises(NotFound):
        history.sql("SELECT * FROM n.t")
    assert history.search("t") == []
    assert [str(s.name) for s, _ in history.dropped()] == ["n.t"]
    assert {p for p, _ in history.handles.warehouse.walk()} == files
    history.undrop("n.t")
    assert _values(history, 1) == [1]
    assert history.dropped() == []


def test_undrop_brings_the_last_dropped_and_respects_a_name_in_use(lake: Lake, put: Put) -> None:
    for number in (1, 2):
        put("n.t", f"a\n{number}\n")
        lake.drop("n.t")
    put("n.t", "a\n3\n")
    with pytest.raises(Conflict):
        lake.undrop("n.t")
    lake.rename("n.t", "n.third")
    lake.undrop("n.t")
    assert _values(lake) == [2]
    lake.rename("n.t", "n.second")
    lake.undrop("n.t")
    assert _values(lake) == [1]
    with pytest.raises(NotFound, match="was dropped"):
        lake.undrop("n.none")


def test_at_a_time_a_dataset_is_what_it_was_then_rollbacks_included(history: Lake) -> None:
    three = history.versions("n.t")[0].committed_at
    history.rollback("n.t", 1)
    assert _values(history, three.isoformat()) == [1, 2, 3]
    assert _values(history, "0 s ago") == [1]


def test_two_processes_see_each_others_changes(history: Lake) -> None:
    with open_lake(history.settings.root) as other:
        token = other.change_token()
        history.tag("n.t", "gold", 1)
        assert other.change_token() != token
        assert other.describe("n.t").tags
        other.dataset("n.t").append(pa.table({"a": [7], "b": ["z"]}))
        with pytest.raises(Conflict):
            history.rollback("n.t", 4)
        assert _values(history) == [1, 2, 3, 7]


@pytest.mark.parametrize("change", ["tag", "annotate", "rename", "drop", "undrop", "rollback"])
def test_the_change_token_differs_after_each_kind_of_change(history: Lake, change: str) -> None:
    if change == "undrop":
        history.drop("n.t")
    token = history.change_token()
    assert history.change_token() == token
    {
        "tag": lambda: history.tag("n.t", "gold"),
        "annotate": lambda: history.annotate("n.t", Annotation("ann")),
        "rename": lambda: history.rename("n.t", "n.u"),
        "drop": lambda: history.drop("n.t"),
        "undrop": lambda: history.undrop("n.t"),
        "rollback": lambda: history.rollback("n.t", 1),
    }[change]()
    assert history.change_token() != token


@pytest.mark.parametrize("line", ["{}", '{"snapshot_id": "x"}', '{"snapshot_id": 7}', "[]", "{"])
@pytest.mark.parametrize("change", ["load", "rollback", "tag", "annotate", "rename"])
def test_a_damaged_line_of_the_journal_is_told_and_takes_nothing_back(
    history: Lake, change: str, line: str
) -> None:
    name = "n.t"
    if change == "rollback":
        history.rollback(name, 1)
    elif change == "tag":
        history.tag(name, "gold", 1)
    elif change == "annotate":
        history.annotate(name, Annotation(owner="ana"))
    elif change == "rename":
        history.rename(name, "n.new")
        name = "n.new"
    with history.handles.database.write() as conn:
        conn.execute(sa.text("UPDATE journal SET before = :line, after = :line"), {"line": line})
    before = history.describe(name)
    with pytest.raises(LakeError, match=r"in our table journal is damaged|has moved on"):
        history.undo(name)
    assert history.describe(name) == before
