"""A process that imports people's flows for the dashboard, which must not: they may do anything.

Questions and answers are lines of JSON on stdin and stdout: `python -P -m lakectl.desk PROFILE`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lakectl.root import Lake


def main() -> None:
    """Answer until stdin ends."""
    from lakectl import _names

    _names.pin()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a flow prints when it is imported is no answer
    import lakectl.flows  # noqa: F401 - joins what flows import to the lake of this place
    from catalog.errors import LakeError
    from lakectl.root import open_lake

    with open_lake(os.environ["LAKECTL_LAKE"], profile=sys.argv[1]) as lake:
        for line in sys.stdin:
            asked = json.loads(line)
            try:
                told: dict[str, Any] = {"answer": _ANSWERS[asked.pop("ask")](lake, **asked)}
            except LakeError as error:
                fields = getattr(error, "fields", None)
                told = {"error": error.message, "hint": error.hint, "fields": fields}
            answers.write(json.dumps(told) + "\n")
            answers.flush()


def _flows(lake: Lake) -> list[dict[str, Any]]:
    return [asdict(info) for info in lake.runs.flows()]


def _check(lake: Lake, flow: str, texts: dict[str, str]) -> dict[str, str]:
    from jobs import parameters
    from jobs.errors import InvalidParameters

    found = lake.runs.flow(flow)
    try:
        parameters.check(found, parameters.from_texts(found, _given(found, texts)))
    except InvalidParameters as error:
        return error.fields
    return {}


def _given(flow: Any, texts: dict[str, str]) -> dict[str, str]:
    """What a form holds, without the fields that were left empty and may be."""
    import inspect

    empty = inspect.Parameter.empty
    known = flow.signature.parameters
    return {
        name: text
        for name, text in texts.items()
        if text or (name in known and known[name].default is empty)
    }


def _launch(lake: Lake, flow: str, texts: dict[str, str]) -> str:
    from jobs import parameters

    found = lake.runs.flow(flow)
    values = parameters.from_texts(found, _given(found, texts))
    return lake.runs.detach(lake.runs.orders.submit(found, values)).id


def _rerun(lake: Lake, run: str) -> str:
    return lake.runs.detach(lake.runs.rerun(run)).id


def _resume(lake: Lake, run: str) -> str:
    return lake.runs.detach(lake.runs.resume(run)).id


_ANSWERS: dict[str, Callable[..., Any]] = {
    "flows": _flows,
    "check": _check,
    "launch": _launch,
    "rerun": _rerun,
    "resume": _resume,
}

if __name__ == "__main__":
    main()
