"""A demo that is up → the box at its end: where everything is, what to look at first, and commands to paste.

The commands work as they stand, in a shell in the project's folder: addresses come from the demo's `environment.sh`,
hours stand in them.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from contracts.partitions import hour_key
from local.demo.folder import DEFAULT_FOLDER, ENVIRONMENT

_QUERY: Final = (
    "SELECT event_hour, events, users, purchases, revenue FROM hourly_traffic ORDER BY event_hour DESC LIMIT 5"
)


@dataclass(frozen=True, kw_only=True)
class DemoCommands:
    """Commands that a person may paste; each is one shell command, perhaps over several lines."""

    select: str
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
            spark_submit=f"{environment} && . .venv/bin/activate && \\\n"
            'spark-submit --conf "spark.driver.extraClassPath=jars/*" spark_jobs/run_aggregate_hours.py \\\n'
            '  --raw-uri "$CLICKSTREAM_RAW_URI" --warehouse-uri "$CLICKSTREAM_WAREHOUSE_URI" \\\n'
            f'  --database "$CLICKSTREAM_DATABASE" --from {hour_key(first_hour)} --to {hour_key(open_hour)} --force',
            own_event=f'{environment} && curl --fail -X POST "$API_URL/events" -H "Content-Type: application/json" \\\n'
            """  -d '{"timestamp": "'"$(date -u +%FT%TZ)"'", "user_id": "me", "click_id": "'"$(date +%s%N)"'",\n"""
            """       "event_name": "Purchase", "additional_data": {"product_id": "mug", "price": 9.90}}'""",
        )


def print_box(
    console: Console, *, airflow_url: str, api_url: str, endpoint_url: str, commands: DemoCommands, open_hour: datetime
) -> None:
    """Print the box. It has no sides, and no line is wrapped, cut or padded: a command can be copied as it stands."""

    def section(title: str, *lines: str) -> None:
        console.print(Text(f" {title}", style="bold"))
        for line in lines:
            console.print(Text(f"   {line}"), soft_wrap=True)

    console.print(Rule("The demo is up"))
    section(
        "Look at",
        f"Airflow, no login    {airflow_url}",
        f"  click first        {airflow_url}/dags/transform_events/runs   its runs, then a run's tasks, then a log",
        f"  who feeds whom     {airflow_url}/assets",
        f"the API              {api_url}   POST /events or /events/batch",
        f"the local cloud      {endpoint_url}   for any AWS client",
    )
    section("Ask the tables (make sql alone opens a shell)", *commands.select.splitlines())
    section("Run a job by hand", *commands.spark_submit.splitlines())
    section("Send an event of your own", *commands.own_event.splitlines())
    section(
        "  and see it in the tables",
        f"trigger transform_events in Airflow for landing hour {hour_key(open_hour)}, with allow_open_hour on;",
        "aggregate_hour follows by itself, and the SELECT above shows one purchase more",
    )
    section("Stop", "Ctrl-C here; the next make demo begins anew")
    console.print(Rule())
