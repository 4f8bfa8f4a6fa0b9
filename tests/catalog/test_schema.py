"""Schema evolution as rules: what arrives, what the policy says, what results."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import schema, types
from catalog.errors import SchemaConflict
from catalog.schema import ChangeKind, Evolution, Schema, SchemaPolicy, plan_evolution
from catalog.types import Field, ListOf, MapOf, Primitive, Struct, Type

_LEAVES = st.sampled_from(
    [Primitive(t) for t in ("int", "long", "float", "double", "string", "date", "boolean")]
    + [types.decimal(9, 2), types.decimal(12, 2), types.decimal(12, 3)]
)
_NAMES = st.sampled_from(["a", "A", "b", "c", "d e", 'q"'])  # few, so that they meet


def _fields(kinds: st.SearchStrategy[Type]) -> st.SearchStrategy[tuple[Field, ...]]:
    def paired(names: list[str]) -> st.SearchStrategy[tuple[Field, ...]]:
        made = (st.builds(Field, st.just(0), st.just(n), kinds) for n in names)
        return st.tuples(*made)

    return st.lists(_NAMES, min_size=1, max_size=4, unique_by=str.lower).flatmap(paired)


_TYPES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        _fields(inner).map(Struct),
        inner.map(lambda t: ListOf(Field(0, "element", t))),
        inner.map(
            lambda t: MapOf(
                Field(0, "key", Primitive("string"), required=True), Field(0, "value", t)
            )
        ),
    ),
    max_leaves=3,
)
COLUMNS = _fields(_TYPES)


def _try(
    current: Schema, incoming: tuple[Field, ...], policy: SchemaPolicy, last_id: int
) -> Evolution | None:
    try:
        return plan_evolution(current, incoming, policy, last_id)
    except SchemaConflict:
        return None


def _by_id(found: Schema) -> dict[int, Field]:
    return {f.id: f for f in types.walk(found.fields)}


@given(COLUMNS)
def test_a_new_schema_numbers_every_field_once_from_one(columns: tuple[Field, ...]) -> None:
    ids = [f.id for f in types.walk(schema.new_schema(columns).fields)]
    assert sorted(ids) == list(range(1, len(ids) + 1))


@given(COLUMNS, COLUMNS, st.integers(0, 50))
def test_evolution_keeps_every_id_and_never_gives_one_again(
    old: tuple[Field, ...], incoming: tuple[Field, ...], dropped: int
) -> None:
    current = schema.new_schema(old)
    last = current.max_id() + dropped  # ids of columns that are gone
    plan = _try(current, incoming, SchemaPolicy.EVOLVE, last)
    if plan is not None:
        before, after = _by_id(current), _by_id(plan.schema)
        assert before.keys() <= after.keys()
        assert all(key > last for key in after.keys() - before.keys())
        listed = [f.id for f in types.walk(plan.schema.fields)]
        assert len(listed) == len(set(listed))


@given(COLUMNS, COLUMNS)
def test_evolution_only_promotes_and_only_adds_optional_fields(
    old: tuple[Field, ...], incoming: tuple[Field, ...]
) -> None:
    current = schema.new_schema(old)
    plan = _try(current, incoming, SchemaPolicy.EVOLVE, current.max_id())
    if plan is None:
        return
    before = _by_id(current)
    for key, field in _by_id(plan.schema).items():
        if key not in before:
            assert not field.required or field.name == "key"
        elif isinstance(field.type, Primitive):
            was = before[key].type
            assert field.type == was or types.can_promote(was, field.type)
        else:
            assert type(field.type) is type(before[key].type)


@given(COLUMNS, COLUMNS)
def test_what_a_stricter_policy_allows_a_laxer_one_allows_alike(
    old: tuple[Field, ...], incoming: tuple[Field, ...]
) -> None:
    current = schema.new_schema(old)
    order = (SchemaPolicy.REFUSE, SchemaPolicy.WIDEN, SchemaPolicy.EVOLVE)
    plans = [_try(current, incoming, policy, current.max_id()) for policy in order]
    for strict, lax in itertools.pairwise(plans):
        if strict is not None:
            assert lax == strict


@given(COLUMNS, COLUMNS)
def test_refuse_changes_nothing(old: tuple[Field, ...], incoming: tuple[Field, ...]) -> None:
    current = schema.new_schema(old)
    plan = _try(current, incoming, SchemaPolicy.REFUSE, current.max_id())
    if plan is not None:
        assert plan.schema is current
        assert plan.changes == ()


@given(COLUMNS)
def test_the_same_columns_are_no_change_under_any_policy(columns: tuple[Field, ...]) -> None:
    current = schema.new_schema(columns)
    for policy in SchemaPolicy:
        plan = plan_evolution(current, columns, policy, current.max_id())
        assert plan.schema is current
        assert not plan.changed


@given(COLUMNS, COLUMNS)
def test_what_has_come_in_comes_in_again_without_a_change(
    old: tuple[Field, ...], incoming: tuple[Field, ...]
) -> None:
    current = schema.new_schema(old)
    plan = _try(current, incoming, SchemaPolicy.EVOLVE, current.max_id())
    if plan is not None:
        again = plan_evolution(plan.schema, incoming, SchemaPolicy.EVOLVE, plan.schema.max_id())
        assert not again.changed


@given(COLUMNS, COLUMNS)
def test_the_diff_of_a_plan_is_what_the_plan_said(
    old: tuple[Field, ...], incoming: tuple[Field, ...]
) -> None:
    current = schema.new_schema(old)
    plan = _try(current, incoming, SchemaPolicy.EVOLVE, current.max_id())
    if plan is not None:
        said = {
            (c.kind, c.field)
            for c in plan.changes
            if c.kind in {ChangeKind.ADDED, ChangeKind.WIDENED}
        }
        found = {(c.kind, c.field) for c in schema.diff(current, plan.schema)}
        assert said <= found  # the diff also lists the children of what was added


@given(COLUMNS)
def test_the_json_of_a_schema_reads_back_as_the_schema(columns: tuple[Field, ...]) -> None:
    made = schema.new_schema(columns)
    assert Schema.from_json(made.to_json()) == made


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (types.decimal(18, 2), types.decimal(20, 4)),
        (Primitive("string"), Primitive("binary")),
        (Primitive("binary"), Primitive("string")),
        (Primitive("date"), Primitive("timestamp")),
        (Primitive("string"), Primitive("long")),
        (Primitive("long"), Primitive("double")),
        (Primitive("timestamp"), Primitive("timestamptz")),
        (ListOf(Field(0, "element", Primitive("string"))), Primitive("string")),
    ],
    ids=lambda kind: types.text_of(kind),
)
def test_an_incompatible_type_is_refused_with_the_column_and_both_types(
    old: Type, new: Type
) -> None:
    current = schema.new_schema([Field(0, "fare", old)])
    with pytest.raises(SchemaConflict) as told:
        plan_evolution(current, (Field(0, "fare", new),), SchemaPolicy.EVOLVE, 10)
    for part in ("'fare'", types.text_of(old), types.text_of(new)):
        assert part in told.value.message
    assert told.value.hint is not None
    assert told.value.changes


def test_a_name_spelled_in_another_case_is_refused() -> None:
    current = schema.new_schema([Field(0, "Id", Primitive("long"))])
    with pytest.raises(SchemaConflict, match="spelled 'Id'"):
        plan_evolution(current, (Field(0, "ID", Primitive("long")),), SchemaPolicy.EVOLVE, 1)


def test_a_child_of_a_struct_spelled_in_another_case_is_refused() -> None:
    def struct(child: str) -> Struct:
        return Struct((Field(0, child, Primitive("long")),))

    current = schema.new_schema([Field(0, "s", struct("Id"))])
    with pytest.raises(SchemaConflict):
        plan_evolution(current, (Field(0, "s", struct("ID")),), SchemaPolicy.EVOLVE, 2)


def test_a_refusal_names_the_policy_that_would_do() -> None:
    current = schema.new_schema([Field(0, "a", Primitive("int"))])
    wider = (Field(0, "a", Primitive("long")),)
    with pytest.raises(SchemaConflict) as told:
        plan_evolution(current, wider, SchemaPolicy.REFUSE, 1)
    assert "--schema widen" in str(told.value.hint)
    more = (*wider, Field(0, "b", Primitive("int")))
    with pytest.raises(SchemaConflict) as told:
        plan_evolution(current, more, SchemaPolicy.WIDEN, 1)
    assert "--schema evolve" in str(told.value.hint)


def test_a_column_dropped_and_added_again_is_a_new_column() -> None:
    first = schema.new_schema([Field(0, "a", Primitive("long")), Field(0, "b", Primitive("long"))])
    without = Schema(first.fields[:1])
    plan = plan_evolution(
        without,
        (Field(0, "a", Primitive("long")), Field(0, "b", Primitive("long"))),
        SchemaPolicy.EVOLVE,
        first.max_id(),
    )
    again = plan.schema.find("b")
    assert again is not None
    assert again.id == 3


def test_a_rename_is_told_as_one_and_matched_by_id() -> None:
    before = Schema((Field(1, "a", Primitive("int")), Field(2, "b", Primitive("int"))))
    after = Schema((Field(1, "b", Primitive("long")), Field(2, "a", Primitive("int"), doc="x")))
    kinds = [(c.kind, c.field) for c in schema.diff(before, after)]
    assert kinds == [
        (ChangeKind.RENAMED, "b"),
        (ChangeKind.WIDENED, "b"),
        (ChangeKind.RENAMED, "a"),
        (ChangeKind.DOCUMENTED, "a"),
    ]
