from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinesis_scaling.simulation.clairvoyant import clairvoyant_plan
from kinesis_scaling.simulation.on_demand import run_on_demand
from kinesis_scaling.simulation.stream_model import StreamModel
from tests.plugins.kinesis_scaling.traces import trace


@settings(max_examples=25)
@given(st.lists(st.floats(0, 40), min_size=2, max_size=60))
def test_the_clairvoyant_plan_throttles_nothing_and_keeps_every_limit(demand: list[float]) -> None:
    made = trace([1.0, *demand], minutes=60)
    climbs = all(after <= 2 * max(1.0, before) for before, after in pairwise(made.demand))
    plan = clairvoyant_plan(made, StreamModel())
    shards = plan.open_shards
    assert all(count >= wanted for count, wanted in zip(shards, made.demand, strict=True)) or not climbs
    assert all((before + 1) // 2 <= after <= 2 * before for before, after in pairwise(shards))
    calls = [place for place, (before, after) in enumerate(pairwise(shards)) if before != after]
    assert all(later - first >= 24 for first, later in zip(calls, calls[10:], strict=False))


def test_the_clairvoyant_plan_holds_the_shards_of_two_peaks_rather_than_spend_calls_it_has_not() -> None:
    busy = trace([1.0, 2.0] * 144)
    plan = clairvoyant_plan(busy, StreamModel())
    assert plan.update_calls <= 10
    assert 1.5 * 24 < plan.shard_hours <= 2 * 24


def test_on_demand_takes_twice_the_peak_of_the_past_and_throttles_what_comes_sooner() -> None:
    outcome = run_on_demand(trace([2.0] * 6 + [10.0] * 6 + [20.0] * 2))
    assert outcome.room[:9] == (4.0,) * 9
    assert outcome.room[9:] == (20.0,) * 5
    assert outcome.throttled_share == pytest.approx(3 * 6.0 / 112)


def test_on_demand_bills_by_the_hour_and_by_the_gigabyte() -> None:
    hour = trace([1.0] * 12)
    assert hour.interval == timedelta(minutes=5)
    assert run_on_demand(hour).dollars == pytest.approx(0.04 + 3.6e6 * 1024 / 2**30 * (0.08 + 0.04))
