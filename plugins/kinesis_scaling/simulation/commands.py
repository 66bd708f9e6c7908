"""The commands that try the policy: `simulate` on recorded traffic, `robustness` on bent and on made traffic."""

import argparse
from collections.abc import Sequence
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from kinesis_scaling.scaling_settings import Settings
from kinesis_scaling.simulation.least_lost import least_lost
from kinesis_scaling.simulation.picture import picture
from kinesis_scaling.simulation.policy_catalogue import NAMES, OURS
from kinesis_scaling.simulation.report import compare, table
from kinesis_scaling.simulation.robustness import HEADER, bent, judge, line, made
from kinesis_scaling.simulation.stream_model import StreamModel
from kinesis_scaling.simulation.trace_files import load_trace
from kinesis_scaling.simulation.traces import Gaps, Trace

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_MODEL_SECONDS = (("metric-delay", 90), ("ask-every", 30), ("update", 60), ("per-shard", 2), ("split", 45))


def add_simulate(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
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
    add("--peak-shards", type=float, metavar="N", help="scale the traffic so that its peak needs N shards")
    add("--gaps", type=Gaps, choices=list(Gaps), default=Gaps.REFUSE, help="what missing lines mean (default: refuse)")
    add("--out", type=Path, metavar="DIR", help="write one picture per trace there (HTML)")
    add("--min-shards", type=int, default=1)
    add("--max-shards", type=int, default=Settings().maximum_shards)
    add("--shard-hour-dollars", type=float, default=Settings().shard_hour_dollars)
    for name, default in _MODEL_SECONDS:
        add(f"--{name}-seconds", type=int, default=default)
    add("--no-retries", action="store_true", help="skip the second run in which producers try again for five minutes")


def add_robustness(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `robustness`: what ours does with the same traffic bent, and with made traffic."""
    robustness = commands.add_parser("robustness", help="our policy on bent and on made traffic; takes minutes")
    robustness.set_defaults(run=_robustness)
    robustness.add_argument("--trace", type=Path, action="append", default=[], metavar="FILE", help="to be bent, too")
    robustness.add_argument("--gaps", type=Gaps, choices=list(Gaps), default=Gaps.REFUSE)


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
    for trace in _loaded(given):
        rows = list(compare(trace, names, settings, model, with_retries=not given.no_retries))
        text = table(rows) if given.no_retries else f"{table(rows)}\n\n{least_lost(trace, rows, model)}"
        print(f"{trace.name}\n\n{text}\n", flush=True)
        if given.out:
            given.out.mkdir(parents=True, exist_ok=True)
            page = given.out / f"{trace.name}.html"
            page.write_text(picture(trace, rows, text), encoding="utf-8")
            print(f"picture: {page}\n", flush=True)


def _loaded(given: argparse.Namespace) -> Sequence[Trace]:
    """Return the traces before the first is run: what is wrong with the last one shows at once."""
    traces = [load_trace(path, given.gaps) for path in given.trace]
    return [trace.scaled_to_peak(given.peak_shards) if given.peak_shards else trace for trace in traces]


def _robustness(given: argparse.Namespace) -> None:
    traces = [bent_trace for path in given.trace for bent_trace in bent(load_trace(path, given.gaps))]
    print(HEADER, flush=True)
    for trace in chain(made(), traces):
        print(line(judge(trace, Settings(), StreamModel())), flush=True)
