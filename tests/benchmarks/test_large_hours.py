"""The plans of large hours that the documentation shows are those that the job makes."""

from benchmarks.large_hours import PLANNED_CORES, planned
from spark_jobs.lake.session import ROOT


def test_the_documented_plans_are_the_job_s() -> None:
    documented = (ROOT / "docs" / "benchmarks.md").read_text().splitlines()
    for events in (40_000_000, 3_600_000_000):
        for cores in PLANNED_CORES:
            assert f"| {' | '.join(planned(events, cores))} |" in documented
