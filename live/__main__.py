"""`python -m live`: what arrives, by the minute, seconds after Firehose has delivered it.

Reads the raw objects of the open landing hour as they appear, and publishes one small document beside the warehouse's
prefix (live/minutes.json) and metrics to CloudWatch, every few seconds, until Ctrl-C. On a terminal it shows a table.
Where the lake lies, it is told by the same CLICKSTREAM_* variables as Airflow: `. var/demo/environment.sh` for a demo.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from datetime import timedelta
from threading import Event

from live.aws import glue_catalog, work_under
from live.erased_users import ErasedUsersTable
from live.errors import LiveError, LiveStorageError
from live.last_lines import LineFilter
from live.publishing import DocumentPublisher, MetricsPublisher
from live.service import Publishing, Rounds, utc_now
from live.settings import LiveSettings, settings_from
from live.tail import RawTail, TailSettings
from live.terminal import Show, shown
from storage.location import open_store
from storage.object_store import ObjectStore, StorageError

_REMEDY = "it is tried again"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 0 when told to stop, 1 with the reason on standard error if the lake can't be reached."""
    given = _parse(arguments)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = settings_from(os.environ)
        if settings.role_arn is not None:
            work_under(settings.role_arn)
        with shown(as_json=given.json, once=given.once) as show:
            _run(given, settings, show, stop)
    except (LiveError, StorageError, OSError) as error:
        print(f"live: {error}", file=sys.stderr)
        return 1
    return 0


def _run(given: argparse.Namespace, settings: LiveSettings, show: Show, stop: Event) -> None:
    erased = ErasedUsersTable(glue_catalog(settings.role_arn), settings.lake.database)
    with RawTail(_raw_store(settings), _tail_settings(given, settings), erased, utc_now) as tail:
        rounds = Rounds(
            tail=tail,
            interval=timedelta(seconds=given.interval),
            buffer_interval=settings.buffer_interval,
            show=show,
            publishing=None if given.no_publish else _publishing(settings),
            stop=stop,
        )
        rounds.once() if given.once else rounds.run()


def _raw_store(settings: LiveSettings) -> ObjectStore:
    return open_store(settings.lake.raw_uri, error=LiveStorageError, remedy=_REMEDY)


def _tail_settings(given: argparse.Namespace, settings: LiveSettings) -> TailSettings:
    sought = LineFilter(user_id=given.user, click_id=given.click) if given.user or given.click else None
    return TailSettings(events=settings.lake.events, buffer_interval=settings.buffer_interval, sought=sought)


def _publishing(settings: LiveSettings) -> Publishing:
    return Publishing(
        documents=DocumentPublisher(settings.lake.warehouse_uri), metrics=MetricsPublisher(settings.lake.database)
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m live", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--once", action="store_true", help="read what is there, publish and show it, and end")
    parser.add_argument("--json", action="store_true", help="print each document as a line of JSON")
    parser.add_argument("--no-publish", action="store_true", help="write nothing: neither document nor metrics")
    parser.add_argument("--user", metavar="ID", help="show the last lines of this user; the published ones stay all")
    parser.add_argument("--click", metavar="ID", help="show the lines of this click id, likewise")
    parser.add_argument(
        "--interval",
        type=_interval,
        default=5,
        metavar="SECONDS",
        help="between two looks at the bucket, 1–60 (default 5)",
    )
    return parser.parse_args(arguments)


def _interval(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 60):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of seconds, 1–60")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
