"""A lake with a folder of flows, and what runs in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from flow_project import Project

from lakectl.root import init_lake, open_lake

hypothesis.settings.register_profile(
    "runs",
    deadline=None,  # a shared machine
    max_examples=50,
    derandomize=True,  # the same examples everywhere: a red run is red again
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.load_profile("runs")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Return a new lake in which flows that are called are recorded."""
    root = tmp_path / "lake"
    init_lake(root)
    monkeypatch.setenv("LAKECTL_LAKE", str(root))
    monkeypatch.setenv("LAKECTL_QUIET", "1")
    monkeypatch.chdir(root)
    with open_lake(root) as lake:
        yield Project(root, lake)
