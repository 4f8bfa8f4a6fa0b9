"""The ready flow `export`: a version into a file."""

from __future__ import annotations

from typing import Literal

from jobs.context import lake_of_run
from jobs.flow import flow


@flow(name="export")
def export(
    dataset: str,
    to: str,
    at: str | None = None,
    format: Literal["csv", "tsv", "json", "jsonl", "parquet", "arrow"] | None = None,  # noqa: A002 - the option's name
) -> int:
    """Write a version of a dataset to a file or a gs:// object.

    Returns:
        The number of rows.
    """
    rows: int = lake_of_run().export(dataset, to, at, format)
    return rows
