"""`python -m benchmarks.scaling COMMAND`: try scaling policies; `--help` lists the commands.

`simulate` runs policies on recorded traffic, `robustness` runs ours on perturbed and on synthetic traffic, and
`write-docs` writes the example of `python -m kinesis_scaling explain`.
"""

import argparse
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.scaling.docs_page import PAGE, write_docs
from benchmarks.scaling.picture import picture
from benchmarks.scaling.policies import NAMES, OURS
from benchmarks.scaling.report import compare, loss_bound, table
from benchmarks.scaling.robustness import HEADER, line, perturbed, synthetic
from benchmarks.scaling.stream_model import StreamModel
from benchmarks.scaling.traces import Gaps, Trace, load_trace
from kinesis_scaling.aws_limits import STREAM_SHARDS
from kinesis_scaling.errors import KinesisScalingError
from kinesis_scaling.scaling_settings import Settings

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_MODEL_SECONDS = (("metric-delay", 90), ("ask-every", 30), ("update", 60), ("per-shard", 2), ("split", 45))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status: 0, or 2 for input that cannot be used."""
    given = _parser().parse_args(arguments)
    try:
        given.run(given)
    except KinesisScalingError as error:
        print(f"scaling: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output has closed it; docs.python.org/3/library/signal.html
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.scaling", description="Policies that scale Kinesis streams")
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_simulate(commands)
    _add_robustness(commands)
    _add_write_docs(commands)
    return parser


def _add_simulate(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `simulate --trace FILE`: what each scaling policy would have done with this traffic."""
    simulate = commands.add_parser(
        "simulate",
        help="try scaling policies on recorded traffic",
        description="What each scaling policy would have done with recorded traffic; docs/scaling.md explains it.",
    )
    simulate.set_defaults(run=_simulate)
    add = simulate.add_argument
    add(
        "--trace",
        type=Path,
        action="append",
        required=True,
        metavar="FILE",
        help="CSV of timestamp,count[,bytes], or a CloudWatch export (JSON), gzipped or not; may be given again",
    )
    add("--policy", action="append", choices=[*NAMES, "all"], help="which to run; may be given again (default: all)")
    add("--peak-shards", type=_peak, metavar="N", help="scale the traffic so that its peak needs N shards")
    _add_gaps(simulate)
    add("--out", type=Path, metavar="DIR", help="write one picture per trace there (HTML)")
    add("--min-shards", type=int, default=1)
    add("--max-shards", type=int, default=Settings().maximum_shards)
    add("--shard-hour-dollars", type=_dollars, default=Settings().shard_hour_dollars, metavar="DOLLARS")
    for name, default in _MODEL_SECONDS:
        add(f"--{name}-seconds", type=_seconds, default=default, metavar="N")
    add("--no-retries", action="store_true", help="skip the second run in which producers try again for five minutes")


def _add_robustness(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `robustness`: our policy on perturbed recorded traffic, and on synthetic traffic."""
    robustness = commands.add_parser(
        "robustness", help="our policy on perturbed and on synthetic traffic; takes minutes"
    )
    robustness.set_defaults(run=_robustness)
    robustness.add_argument(
        "--trace", type=Path, action="append", default=[], metavar="FILE", help="a trace to perturb as well"
    )
    _add_gaps(robustness)


def _add_write_docs(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `write-docs [--check]`, which writes docs/scaling-explained.md or fails if it is out of date."""
    page = commands.add_parser("write-docs", help=f"write {PAGE}, an example of `explain`")
    page.set_defaults(run=lambda given: write_docs(check=given.check))
    page.add_argument("--check", action="store_true", help="write nothing; fail if the page is out of date")


def _add_gaps(parser: argparse.ArgumentParser) -> None:
    values = [str(gaps) for gaps in Gaps]
    parser.add_argument("--gaps", choices=values, default="refuse", help="what missing lines mean (default: refuse)")


def _number(text: str, what: str, least: float, most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no {what} from {least:g} to {most:,.0f}")
    return number


def _peak(text: str) -> float:
    return _number(text, "number of shards", 0.001, STREAM_SHARDS)


def _dollars(text: str) -> float:
    return _number(text, "price", 0, 1_000)


def _seconds(text: str) -> int:
    seconds = _number(text, "number of seconds", 0, timedelta(days=1).total_seconds())
    if seconds % 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of seconds")
    return int(seconds)


def _simulate(given: argparse.Namespace) -> None:
    settings = Settings(
        minimum_shards=given.min_shards,
        maximum_shards=given.max_shards,
        shard_hour_dollars=given.shard_hour_dollars,
    )
    model = StreamModel(
        metric_delay=timedelta(seconds=given.metric_delay_seconds),
        ask_every=timedelta(seconds=given.ask_every_seconds),
        update_seconds=given.update_seconds,
        update_seconds_per_shard=given.per_shard_seconds,
        split_or_merge_seconds=given.split_seconds,
    )
    names = NAMES if not given.policy or "all" in given.policy else dict.fromkeys((OURS, *given.policy))
    traces = _loaded(given)
    if given.out:
        _written(given.out)
    for trace in traces:
        rows = list(compare(trace, names, settings, model, with_retries=not given.no_retries))
        figures, note = table(rows), "" if given.no_retries else loss_bound(trace, rows, model)
        print("\n\n".join(filter(None, (trace.name, figures, note))), end="\n\n", flush=True)
        if given.out:
            page = _written(given.out, f"{trace.name}.html", picture(trace, rows, figures, note))
            print(f"picture: {page}\n", flush=True)


def _loaded(given: argparse.Namespace) -> Sequence[Trace]:
    """Return all traces before the first is run, so that an error in the last one shows at once."""
    traces: list[Trace] = []
    for path in given.trace:
        trace = load_trace(path, Gaps(given.gaps))
        scaled = trace.scaled_to_peak(given.peak_shards) if given.peak_shards else trace
        scaled.check_fits_a_stream()
        same = sum(path.name == other.name for other in given.trace[: len(traces)])
        traces.append(replace(scaled, name=f"{trace.name}-{same + 1}") if same else scaled)
    return traces


def _written(folder: Path, name: str = "", page: str = "") -> Path:
    """Create the folder and a page in it; without a name only the folder, so that an error shows before the runs."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if name:
            (folder / name).write_text(page, encoding="utf-8")
    except OSError as error:
        raise KinesisScalingError(f"--out {folder} cannot be written to: {error.strerror}; name another") from error
    return folder / name


def _robustness(given: argparse.Namespace) -> None:
    traces = [other for path in given.trace for other in perturbed(load_trace(path, Gaps(given.gaps)))]
    print(HEADER, flush=True)
    for trace in chain(synthetic(), traces):
        print(line(trace, Settings(), StreamModel()), flush=True)


if __name__ == "__main__":
    sys.exit(main())
