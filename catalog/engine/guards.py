"""When a text is exactly a value of a type: the law by which CSV values are cast.

DuckDB's own casts are generous: `1.5` becomes the integer 2, `1_000` and `0x10` are integers,
`1e400` is infinity, 01234 is the number 1234. A guard is a predicate over a text and its TRY_CAST
that is true only where nothing was bent; NULL passes. It runs on every value of every load, so the
common shapes are decided by a few comparisons and the rest stands behind an ELSE: DuckDB computes
every operand of an AND for all rows, but a later branch only for the rows that reach it.
"""

from __future__ import annotations

from typing import Any

from catalog.names import lit
from catalog.types import Primitive, Type, decimal_parts

# A macro of the connection (see `expect_loose`): whether a text holds what DuckDB forgives
# when it casts to a double, as in `1_0.5`, `5 ` and `5.`; or false where no text does, since asking
# costs as much as the cast.
LOOSE = "lakectl_is_loose"
FORGIVEN = b" \t\v\f."  # after a number; line ends are told apart by the reader

_NUMBER = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?"
_TIME = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
_STAMP = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([ T]{_TIME})?"
_ZONED = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[ T]{_TIME} ?(Z|UTC|[+-][0-9]{{2}}(:?[0-9]{{2}})?)"

# A text is a double if it is a plain number whose double says the same, or has at most 15
# significant digits, which a double always keeps (IEEE 754: 53 bits); and no number but zero
# becomes zero or loses bits near it (2.3e-308 is the least normal double).
_EXACT_DOUBLE = (
    f"regexp_full_match({{x}}, {lit(_NUMBER)}) AND isfinite({{t}}) AND ({{t}}::VARCHAR = {{x}} "
    "OR strlen(rtrim(ltrim(replace(regexp_replace({x}, '[eE].*$|^-', '', 'g'), '.', ''), '0'), "
    "'0')) <= 15) AND (abs({t}) >= 2.3e-308 OR NOT regexp_matches({x}, '^[^eE]*[1-9]'))"
)
# Fifteen bytes hold no more than fifteen digits. What begins with 1 to 9 and casts to a normal
# double is a plain number, if it is not loose; so is a zero, alone or before a point. Nothing that
# sorts behind the digits casts to one: neither `inf` nor `nan` is below 1.7e308.
_SHORT = f"strlen({{x}}) <= 15 AND NOT {LOOSE}({{x}})"
_DOUBLES = (
    f"{{t}} BETWEEN 1 AND 1.7e308 AND {{x}} >= '1' AND {_SHORT}",
    f"{{x}} < '0/' AND {{x}} >= '0' AND strlen({{x}}) <= 5 AND {{t}} < 1 AND NOT {LOOSE}({{x}})",
    f"{{t}} BETWEEN -1.7e308 AND -1 AND {{x}} >= '-1' AND {_SHORT}",
)
# Of up to three bytes, only digits make a number so large; 1e2 is the one exception.
_FEW_DIGITS = (
    "strlen({x}) = 1 AND {t} >= 0",
    "strlen({x}) = 2 AND {t} >= 10",
    "strlen({x}) = 3 AND {t} > 100 AND {t} % 100 <> 0",
)
# Years 1 to 9999: neither the infinities nor what other engines cannot show.
_YEARS = "{t} >= '0001-01-01' AND {t} < '10000-01-01'"

_GUARDS = {
    # Six digits are what a float always keeps.
    "float": "isfinite({t}) AND strlen(ltrim(replace(regexp_replace({x}, '[eE].*$|^-', '', 'g'), "
    "'.', ''), '0')) <= 6 AND (abs({t}) >= 1.2e-38 OR NOT regexp_matches({x}, '^[^eE]*[1-9]')) "
    f"AND regexp_full_match({{x}}, {lit(_NUMBER)})",
    "date": f"{{t}}::VARCHAR = {{x}} AND {_YEARS}",
    "timestamptz": f"{_YEARS} AND regexp_full_match({{x}}, {lit(_ZONED)})",
    "time": f"{{t}} < '24:00:00' AND regexp_full_match({{x}}, {lit(_TIME)})",
    "boolean": "lower({x}) IN ('true', 'false')",
    "uuid": "{t} IS NOT NULL",
}
# (branches that decide at once, what the other rows are asked)
_BRANCHED = {
    "long": (_FEW_DIGITS, "{t}::VARCHAR = {x}"),
    "int": (_FEW_DIGITS, "{t}::VARCHAR = {x}"),
    "double": (_DOUBLES, _EXACT_DOUBLE),
    # Nineteen bytes that DuckDB itself would write so: no infinity and no year of five digits.
    "timestamp": (
        ("{t}::VARCHAR = {x} AND strlen({x}) = 19",),
        f"{_YEARS} AND ({{t}}::VARCHAR = {{x}} OR regexp_full_match({{x}}, {lit(_STAMP)}))",
    ),
}


def guard(kind: Type, text: str, cast: str) -> str:
    """A predicate, true or false and never NULL: the text is NULL or exactly a value of the type.

    The connection must have the macro LOOSE.

    Args:
        kind: the type; `is_castable` must hold of it.
        text: SQL of the text.
        cast: SQL of its TRY_CAST to the type.
    """
    branches, rest = _rule(kind)
    if branches:
        whens = " ".join(f"WHEN {branch} THEN true" for branch in branches)
        rule = f"CASE {whens} WHEN {{x}} IS NULL THEN true ELSE coalesce({rest}, false) END"
    else:
        rule = f"coalesce({rest}, {{x}} IS NULL)"
    return rule.replace("{t}", cast).replace("{x}", text)


def _rule(kind: Type) -> tuple[tuple[str, ...], str]:
    parts = decimal_parts(kind)
    if parts:
        digits = f"(\\.[0-9]{{1,{parts[1]}}})?" if parts[1] else ""
        return (), f"{{t}} IS NOT NULL AND regexp_full_match({{x}}, '-?[0-9]+{digits}')"
    assert isinstance(kind, Primitive)
    return _BRANCHED.get(kind.text) or ((), _GUARDS[kind.text])


def is_castable(kind: Type) -> bool:
    """Whether text can be read as a type at all; nested types and binary cannot."""
    if not isinstance(kind, Primitive):
        return False
    known = kind.text == "string" or kind.text in _GUARDS or kind.text in _BRANCHED
    return known or decimal_parts(kind) is not None


def expect_loose(con: Any, expected: bool) -> None:
    """Say whether the texts that are cast from now on may be loose (see LOOSE)."""
    rule = "contains(x, '_') OR x <> rtrim(x, E' \\t\\n\\v\\f\\r.')" if expected else "false"
    con.execute(f"CREATE OR REPLACE MACRO {LOOSE}(x) AS ({rule})")
