"""At whichever second a spike begins: it ends when the policy has seen it, or when it plainly is no spike."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.demo.scaling import ScalingStory, Verdict, verdict

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(second: float) -> datetime:
    return TEN + timedelta(seconds=second)


@pytest.mark.parametrize(
    ("now", "open_shards", "found"),
    [
        pytest.param(at(119), 1, Verdict.GO_ON, id="no minute is full of it"),
        pytest.param(at(119), 2, Verdict.GO_ON, id="it has grown for a minute that was partly quiet"),
        pytest.param(at(120), 1, Verdict.GO_ON, id="a minute is full of it, the policy has yet to act"),
        pytest.param(at(120), 2, Verdict.GROWN, id="a minute is full of it, and the stream has grown"),
        pytest.param(at(130), 3, Verdict.GROWN, id="it has grown more than once"),
    ],
)
def test_a_spike_lasts_until_a_whole_minute_is_full_of_it_and_the_stream_has_grown(
    now: datetime, open_shards: int, found: Verdict
) -> None:
    assert verdict(began=at(20), now=now, open_shards=open_shards, demands={TEN: 1.0, TEN + MINUTE: 1.5}) is found


@given(began=st.integers(0, 3_599), passed=st.integers(0, 600))
def test_no_spike_ends_before_the_policy_saw_a_whole_minute_of_it(began: int, passed: int) -> None:
    start, now = at(began), at(began + passed)
    whole = [TEN + number * MINUTE for number in range(200)]
    seen = [minute for minute in whole if start <= minute and minute + MINUTE <= now]

    if verdict(began=start, now=now, open_shards=2, demands={}) is Verdict.GROWN:
        assert seen or start.second == 0
    else:
        assert len(seen) <= 1


@pytest.mark.parametrize(
    ("demands", "found"),
    [
        pytest.param([0.5, 0.5], Verdict.GO_ON, id="two minutes may be chance"),
        pytest.param([0.5, 0.5, 0.55], Verdict.TOO_WEAK, id="three weak minutes are a slow machine"),
        pytest.param([0.5, 0.5, 0.9], Verdict.GO_ON, id="one of them asks for a second shard"),
    ],
)
def test_a_machine_that_sends_less_than_a_shard_takes_makes_no_spike(demands: list[float], found: Verdict) -> None:
    by_minute = {TEN + (number + 1) * MINUTE: demand for number, demand in enumerate(demands)}

    assert verdict(began=at(20), now=at(600), open_shards=1, demands=by_minute) is found


def moved(before: int, after: int) -> dict[str, object]:
    return {"outcome": "done", "open_shards": before, "resulting_shards": after}


@pytest.mark.parametrize(
    ("moves", "broken"),
    [
        ([moved(1, 2), moved(2, 3), moved(3, 2), moved(2, 1)], []),
        ([moved(1, 2), moved(2, 1)], []),
        ([], ["the stream did not grow under the spike"]),
        ([moved(1, 2)], ["the stream did not shrink to one shard after the spike: 1 → 2"]),
    ],
)
def test_what_is_promised_is_growth_under_load_and_one_shard_after_it(
    moves: list[dict[str, object]], broken: list[str]
) -> None:
    held = {"outcome": "held", "open_shards": 1, "resulting_shards": None}

    assert ScalingStory(decisions=[held, *moves]).broken_promises() == broken


def test_a_spike_that_was_none_promises_nothing() -> None:
    assert ScalingStory(spike_was_too_weak=True).broken_promises() == []
