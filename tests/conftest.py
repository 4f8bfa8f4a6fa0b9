"""The servers and readers that tests of every package share; none starts before it is asked for.

Under pytest-xdist each worker has its own: a test may restart its server and cut nobody off.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import guarded
import independent_reader
import pytest
import real_gcs
import real_postgres

pytest_plugins = ["battery_table", "lakes"]

# Doctor tells of another `lakectl` on the PATH, and lakeFS has a command of that name.
_OWN = str(Path(sys.executable).parent)
os.environ["PATH"] = os.pathsep.join(
    [_OWN, *(p for p in os.environ["PATH"].split(os.pathsep) if not (Path(p) / "lakectl").exists())]
)


@pytest.fixture(scope="session")
def postgres() -> Iterator[real_postgres.PostgresServer]:
    """Return this session's PostgreSQL server."""
    with real_postgres.server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: real_postgres.PostgresServer) -> Iterator[str]:
    """Return the URL of an empty PostgreSQL database, dropped after the test."""
    url = postgres.create_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture(scope="session")
def gcs() -> Iterator[real_gcs.GcsServer]:
    """Return this session's object-store server."""
    with real_gcs.server() as server:
        yield server


@pytest.fixture
def gcs_bucket(gcs: real_gcs.GcsServer) -> Iterator[str]:
    """Return the name of an empty bucket, removed after the test."""
    name = gcs.create_bucket()
    yield name
    gcs.drop_bucket(name)


@pytest.fixture(scope="session")
def oracle() -> Iterator[independent_reader.IndependentReader]:
    """Return this session's independent reader of Iceberg tables."""
    with independent_reader.reader() as reader:
        yield reader


@pytest.fixture
def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody listens on."""
    return guarded.free_port()
