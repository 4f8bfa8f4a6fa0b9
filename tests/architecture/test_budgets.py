"""The house stays small and told: sizes, docstrings, and what may not be there at all."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_PACKAGES = ("lakectl", "screens", "jobs", "catalog")
_MODULES = sorted(p for package in _PACKAGES for p in (_ROOT / package).rglob("*.py"))
_MOST_LINES = 450


def _told(path: Path) -> str:
    return str(path.relative_to(_ROOT))


@pytest.mark.parametrize("path", _MODULES, ids=_told)
def test_no_module_is_longer_than_it_may_be(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= _MOST_LINES


@pytest.mark.parametrize("path", _MODULES, ids=_told)
def test_every_module_and_everything_public_says_what_it_is(path: Path) -> None:
    if "migrations" in path.parts and path.name == "env.py":
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "the module has no docstring"
    # An overload has none: the function that it is a form of says it for all of them.
    said = [(name, node) for name, node in _public(tree) if not _is_overload(node)]
    silent = [name for name, node in said if not ast.get_docstring(node)]
    assert silent == []


def _is_overload(node: ast.AST) -> bool:
    made_by = getattr(node, "decorator_list", [])
    return any(isinstance(one, ast.Name) and one.id == "overload" for one in made_by)


def _public(
    tree: ast.Module,
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    """The public classes and functions of a module, and the methods of public classes."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name.startswith("_"):
                continue
            yield node.name, node
            for inner in node.body if isinstance(node, ast.ClassDef) else ():
                plain = isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
                if plain and not inner.name.startswith("_"):
                    yield f"{node.name}.{inner.name}", inner


def test_there_is_no_drawer_for_everything() -> None:
    drawers = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py", "base.py"}
    everywhere = [*_MODULES, *(_ROOT / "tests").rglob("*.py")]
    assert [_told(p) for p in everywhere if p.name in drawers] == []


def test_the_tests_are_no_packages() -> None:
    assert [
        _told(p) for p in (_ROOT / "tests").rglob("__init__.py") if "bench" not in p.parts
    ] == []


@pytest.mark.parametrize("package", ["catalog", "jobs", "screens"])
def test_the_front_of_a_package_holds_a_docstring_only(package: str) -> None:
    fronts = [
        p for p in _MODULES if p.name == "__init__.py" and p.parts[len(_ROOT.parts)] == package
    ]
    assert fronts
    for front in fronts:
        (only,) = ast.parse(front.read_text(encoding="utf-8")).body
        assert isinstance(only, ast.Expr)
        assert isinstance(only.value, ast.Constant)


def test_every_module_of_the_catalog_has_its_tests() -> None:
    told = {p.stem.removeprefix("test_") for p in (_ROOT / "tests" / "catalog").glob("test_*.py")}
    assert {
        "types",
        "schema",
        "partition",
        "names",
        "storage",
        "metadata",
        "ingest",
        "query",
    } <= told


def test_nothing_runs_text_or_trusts_a_pickle() -> None:
    """Data never names code: no eval, no exec, no pickle, no import of a name found in data."""
    found = []
    for path in _MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in {"eval", "exec", "compile", "__import__"}:
                    found.append(f"{_told(path)}:{node.lineno}")
            elif isinstance(node, ast.Import | ast.ImportFrom):
                names = [a.name for a in node.names] + [getattr(node, "module", None) or ""]
                if {n.split(".")[0] for n in names} & {"pickle", "shelve", "marshal", "dill"}:
                    found.append(f"{_told(path)}:{node.lineno}")
    assert found == []
