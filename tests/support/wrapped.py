"""A real backend of which some answers are replaced."""

from __future__ import annotations

from typing import Any


class Wrapped:
    """The real backend, with some of its answers replaced."""

    def __init__(self, backend: Any, **replaced: Any) -> None:
        self._backend = backend
        self.__dict__.update(replaced)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)
