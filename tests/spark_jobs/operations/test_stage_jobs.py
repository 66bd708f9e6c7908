"""Every stage that is computed once it is over has its job."""

from contracts.stages import LATER_STAGES
from spark_jobs.operations.stage_jobs import LATER_JOBS


def test_every_later_stage_has_a_job_in_the_order_of_the_stages() -> None:
    assert tuple(LATER_JOBS) == LATER_STAGES
