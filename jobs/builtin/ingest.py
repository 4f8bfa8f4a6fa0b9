"""The ready flow `ingest`: files into a dataset. `lakectl ingest` runs it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from catalog.planning import IngestRequest
from catalog.schema import SchemaPolicy
from catalog.sources import TextOptions
from jobs.context import lake_of_run
from jobs.flow import flow


@flow(name="ingest")
def ingest(  # noqa: PLR0913 - they are the options of `lakectl ingest`
    sources: list[str],
    into: str,
    mode: Literal["append", "overwrite", "merge"] = "append",
    key: list[str] = [],  # noqa: B006 - a default of a form, which nobody changes
    partition_by: list[str] = [],  # noqa: B006 - as above
    select: str | None = None,
    message: str | None = None,
    on_bad_row: Literal["fail", "quarantine"] = "fail",
    schema: Literal["refuse", "widen", "evolve"] = "refuse",
    if_seen: Literal["skip", "load"] = "skip",
    branch: str = "main",
    format: Literal["csv", "json", "parquet", "arrow"] | None = None,  # noqa: A002 - the option's name
    delimiter: str | None = None,
    header: bool | None = None,
    encoding: str = "utf-8",
    nulls: list[str] = [],  # noqa: B006 - as above
) -> dict[str, Any]:
    """Load files, folders or addresses into a dataset: one new version.

    Returns:
        The fields of `catalog.model.IngestReport`.
    """
    report = lake_of_run().ingest(
        IngestRequest(
            into=into,
            sources=tuple(sources),
            mode=mode,
            key=tuple(key),
            partition_by=tuple(partition_by),
            select=select,
            message=message,
            on_bad_row=on_bad_row,
            schema=SchemaPolicy(schema),
            if_seen=if_seen,
            format=format,
            text=TextOptions(delimiter, header, encoding, tuple(nulls)),
            branch=branch,
        )
    )
    return asdict(report)
