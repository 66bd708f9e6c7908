"""What a demo leaves for a person and for other programs: its folder, its address in it, and the box with commands.

`prepare` never empties a folder with other files than a demo's, nor that of a demo that runs. The box's commands work
as they are printed, in a shell in the project's folder: addresses come from the demo's `environment.sh`.
"""

import fcntl
import json
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from contracts.partitions import hour_key
from local.cloud.errors import FolderError, StateInUseError
from local.demo.pipeline import StackOutputs
from local.lake_shell.lake import CONNECTION

DEFAULT_FOLDER: Final = Path("var/demo")
#: A file that marks a folder as a demo's, so that the next demo may empty it; its text is for people.
MARK: Final = ".clickstream-demo"
#: A file of shell variables with the demo's addresses; `CONNECTION` has the same for programs.
ENVIRONMENT: Final = "environment.sh"
_QUERY: Final = (
    "SELECT event_hour, events, users, purchases, revenue FROM hourly_traffic ORDER BY event_hour DESC LIMIT 5"
)


def prepare(folder: Path) -> None:
    """Create the folder, or empty it; raise `LocalCloudError` unless its files are those of a demo that has ended."""
    try:
        if folder.exists():
            _require_ended_demo(folder)
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        (folder / MARK).write_text("Made by the demo; the next one into this folder replaces it.\n")
    except OSError as error:
        raise FolderError(f"can't make {folder} anew: {error.strerror}; choose another with --folder") from error


def write_connection(
    folder: Path, *, outputs: StackOutputs, cloud_environment: Mapping[str, str], airflow_url: str
) -> None:
    """Write the addresses of the demo that fills the folder."""
    connection = {
        "endpoint_url": cloud_environment["AWS_ENDPOINT_URL"],
        "region": cloud_environment["AWS_REGION"],
        "airflow_url": airflow_url,
        "api_url": outputs.api_url,
        "stream_name": outputs.stream_name,
        "raw_uri": outputs.raw_uri,
        "warehouse_uri": outputs.warehouse_uri,
        "database": outputs.database,
    }
    (folder / CONNECTION).write_text(json.dumps(connection, indent=2) + "\n")
    variables = {**cloud_environment, **outputs.pipeline_variables(), "API_URL": outputs.api_url}
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(variables.items())]
    (folder / ENVIRONMENT).write_text("# Read by a shell: . environment.sh\n" + "".join(lines))


def _require_ended_demo(folder: Path) -> None:
    if not folder.is_dir():
        raise FolderError(f"{folder} is a file; name a folder with --folder")
    if any(folder.iterdir()) and not (folder / MARK).exists():
        raise FolderError(
            f"{folder} holds what no demo left there, and would be emptied: choose a new or empty folder with "
            f"--folder, or remove it yourself"
        )
    lock = folder / "cloud" / "lock"
    if lock.exists():
        with lock.open() as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StateInUseError(folder, option="--folder") from error


@dataclass(frozen=True, kw_only=True)
class DemoCommands:
    """Commands to paste; each is one shell command, perhaps over several lines."""

    select: str
    live: str
    spark_submit: str
    own_event: str

    @classmethod
    def of(cls, folder: Path, *, first_hour: datetime, open_hour: datetime) -> "DemoCommands":
        """Return the commands for the demo that fills `folder`, with event hours from `first_hour` to `open_hour`."""
        environment = f". {folder / ENVIRONMENT}"
        # `make sql` finds a demo in the default folder by itself.
        shell = "make sql" if folder == DEFAULT_FOLDER else f"{environment} && make sql"
        return cls(
            select=f'{shell} QUERY="{_QUERY}"',
            live=f"{environment} && . .venv/bin/activate && python -m live --no-publish",
            spark_submit=f"{environment} && . .venv/bin/activate && \\\n"
            'spark-submit --conf "spark.driver.extraClassPath=jars/*" spark_jobs/run_aggregate_hours.py \\\n'
            '  --raw-uri "$CLICKSTREAM_RAW_URI" --warehouse-uri "$CLICKSTREAM_WAREHOUSE_URI" \\\n'
            f'  --database "$CLICKSTREAM_DATABASE" --from {hour_key(first_hour)} --to {hour_key(open_hour)} --force',
            own_event=f'{environment} && curl --fail -X POST "$API_URL/events" -H "Content-Type: application/json" \\\n'
            """  -d '{"timestamp": "'"$(date -u +%FT%TZ)"'", "user_id": "me", "click_id": "'"$(date +%s%N)"'",\n"""
            """       "event_name": "Purchase", "additional_data": {"product_id": "mug", "price": 9.90}}'""",
        )


def print_box(
    console: Console,
    *,
    airflow_url: str,
    api_url: str,
    shop_url: str,
    endpoint_url: str,
    commands: DemoCommands,
    open_hour: datetime,
) -> None:
    """Print the box. It has no sides, and no line is wrapped, cut or padded: a person can copy a command as it is."""

    def section(title: str, *lines: str) -> None:
        console.print(Text(f" {title}", style="bold"))
        for line in lines:
            console.print(Text(f"   {line}"), soft_wrap=True)

    console.print(Rule("The demo is up"))
    section(
        "Look at",
        f"the pages, no login  {airflow_url}/plugin/clickstream   what arrives, today, the funnel, the ledger",
        f"Airflow              {airflow_url}",
        f"  click first        {airflow_url}/dags/transform_events/runs   its runs, then a run's tasks, then a log",
        f"  who feeds whom     {airflow_url}/assets",
        f"the API              {api_url}   POST /events or /events/batch",
        f"a shop that sends    {shop_url}   open it in a browser, answer Yes, click",
        f"the local cloud      {endpoint_url}   for any AWS client",
    )
    section("Ask the tables (make sql alone opens a shell)", *commands.select.splitlines())
    section("See what arrives, by the minute, seconds after it was sent (Ctrl-C ends it)", commands.live)
    section("Run a job by hand", *commands.spark_submit.splitlines())
    section("Send an event of your own", *commands.own_event.splitlines())
    section(
        "  and see it in the tables",
        f"trigger transform_events in Airflow for landing hour {hour_key(open_hour)}, with allow_open_hour on;",
        "aggregate_hour follows by itself, and the SELECT above shows one purchase more",
    )
    section("Stop", "Ctrl-C here; the next make demo begins anew")
    console.print(Rule())
