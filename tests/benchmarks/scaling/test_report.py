"""The sentences below the table, word for word."""

from dataclasses import replace

from benchmarks.scaling.report import Row, compare, loss_bound
from benchmarks.scaling.stream_model import StreamModel
from benchmarks.scaling.traces import Trace
from kinesis_scaling.scaling_settings import Settings
from tests.benchmarks.scaling.traces import trace

JUMP = trace([1.0] * 12 + [40.0, 9.0] + [1.0] * 154)


def rows_of(made: Trace, hours: float, *names: str) -> list[Row]:
    rows = list(compare(made, ("ours", *names), Settings(), StreamModel(), with_retries=False))
    return [replace(rows[0], shard_hours=hours), *rows[1:]]


def test_a_jump_that_outruns_every_policy_is_named_with_its_price() -> None:
    assert loss_bound(JUMP, rows_of(JUMP, 2.9 * 14, "clairvoyant"), StreamModel()) == (
        "The worst jump: from 1.0 to 40.0 shards at 2026-03-02 01:00, in the metrics 150 s later. A policy that holds "
        "2 shards, as many as the shard-hours of `ours` pay for at all times, and from then on knows all that comes "
        "loses at least 10.0549 % to it, or 4.8915 % if producers send the oldest record first. To lose no more than "
        "0.01 %, 26 shards must be open when it comes: held at all times, they are 364 shard-hours, 7.3 times the plan."
    )


def test_without_the_plan_the_price_is_in_shard_hours_alone() -> None:
    text = loss_bound(JUMP, rows_of(JUMP, 2.9 * 14), StreamModel())
    assert text.endswith("held at all times, they are 364 shard-hours.")


def test_a_jump_that_costs_less_than_the_goal_has_no_price() -> None:
    text = loss_bound(JUMP, rows_of(JUMP, 26.5 * 14), StreamModel())
    assert text.endswith("loses at least 0.0076 % to it, or nothing if producers send the oldest record first.")


def test_a_trace_without_such_a_jump_says_so() -> None:
    even = trace([3.0] * 12)
    assert loss_bound(even, rows_of(even, 4.0), StreamModel()) == (
        "The worst jump: a policy that holds 4 shards, as many as the shard-hours of `ours` pay for at all times, can "
        "follow every one without a loss."
    )
