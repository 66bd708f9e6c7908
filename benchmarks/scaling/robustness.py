"""Other traffic than the recorded files: the same traffic perturbed in several ways, and synthetic traffic.

It shows whether the figures of the recorded traces are luck: a policy that was fitted to two files fails on their
mirror images.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from benchmarks.scaling.policies import CLAIRVOYANT, OURS, PUBLISHED
from benchmarks.scaling.report import compare
from benchmarks.scaling.stream_model import StreamModel
from benchmarks.scaling.traces import Trace
from kinesis_scaling.errors import TraceError
from kinesis_scaling.scaling_settings import Settings

DAYS: Final = 7
INTERVAL: Final = timedelta(minutes=5)
A_DAY: Final = timedelta(days=1) // INTERVAL
PEAK_SHARDS: Final = 64
#: A Monday, for the trace with a weekend.
MONDAY: Final = datetime(2026, 3, 2, tzinfo=UTC)


HEADER: Final = "| trace | throttled | × plan | calls | better at both |\n| --- | ---: | ---: | ---: | --- |"


def line(trace: Trace, settings: Settings, model: StreamModel) -> str:
    """Run our policy, the published ones and the optimal plan on a trace; return the row of a Markdown table.

    Better at both are published policies that throttle no more and cost no more than ours, and one of the two less.
    """
    names = (OURS, *PUBLISHED, CLAIRVOYANT)
    rows = {row.policy: row for row in compare(trace, names, settings, model, with_retries=False)}
    ours, plan = rows.pop(OURS), rows.pop(CLAIRVOYANT)
    times_plan = (ours.shard_hours or math.nan) / (plan.shard_hours or math.nan)
    mine = (ours.throttled_share, ours.dollars)
    better = [
        name
        for name, row in rows.items()
        if (theirs := (row.throttled_share, row.dollars)) != mine and all(map(float.__le__, theirs, mine))
    ]
    return (
        f"| {trace.name} | {ours.throttled_share:.3%} | {times_plan:.2f} | {ours.update_calls} "
        f"| {', '.join(better) or 'none'} |"
    )


def perturbed(trace: Trace) -> Iterator[Trace]:
    """Yield a week of the trace: backwards, from another hour on, with noise, at half and at double the pace.

    Raise `TraceError` unless it has two weeks of five minutes.
    """
    if trace.interval != INTERVAL or len(trace.counts) < 2 * DAYS * A_DAY:
        raise TraceError(
            f"{trace.name} has {len(trace.counts)} intervals of {trace.interval}; to be perturbed, a trace needs at "
            f"least {2 * DAYS * A_DAY} of {INTERVAL}"
        )
    week = trace.counts[: DAYS * A_DAY]
    rng = Random(trace.name)
    shift = 11 * A_DAY // 24
    for how, counts in (
        ("first week", week),
        ("last week", trace.counts[-DAYS * A_DAY :]),
        ("backwards", week[::-1]),
        ("11 hours later", (*week[shift:], *week[:shift])),
        ("noise of 30 %", tuple(count * rng.lognormvariate(0, 0.3) for count in week)),
        ("half the pace", _slower(week[: DAYS * A_DAY // 2])),
        ("double pace", tuple(map(max, trace.counts[: 2 * DAYS * A_DAY : 2], trace.counts[1 : 2 * DAYS * A_DAY : 2]))),
    ):
        yield replace(trace, name=f"{trace.name}, {how}", counts=counts, bytes=None).scaled_to_peak(PEAK_SHARDS)


def _slower(counts: Sequence[float]) -> tuple[float, ...]:
    pairs = zip(counts, [*counts[1:], counts[-1]], strict=True)
    return tuple(count for before, after in pairs for count in (before, (before + after) / 2))


def synthetic() -> Iterator[Trace]:
    """Yield two weeks of each synthetic kind of traffic."""
    for name, shape in _SHAPES.items():
        rng = Random(name)
        counts = tuple(max(0.0, shape(place, rng)) for place in range(2 * DAYS * A_DAY))
        yield Trace(name=f"synthetic: {name}", start=MONDAY, interval=INTERVAL, counts=counts).scaled_to_peak(
            PEAK_SHARDS
        )


def _day(place: int) -> float:
    return math.sin(2 * math.pi * place / A_DAY - math.pi / 2)


def _daily(place: int, rng: Random, noise: float = 0.05) -> float:
    return (10 + 8 * _day(place)) * rng.lognormvariate(0, noise)


def _office(place: int, rng: Random) -> float:
    works = A_DAY // 3 <= place % A_DAY < 3 * A_DAY // 4 and place // A_DAY % 7 < 5
    return rng.uniform(10, 20) if works else 0.2


def _flash_crowds(place: int, _rng: Random) -> float:
    # One crowd every second day, at a random hour; it decays by a tenth in each interval.
    crowd = Random(place // (2 * A_DAY))
    since = place % (2 * A_DAY) - crowd.randrange(2 * A_DAY)
    return (2 + 0.8 * _day(place)) * (1 + (crowd.uniform(3, 20) * 0.9**since if since >= 0 else 0))


#: The traffic of the interval at a place, from the trace's dice.
_SHAPES: Final[dict[str, Callable[[int, Random], float]]] = {
    "day and night": _daily,
    "day and night, noisy": lambda place, rng: _daily(place, rng, noise=0.3),
    "quiet weekends": lambda place, rng: _daily(place, rng) * (0.4 if place // A_DAY % 7 >= 5 else 1.0),
    "office hours": _office,
    "hourly job": lambda place, rng: (3 + _day(place)) * (1 if place % 12 else 7) * rng.lognormvariate(0, 0.1),
    "flash crowds": _flash_crowds,
    "steps": lambda place, rng: Random(place // 150).uniform(1, 30) * rng.lognormvariate(0, 0.05),
    "independent bursts": lambda place, rng: min(64.0, rng.paretovariate(2.2) * (1.5 + 0.5 * _day(place))),
}
