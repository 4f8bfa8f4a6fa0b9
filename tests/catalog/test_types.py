"""Types: Iceberg's JSON and text, and the gate through which DuckDB's types pass."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.schema import Schema as IcebergSchema

from catalog import types
from catalog.errors import InvalidInput
from catalog.types import Field, ListOf, MapOf, Primitive, Struct, Type

_PRIMITIVES = st.one_of(
    st.sampled_from(
        "boolean int long float double date time timestamp timestamptz string uuid binary".split()
    ).map(Primitive),
    st.integers(1, 38).flatmap(
        lambda p: st.integers(0, p).map(lambda s: types.decimal(p, s)),
    ),
)
_NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)


def _nested(inner: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    structs = st.lists(_NAMES, min_size=1, max_size=3, unique_by=str.lower).flatmap(
        lambda names: st.tuples(*(st.tuples(st.just(n), inner) for n in names)).map(
            lambda pairs: Struct(tuple(Field(0, n, t) for n, t in pairs))
        )
    )
    lists = inner.map(lambda t: ListOf(Field(0, "element", t)))
    maps = st.tuples(_PRIMITIVES, inner).map(
        lambda kv: MapOf(Field(0, "key", kv[0], required=True), Field(0, "value", kv[1]))
    )
    return st.one_of(structs, lists, maps)


TYPES = st.recursive(_PRIMITIVES, _nested, max_leaves=5)


@given(TYPES)
def test_the_json_of_a_type_reads_back_as_the_type(kind: Type) -> None:
    assert types.from_json(types.to_json(kind)) == kind


@given(TYPES)
def test_the_json_of_a_schema_is_what_pyiceberg_writes(kind: Type) -> None:
    counter = iter(range(1, 1000))
    field = types.with_ids(Field(0, "c", kind, doc="said"), counter)
    form = {"type": "struct", "schema-id": 0, "fields": [types.field_to_json(field)]}
    theirs = IcebergSchema.model_validate(form).model_dump(by_alias=True)["fields"][0]
    assert types.field_from_json(theirs) == field


@given(TYPES)
def test_a_type_goes_into_duckdb_and_out_again_unchanged(kind: Type) -> None:
    with duckdb.connect() as con:
        relation = con.sql(f"SELECT CAST(NULL AS {types.duckdb_of(kind)}) AS c")
        assert types.from_duckdb(relation.types[0], "c") == kind


@pytest.mark.parametrize(
    ("kind", "cast"),
    [
        ("HUGEINT", "CAST"),
        ("UHUGEINT", "CAST"),
        ("UBIGINT", "DECIMAL(20,0)"),
        ("TIMESTAMP_NS", "TIMESTAMP"),
        ("TIMETZ", "TIME"),
        ("INTERVAL", "date_part"),
        ("BIT", "VARCHAR"),
        ("BIGNUM", "DECIMAL(38,0)"),
        ("UNION(a INTEGER, b VARCHAR)", "VARCHAR"),
        ("STRUCT(x HUGEINT)", "CAST"),
        ("UBIGINT[]", "CAST"),
        ("MAP(VARCHAR, INTERVAL)", "date_part"),
    ],
)
def test_a_type_that_iceberg_cannot_hold_is_refused_with_a_cast(kind: str, cast: str) -> None:
    with duckdb.connect() as con:
        found = con.sql(f"SELECT CAST(NULL AS {kind}) AS v").types[0]
    with pytest.raises(InvalidInput, match="'v") as told:
        types.from_duckdb(found, "v")
    assert told.value.hint is not None
    assert cast in told.value.hint


def test_the_sum_of_integers_is_refused_and_its_hint_works() -> None:
    with duckdb.connect() as con:
        relation = con.sql("SELECT sum(i) AS total FROM range(3) t(i)")
        with pytest.raises(InvalidInput, match="total") as told:
            types.fields_from_duckdb(list(relation.columns), list(relation.types))
        assert told.value.hint is not None
        select = told.value.hint.split("'")[1]
        mended = con.sql(select.replace("source", "relation"))
        assert types.fields_from_duckdb(list(mended.columns), list(mended.types))[0].type == (
            Primitive("long")
        )


@pytest.mark.parametrize(
    ("kind", "becomes"),
    [("UTINYINT", "int"), ("USMALLINT", "int"), ("UINTEGER", "long"), ("TINYINT", "int")],
)
def test_small_unsigned_integers_become_the_next_wider_signed_one(kind: str, becomes: str) -> None:
    with duckdb.connect() as con:
        found = con.sql(f"SELECT CAST(NULL AS {kind}) AS v").types[0]
    assert types.from_duckdb(found, "v") == Primitive(becomes)


def test_names_that_differ_only_in_case_are_refused() -> None:
    with duckdb.connect() as con:
        found = con.sql("SELECT 1 AS a").types[0]
    with pytest.raises(InvalidInput, match="'Id' and 'ID'"):
        types.fields_from_duckdb(["Id", "x", "ID"], [found] * 3)


@pytest.mark.parametrize("name", ["", "  ", "\t", "a\x00b"])
def test_a_column_without_a_usable_name_is_refused(name: str) -> None:
    with duckdb.connect() as con:
        found = con.sql("SELECT 1 AS a").types[0]
    with pytest.raises(InvalidInput, match="no usable name"):
        types.fields_from_duckdb([name], [found])


def test_no_columns_at_all_are_refused() -> None:
    with pytest.raises(InvalidInput, match="no columns"):
        types.fields_from_duckdb([], [])


def test_a_struct_of_sixty_levels_passes_and_one_of_two_hundred_is_refused() -> None:
    def nested(levels: int) -> str:
        return "STRUCT(a " * levels + "INTEGER" + ")" * levels

    with duckdb.connect() as con:
        types.from_duckdb(con.sql(f"SELECT CAST(NULL AS {nested(60)}) AS v").types[0], "v")
        deep = con.sql(f"SELECT CAST(NULL AS {nested(200)}) AS v").types[0]
        with pytest.raises(InvalidInput, match="deeper than 60"):
            types.from_duckdb(deep, "v")


@given(_PRIMITIVES, _PRIMITIVES)
def test_promotion_is_what_the_specification_allows_and_nothing_else(
    old: Primitive, new: Primitive
) -> None:
    before, after = types.decimal_parts(old), types.decimal_parts(new)
    grown = before and after and before[1] == after[1] and before[0] < after[0]
    listed = (old.text, new.text) in {("int", "long"), ("float", "double")}
    assert types.can_promote(old, new) == bool(grown or listed)


@given(_PRIMITIVES, _PRIMITIVES, _PRIMITIVES)
def test_fitting_is_transitive(a: Type, b: Type, c: Type) -> None:
    if types.fits_into(a, b) and types.fits_into(b, c):
        assert types.fits_into(a, c)


@given(st.integers(-(2**63), 2**63 - 1), _PRIMITIVES)
def test_a_long_that_fits_a_type_is_kept_exactly_by_it(value: int, kind: Primitive) -> None:
    source = Primitive("int") if abs(value) < 2**31 else Primitive("long")
    if types.fits_into(source, kind):
        with duckdb.connect() as con:
            into = types.duckdb_of(kind)
            found = con.sql(f"SELECT CAST(CAST({value} AS {into}) AS HUGEINT)").fetchall()
        assert found == [(value,)]


def test_text_shows_nested_types_as_people_read_them() -> None:
    inner = Struct((Field(1, "a", Primitive("long")), Field(2, "b", types.decimal(4, 2))))
    kind = MapOf(Field(3, "key", Primitive("string")), Field(4, "value", inner))
    assert types.text_of(kind) == "map<string, struct<a: long, b: decimal(4, 2)>>"
