"""Make weeks again: `spark-submit spark_jobs/run_aggregate_weeks.py … --week 2026-11-16`, the week's Monday.

Reads `user_days` and `daily_traffic`, writes `weekly_traffic` and `week_ledger`, as far as the weeks are stale. Exit
codes: 0 done (or nothing had changed), 1 failed, 2 wrong arguments.

In a range, weeks that are held back by a failed data check of a day are left, and named; with --force, or one by one as
--week, they are made all the same: that is to say that somebody looked at it.
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

if not __package__:  # started by spark-submit: this file's directory is on the path, its parent is what we need
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from contracts.stages import WEEKS
from spark_jobs import aggregate_command
from spark_jobs.daily.aggregate_weeks import aggregate_weeks
from spark_jobs.operations.stage_jobs import summary


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return the exit code."""
    return aggregate_command.run(
        argv,
        WEEKS,
        aggregate_weeks,
        partial(summary, WEEKS),
        description=__doc__,
        force="also make the weeks asked for if nothing has changed, or a data check holds them back",
        rows="days with events",
        source_job="run_aggregate_days",
    )


if __name__ == "__main__":
    sys.exit(main())
