"""`jobs_in_turn.py FOLDER JOBS`: the entry points of a folder one after the other, in one Spark session.

JOBS is a JSON file: objects with an entry point's `program`, its `arguments`, the `name` by which the job is announced
on standard output, and `events_of_a_task`, in the place of the rule's, or null. It stands for itself, because on a
cluster nothing but the package is there.
"""

import contextlib
import json
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch


@contextlib.contextmanager
def cut_above(events: int | None) -> Iterator[None]:
    """Let hours and days of more events be large; it is the driver that decides which are."""
    if events is None:
        yield
        return
    from spark_jobs.daily import cut_days  # of the package
    from spark_jobs.hourly import cut_hours

    with patch.object(cut_days, "EVENTS_OF_A_TASK", events), patch.object(cut_hours, "EVENTS_OF_A_TASK", events):
        yield


def main(folder: str, jobs: str) -> None:
    """Run them; end with a text if one fails."""
    for job in json.loads(Path(jobs).read_text()):
        print(f"job {job['name']}", flush=True)
        sys.argv = [job["program"], *job["arguments"]]
        try:
            with cut_above(job["events_of_a_task"]):
                runpy.run_path(f"{folder}/{job['program']}.py", run_name="__main__")
        except SystemExit as ended:
            if ended.code:
                sys.exit(f"{job['name']} ended with {ended.code}")
    print("all done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
