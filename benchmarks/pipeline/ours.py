"""Our pipeline: job 1 over all landing hours at once, then job 2 over all event hours, in one session."""

from datetime import timedelta
from pathlib import Path

from benchmarks.pipeline.contender import MakeTables
from contracts.names import LakeLocation
from contracts.partitions import HOUR
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.lake.evolution import ensure_tables
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.session import LocalSize, spark_session
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import transform_landing_hours
from spark_jobs.raw.lake_stores import raw_store
from storage.by_hour import landed_hours


def start(directory: Path) -> MakeTables:
    """Return the two jobs, in a session of their own."""
    spark = spark_session("ours", _location(directory, raw=directory, run="none"), size=LocalSize(heap="1g"))

    def make_tables(raw: Path, run: str) -> None:
        lake = Lake.at(_location(directory, raw=raw, run=run), spark)
        ensure_tables(lake)
        hours = landed_hours(raw_store(lake.raw_uri))
        settled = LandingRules(settled_before=max(hours) + HOUR + timedelta(days=1))
        transformed = transform_landing_hours(lake, hours, settled)
        event_hours = {hour for row in transformed.written for hour in row.received_by_event_hour}
        aggregate_hours(lake, event_hours)

    return make_tables


def _location(directory: Path, *, raw: Path, run: str) -> LakeLocation:
    return LakeLocation(raw_uri=str(raw), warehouse_uri=str(directory), database=run)
