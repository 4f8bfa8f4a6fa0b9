"""What a command costs before it does anything: the list of ten thousand datasets, `--version`."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bench import lakes, measuring
from tests.bench.measuring import Figure, lakectl, python

DATASETS = 10_000
_TURNS = 15


def bench() -> Iterator[Figure]:
    """`ls` against the import of SQLAlchemy alone, `--version` against an empty Python."""
    nothing = measuring.by_turns(
        lambda _: measuring.run(lakectl("--version")),
        lambda _: measuring.run(python("pass")),
        _TURNS,
    )
    yield measuring.wall("lakectl --version | python -c pass", nothing, 3.0)
    with lakes.of_many(DATASETS) as lake:
        for words, bound in ((("ls",), 2.0), (("ls", "-o", "json"), None)):
            found = measuring.by_turns(
                lambda _, words=words: measuring.run(lakectl("--lake", lake, *words)),
                lambda _: measuring.run(python("import sqlalchemy")),
                _TURNS,
            )
            yield measuring.wall(f"{' '.join(words)}, 10,000 datasets | sqlalchemy", found, bound)
