"""Make days again: `spark-submit spark_jobs/run_aggregate_days.py … --day 2026-11-22`.

Reads `clean_events`, writes `sessions`, `user_days`, the daily tables, `day_ledger`: of the day, of the known days
beside it, and of later days that look back at it, as far as these are stale. Exit codes: 0 done (or nothing had
changed), 1 failed, 2 wrong arguments.

In a range, and beside the day, days that are held back by a failed data check of an event hour are left, and named;
with --force, or one by one as --day, they are made all the same: that is to say that somebody looked at it.
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

if not __package__:  # started by spark-submit: this file's directory is on the path, its parent is what we need
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from contracts.stages import DAYS
from spark_jobs import aggregate_command
from spark_jobs.daily.aggregate_days import aggregate_days
from spark_jobs.operations.stage_jobs import summary


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return the exit code."""
    return aggregate_command.run(
        argv,
        DAYS,
        aggregate_days,
        partial(summary, DAYS),
        description=__doc__,
        force="also make the days asked for if nothing has changed, or a data check holds them back",
        rows="clean events",
        source_job="run_aggregate_hours",
    )


if __name__ == "__main__":
    sys.exit(main())
