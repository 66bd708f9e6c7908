"""Replay rejected lines: `spark-submit spark_jobs/run_replay_rejected.py … [--from HOUR --to HOUR] [--apply]`.

Judges the rejected lines of landing hours by today's contract, and shows by hour and reason how many would be events.
With --apply these hours are transformed again, and what is behind them computed again. Exit codes: 0 done (or shown, or
nothing would change), 1 failed, 2 wrong arguments.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

if not __package__:  # started by spark-submit: this file's directory is on the path, its parent is what we need
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from contracts.partitions import HOUR, hour_key, key_text
from contracts.rejections import RejectionReason
from contracts.stages import EVENT_HOURS, LANDING_HOURS, LATER_STAGES
from spark_jobs.arguments import (
    add_estimate_argument,
    add_json_argument,
    add_lake_arguments,
    add_settled_argument,
    add_span_arguments,
    held_back_note,
    location_of,
    settled_before_of,
)
from spark_jobs.errors import SparkJobError
from spark_jobs.lake.lake import Lake
from spark_jobs.operations.replay_rejected import Replay, ReplayPlan, ReplayRange, plan_replay, replay
from spark_jobs.operations.shown_estimates import shown_replay, write_estimate

DONE, FAILED = 0, 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    location, wanted = location_of(arguments), _range_of(parser, arguments)
    settled_before = settled_before_of(arguments)
    started = time.monotonic()
    try:
        lake = Lake.open("replay_rejected", location)
        plan = plan_replay(lake, wanted, settled_before)
        print(plan_text(plan))
        if arguments.estimate_name:
            write_estimate(lake, arguments.estimate_name, shown_replay(plan, datetime.now(UTC)))
        done = replay(lake, plan, settled_before) if arguments.apply else Replay()
    except SparkJobError as error:
        print(f"replay_rejected: {error}", file=sys.stderr)
        return FAILED
    print(_outcome(plan, done, time.monotonic() - started, applied=arguments.apply))
    if arguments.json:
        arguments.json.write_text(json.dumps(as_json(plan, done), indent=2) + "\n")
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run_replay_rejected", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_lake_arguments(parser)
    add_span_arguments(parser, LANDING_HOURS, single=False)
    parser.add_argument(
        "--reason",
        action="append",
        default=[],
        choices=[reason.value for reason in RejectionReason],
        help="look at lines rejected for this reason only; may be given repeatedly",
    )
    parser.add_argument("--apply", action="store_true", help="make the hours again; without it, nothing is changed")
    add_settled_argument(parser, "later ones are left to their own run")
    add_json_argument(parser, "what was found and done")
    add_estimate_argument(parser)
    return parser


def _range_of(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> ReplayRange:
    first, last = arguments.first, arguments.last
    if first and last and last < first:
        parser.error(f"--to {hour_key(last)} is before --from {hour_key(first)}")
    return ReplayRange(start=first, end=last + HOUR if last else None, reasons=frozenset(arguments.reason))


def plan_text(plan: ReplayPlan) -> str:
    """Return what would change, for a person."""
    lines = [
        f"  {hour_key(found.landing_hour)} {found.reason}: {found.accepted} events from {found.rejected} rejected, "
        f"the first in {found.example_object}"
        for found in plan.accepted
    ]
    lines += [f"  left {hour_key(hour)}: {reason}" for hour, reason in sorted(plan.left.items())]
    return "\n".join([f"replay_rejected: looked at {plan.looked_at} landing hours", *lines])


def _outcome(plan: ReplayPlan, done: Replay, seconds: float, *, applied: bool) -> str:
    """Return the last line: what was made, or what --apply would make."""
    if not plan.replay:
        what = "nothing to replay: today's contract accepts no rejected line of an hour that can be made again"
    elif applied:
        what = (
            f"{len(done.transformed)} landing hours, "
            f"{' and '.join(f'{len(keys)} {stage.title}s' for stage, keys in done.made.items())} "
            f"made again; received {sum(row.received for row in done.transformed)}"
        )
        for stage in (EVENT_HOURS, *LATER_STAGES):
            what += held_back_note(stage.source.title, map(key_text, done.held_back[stage]))
    else:
        hours = " ".join(hour_key(hour) for hour in plan.replay)
        what = f"nothing was changed; --apply would transform {len(plan.replay)} landing hours again: {hours}"
    return f"replay_rejected: {what}; {seconds:.1f} s"


def as_json(plan: ReplayPlan, done: Replay) -> dict[str, object]:
    """Return what was found and done, for a program."""
    return {
        "looked_at": plan.looked_at,
        "accepted": [
            {
                "landing_hour": hour_key(found.landing_hour),
                "reason": found.reason,
                "rejected": found.rejected,
                "accepted": found.accepted,
                "example_object": found.example_object,
            }
            for found in plan.accepted
        ],
        "replay": [hour_key(hour) for hour in plan.replay],
        "left": {hour_key(hour): reason for hour, reason in sorted(plan.left.items())},
        "transformed": [hour_key(row.landing_hour) for row in done.transformed],
        **{
            f"{stage.name}s": [key_text(key) for key in done.made.get(stage, ())]
            for stage in (EVENT_HOURS, *LATER_STAGES)
        },
        "held_back": [key_text(key) for keys in done.held_back.values() for key in keys],
    }


if __name__ == "__main__":
    sys.exit(main())
