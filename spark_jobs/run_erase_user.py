"""Erase users: `spark-submit spark_jobs/run_erase_user.py … --user-id U [--user-id V | --users-file F] [--apply]`.

Without --apply nothing changes, and what would change is shown. With it, the users are refused from now on, their
lines are taken out of the raw objects, every table is made again without them, and every stored object is searched.
With --follow-links the browsers go, too, that were seen with them alone (docs/erasure.md). A run that was killed is
simply started again. Exit codes: 0 done, and nothing of them is left (or an estimate was shown), 1 failed, or something
is left or could not be made again, which is listed, 2 wrong arguments.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

if not __package__:  # started by spark-submit: this file's directory is on the path, its parent is what we need
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from contracts.event import MAX_USER_ID_LENGTH
from contracts.stages import EVENT_HOURS, LATER_STAGES
from spark_jobs.arguments import add_estimate_argument, add_json_argument, add_lake_arguments, location_of
from spark_jobs.errors import SparkJobError
from spark_jobs.lake.erased_users import lift_erased_users
from spark_jobs.lake.evolution import ensure_filled_lake
from spark_jobs.lake.lake import Lake
from spark_jobs.operations.erasure.erase_users import Erasure, ErasureReport, erase_users
from spark_jobs.operations.erasure.estimate import Estimate, estimate
from spark_jobs.operations.erasure.followed_links import LinkReport
from spark_jobs.operations.erasure.user_matching import SoughtUsers
from spark_jobs.operations.shown_estimates import shown_erasure, write_estimate
from spark_jobs.raw.lake_stores import lake_stores

DONE, FAILED = 0, 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.lift and arguments.follow_links:
        parser.error("--lift needs each id by name: which ones were followed is not kept; leave out --follow-links")
    users, location = _users_of(parser, arguments), location_of(arguments)
    started = time.monotonic()
    try:
        lake = Lake.open("erase_user", location)
        if arguments.lift:
            ensure_filled_lake(lake)
            lifted = lift_erased_users(lake, users.hashes)
            print(f"erase_user: {lifted} of {len(users.ids)} users are received again from now on")
            return DONE
        if not arguments.apply:
            ensure_filled_lake(lake)
            shown = estimate(lake, lake_stores(lake), users, follow=arguments.follow_links)
            _write_json(arguments.json, asdict(shown))
            if arguments.estimate_name:
                write_estimate(lake, arguments.estimate_name, shown_erasure(shown, len(users.ids), datetime.now(UTC)))
            print(estimate_text(shown, users))
            return DONE
        erasure = Erasure(
            users=users,
            alone=arguments.alone,
            discard_unreadable=arguments.discard_unreadable,
            follow_links=arguments.follow_links,
        )
        report = erase_users(lake, erasure)
    except SparkJobError as error:
        print(f"erase_user: {error}", file=sys.stderr)
        return FAILED
    _write_json(arguments.json, asdict(report))
    print(report_text(report, len(users.ids), time.monotonic() - started))
    for problem in report.made.problems:
        print(f"erase_user: {problem}", file=sys.stderr)
    for survivor in report.search.survivors:
        print(f"erase_user: {survivor.key} {survivor.why}; {survivor.remedy}", file=sys.stderr)
    return DONE if report.is_complete else FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run_erase_user", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_lake_arguments(parser)
    parser.add_argument("--user-id", action="append", default=[], metavar="ID", help="a user; may be given repeatedly")
    parser.add_argument(
        "--user-ids-json", type=_texts, default=[], metavar="JSON", help="more users, as one text: an array of strings"
    )
    parser.add_argument("--users-file", type=Path, metavar="FILE", help="more users, an id on each line, in UTF-8")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--apply", action="store_true", help="erase; without it, only show what would change")
    what.add_argument("--lift", action="store_true", help="receive the users' events again; restores nothing")
    parser.add_argument(
        "--follow-links",
        action="store_true",
        help="erase the anonymous ids, too, that identity_links connects with these users and nobody else",
    )
    parser.add_argument(
        "--alone",
        action="store_true",
        help="no other job writes to the lake: also remove files that a killed job left behind less than a day ago",
    )
    parser.add_argument(
        "--discard-unreadable",
        action="store_true",
        help="empty raw and error objects that can't be read, and so can't be searched",
    )
    add_json_argument(parser, "the estimate or the report")
    add_estimate_argument(parser)
    return parser


def _users_of(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> SoughtUsers:
    """Return the users, each once; end the program with status 2 if there are none, or an id is none."""
    ids: list[str] = [*arguments.user_id, *arguments.user_ids_json]
    if arguments.users_file:
        try:
            ids += _ids_in(arguments.users_file)
        except (OSError, UnicodeDecodeError) as error:
            parser.error(f"can't read {arguments.users_file}: {error}")
    if not ids:
        parser.error("name a user by --user-id, or a file of them by --users-file")
    for place, user_id in enumerate(ids, 1):
        if not 1 <= len(user_id) <= MAX_USER_ID_LENGTH:
            parser.error(f"user {place} has an id of {len(user_id)} characters; ids have 1–{MAX_USER_ID_LENGTH}")
        if any(0xD800 <= ord(character) < 0xE000 for character in user_id):
            parser.error(f"the id of user {place} is not UTF-8, so no event can have it")
    return SoughtUsers(ids=tuple(dict.fromkeys(ids)))


def _ids_in(file: Path) -> list[str]:
    """Return the lines of a file, each as it stands: an id may hold what else Python takes for the end of a line.

    A byte order mark, with which some programs begin a file, is no part of the first one.
    """
    return file.read_text(encoding="utf-8-sig").removesuffix("\n").split("\n")


def _texts(text: str) -> list[str]:
    """Return the texts of a JSON array (for argparse, which would show what was given: the error must not)."""
    try:
        texts = json.loads(text)
    except ValueError:
        texts = None
    if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
        raise argparse.ArgumentTypeError('that is no JSON array of strings, like ["35", "36"]')
    return texts


def _write_json(file: Path | None, content: object) -> None:
    if file:
        file.write_text(json.dumps(content, indent=2, default=str) + "\n")


def estimate_text(shown: Estimate, users: SoughtUsers) -> str:
    """Return what an erasure would change, for a person; logs are kept, so users are shown by their hash."""
    links = link_lines(shown.links)
    unknown = [f"  user {place} (sha256 {users.hashes_in_order[place - 1][:12]}…)" for place in shown.unknown]
    if shown.is_empty:
        return "\n".join(
            [
                f"erase_user: nothing holds these ids: no row and no raw object of {len(users.ids)} users",
                *unknown,
                *links,
                "--apply refuses their events from now on all the same, and searches every stored object",
            ]
        )
    return "\n".join(
        [
            f"erase_user: {len(users.ids)} users; nothing was changed, --apply would change:",
            *(f"  {table}: {rows:,} rows to go" for table, rows in shown.rows.items()),
            f"  raw and error objects to rewrite: {shown.objects:,} ({shown.bytes:,} bytes)",
            f"  landing hours to make again: {shown.landing_hours:,}; {shown.expired_hours:,} of them lack raw objects",
            f"  event hours to make again: {shown.fed[EVENT_HOURS.name]:,}, "
            + ", ".join(f"{stage.title}s: about {shown.fed[stage.name]:,}" for stage in LATER_STAGES),
            f"  snapshots to expire: {shown.snapshots:,}, with {shown.data_files:,} data files",
            *(f"  can't be searched: {key}; see --discard-unreadable" for key in shown.unreadable),
            *(["no table has an event of:", *unknown] if unknown else []),
            *links,
        ]
    )


def link_lines(links: LinkReport) -> list[str]:
    """Return, for a person, which anonymous ids go with the users, and which do not, and why."""
    return [
        *(f"  goes with them: anonymous id (sha256 {user_hash[:12]}…)" for user_hash in links.followed),
        *(f"  stays: anonymous id (sha256 {user_hash[:12]}…): {why}" for user_hash, why in links.not_followed),
    ]


def report_text(report: ErasureReport, users: int, seconds: float) -> str:
    """Return what was done, for a person."""
    made, search = report.made, report.search
    lines = [
        f"erase_user: {users} users; {len(report.rewritten)} objects rewritten without "
        f"{sum(rewritten.lines for rewritten in report.rewritten)} lines; {made.landing_hours} landing hours made "
        f"again, {made.corrected_hours} corrected without raw, "
        f"{' and '.join(f'{made.computed[stage.name]} {stage.title}s' for stage in (EVENT_HOURS, *LATER_STAGES))}; "
        f"{report.expired_snapshots} snapshots expired, {len(search.removed)} leftovers removed; {seconds:.1f} s",
        *(f"  emptied {rewritten.key}: it could not be read" for rewritten in report.rewritten if rewritten.discarded),
    ]
    lines += link_lines(report.links)
    if search.mentioned:
        lines.append(f"  {search.mentioned} rows of other users hold an id in a field of their own, and stay")
    left = (
        f"{len(search.survivors)} objects still hold them or can't be searched" if search.survivors else "nothing left"
    )
    lines.append(f"erase_user: every stored object was searched: {left}")
    if report.users_waiting:
        lines.append(
            "erase_user: the users themselves are still there: their events say which anonymous ids are theirs, and "
            "something of these is left; do as is said of it, and run the same again"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
