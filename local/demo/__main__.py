"""`python -m local.demo [--check]`: the whole pipeline on this machine; `make demo` calls it.

Starts the local cloud, deploys the template, writes past hours, starts Airflow, sends live traffic over HTTP with a
spike in it, for which the stream gets more shards and loses them again, lets the DAGs build the tables, and prints
them. Stays up until Ctrl-C; with --check it ends, with status 0 only if the tables hold exactly what the simulator's
manifests say, and the stream grew under the spike and shrank after it.
"""

import argparse
import signal
import sys
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from rich.console import Console

from local.cloud.errors import LocalCloudError
from local.demo.folder import DEFAULT_FOLDER, DemoCommands, print_box
from local.demo.report import Tables, differences, expected_accounts, print_report, tabled_accounts, write_summary
from local.demo.shop import DemoShop
from local.demo.walkthrough import Outcome, Size, Walkthrough

_USUAL: Final = Size(past_hours=2, past_events=40_000, live_events=10_000, spike=True)
_QUICK: Final = Size(past_hours=1, past_events=20_000, live_events=5_000, spike=False)
_SIZES: Final = {
    "past_hours": "hours of history to write",
    "past_events": "events in them",
    "live_events": "events to send over HTTP",
}


def parse() -> argparse.Namespace:
    """Command line → how large the demo is, and whether it ends by itself."""
    parser = argparse.ArgumentParser(
        prog="python -m local.demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="end, with status 0 only if every promise is kept")
    for name, text in _SIZES.items():
        usual, quick = (getattr(size, name) for size in (_USUAL, _QUICK))
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=int, metavar="N", help=f"{text} (default {usual:,}; without spike {quick:,})")
    parser.add_argument("--no-spike", action="store_true", help="leave scaling and late events out: it is quicker")
    parser.add_argument("--port", type=int, default=0, help="port of Airflow's UI (default: a free one)")
    parser.add_argument(
        "--folder",
        type=Path,
        default=DEFAULT_FOLDER,
        help=f"emptied by each run; new, empty, or an earlier demo's (default {DEFAULT_FOLDER})",
    )
    return parser.parse_args()


def report(outcome: Outcome, seconds: dict[str, float], folder: Path, commands: DemoCommands) -> list[str]:
    """Print the tables and where each event went; return a sentence for each promise that was not kept.

    `seconds` are the durations of the demo's steps, by their titles.
    """
    tables = Tables.of(outcome.lake)
    accounts = tabled_accounts(tables)
    sent = {name: manifest["lines"] for name, manifest in outcome.manifests.items()}
    broken = differences(expected_accounts(outcome.manifests.values()), accounts)
    if "spike" in sent:
        broken += outcome.scaling.broken_promises()
    print_report(tables, accounts, moves=outcome.scaling.moves, sent=sent)
    if outcome.scaling.spike_was_too_weak:
        print("  This machine sends no more than one shard takes, so the policy was right to leave the stream alone.")
    print("\nTime taken, in seconds")
    for name, taken in seconds.items():
        print(f"  {taken:7.1f}  {name}")
    summary = folder / "summary.json"
    write_summary(
        summary,
        accounts,
        sent=sent,
        broken=broken,
        shard_counts=outcome.scaling.shard_counts,
        seconds=seconds,
        airflow_url=outcome.airflow_url,
        commands=asdict(commands),
    )
    print(f"\n{summary} holds the same")
    for sentence in broken:
        print(f"BROKEN {sentence}")
    print("The tables hold exactly what the simulator sent." if not broken else f"{len(broken)} broken promises.")
    return broken


def main() -> int:
    """Run the demo; 0 if every promise is kept, 1 if not or if a part failed, 130 if interrupted."""
    given = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Also where a shell has started this program in the background, and so with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    chosen = {name: value for name in _SIZES if (value := getattr(given, name)) is not None}
    size = replace(_QUICK if given.no_spike else _USUAL, **chosen)
    finished = False
    try:
        with ExitStack() as resources:
            walkthrough = Walkthrough(given.folder, size, airflow_port=given.port, resources=resources)
            outcome = walkthrough.run()
            commands = DemoCommands.of(given.folder, first_hour=outcome.first_hour, open_hour=outcome.open_hour)
            broken = report(outcome, walkthrough.progress.seconds, given.folder, commands)
            finished = True
            if not given.check:
                shop = resources.enter_context(DemoShop(outcome.outputs.api_url))
                print_box(
                    Console(highlight=False),
                    airflow_url=outcome.airflow_url,
                    api_url=outcome.outputs.api_url,
                    shop_url=shop.url,
                    endpoint_url=outcome.endpoint_url,
                    commands=commands,
                    open_hour=outcome.open_hour,
                )
                signal.pause()
    except KeyboardInterrupt:
        return 0 if finished else 130
    except LocalCloudError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
