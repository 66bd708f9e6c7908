"""`python -m clickstream_report --day 2026-11-27 [--out FILE]`: a day of the lake → one HTML file.

The lake is the one that CLICKSTREAM_WAREHOUSE_URI, CLICKSTREAM_DATABASE and the variables of AWS's clients name, as for
the DAGs; a demo writes them to its environment.sh.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from clickstream_report.views_of_day import report, views_of
from contracts.event_settings import EventSettingsError, event_settings_from
from contracts.names import EnvironmentNames, LakeLocation
from contracts.partitions import PartitionKeyError, day_key, parse_day_key
from pages.errors import PagesError

WAREHOUSE, DATABASE = "CLICKSTREAM_WAREHOUSE_URI", "CLICKSTREAM_DATABASE"
#: Whose API and stream CloudWatch is asked about; without it the report begins with the lines that arrived.
ENVIRONMENT: Final = "CLICKSTREAM_ENVIRONMENT"
_NAME: Final = "clickstream_report"


class ReportError(Exception):
    """No report can be made; the message says what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file; return 0, or 2 with the reason on standard error."""
    given = _parse(arguments)
    try:
        day = parse_day_key(given.day)
        out = given.out or Path(f"clickstream-{day_key(day)}.html")
        named = os.environ.get(ENVIRONMENT)
        views = views_of(_lake(os.environ), EnvironmentNames(environment=named) if named else None)
        size = _write(out, report(views, day).encode())
    except (ReportError, PagesError, PartitionKeyError, EventSettingsError, ValueError, OSError) as error:
        print(f"{_NAME}: {error}", file=sys.stderr)
        return 2
    print(f"{out}  {size / 1_000:,.0f} KB")
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=f"python -m {_NAME}", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--day", required=True, metavar="DAY", help="a UTC day, such as 2026-11-27")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default clickstream-DAY.html, in this folder")
    return parser.parse_args(arguments)


def _lake(environ: Mapping[str, str]) -> LakeLocation:
    missing = [name for name in (WAREHOUSE, DATABASE) if not environ.get(name)]
    if missing:
        raise ReportError(
            f"{' and '.join(missing)} not set: make outputs prints the lines of a stack, and a demo writes them to its "
            "environment.sh"
        )
    return LakeLocation(
        raw_uri="", warehouse_uri=environ[WAREHOUSE], database=environ[DATABASE], events=event_settings_from(environ)
    )


def _write(out: Path, content: bytes) -> int:
    """Write the file whole or not at all; return its bytes."""
    part = out.with_name(f"{out.name}.part")
    part.write_bytes(content)
    part.replace(out)
    return len(content)


if __name__ == "__main__":
    sys.exit(main())
