"""What README and the tour show is what the program prints."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_EXAMPLES = runpy.run_path(str(_ROOT / "docs" / "run_examples.py"))


@pytest.mark.parametrize("page", ["docs/TOUR.md", "docs/FLOWS.md", "README.md"])
def test_a_page_shows_what_its_examples_print(page: str, tmp_path: Path) -> None:
    text = (_ROOT / page).read_text("utf-8")
    printed = _EXAMPLES["shown"](text, tmp_path)
    assert _EXAMPLES["comparable"](printed) == _EXAMPLES["comparable"](text)
