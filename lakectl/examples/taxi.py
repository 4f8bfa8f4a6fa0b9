"""Taxi trips: extract a month, clean the passenger counts, load what is left.

    lakectl flow run taxi -p months=[1,2] -p year=2021

There is no network in it: the months are made, a few of their trips without a passenger.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Annotated

import pandas as pd
from pydantic import Field

from lakectl import Cache, artifact, flow, get_run_logger, lake, task


@task(retries=3, retry_delay_seconds=1, cache=Cache())
def extract(month: int, year: int, trips: int) -> pd.DataFrame:
    """The trips of a month as they come from the meter."""
    chance = Random(f"{year} {month}")
    start = datetime(year, month, 1, tzinfo=UTC)
    return pd.DataFrame(
        {
            "pickup": [start + timedelta(minutes=chance.randrange(40_000)) for _ in range(trips)],
            "passengers": [chance.choice([0, 1, 1, 1, 2, 3]) for _ in range(trips)],
            "fare": [round(chance.uniform(3, 70), 2) for _ in range(trips)],
        }
    )


@task
def clean(trips: pd.DataFrame) -> pd.DataFrame:
    """The trips that carried somebody."""
    empty = int((trips.passengers == 0).sum())
    get_run_logger().info("%d of %d trips carried nobody", empty, len(trips))
    return trips[trips.passengers > 0]


@task(task_run_name="load-{month}")
def load(trips: pd.DataFrame, month: int) -> int:
    """A new version of nyc.trips."""
    report = lake().dataset("nyc.trips").append(trips, message=f"month {month}")
    return report.rows_added


@flow(log_prints=True)
def taxi(
    months: list[Annotated[int, Field(ge=1, le=12)]],
    year: Annotated[int, Field(ge=2009, description="Of the trips.")] = 2021,
    trips: Annotated[int, Field(ge=1, description="How many to make for a month.")] = 10_000,
) -> int:
    """Load months of taxi trips."""
    rows = 0
    for month in months:
        rows += load(clean(extract(month, year, trips)), month)
    artifact("rows", metric=rows)
    print(f"{rows} trips loaded")
    return rows
