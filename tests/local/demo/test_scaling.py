"""At whichever second a spike begins: it ends when the policy has seen it, or when it has proved too weak."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.demo.scaling import ScalingStory, Verdict, verdict

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(second: float) -> datetime:
    return TEN + timedelta(seconds=second)


@given(began=st.integers(0, 3_599), passed=st.integers(0, 600), strong=st.floats(0.6, 10), shards=st.integers(1, 4))
def test_a_spike_lasts_until_the_stream_has_grown_at_whichever_second_it_began(
    began: int, passed: int, strong: float, shards: int
) -> None:
    demands = {TEN + number * MINUTE: strong for number in range(80)}

    found = verdict(began=at(began), now=at(began + passed), open_shards=shards, demands=demands)

    assert found is (Verdict.GROWN if shards > 1 else Verdict.GO_ON)


@given(began=st.integers(0, 3_599), passed=st.integers(0, 239))
def test_weak_minutes_count_from_the_first_whole_one_to_the_last_that_is_over(began: int, passed: int) -> None:
    demands = {TEN + number * MINUTE: 0.1 for number in range(80)}
    found = verdict(began=at(began), now=at(began + passed), open_shards=1, demands=demands)

    whole = (began + passed) // 60 - (began // 60 + 1)

    assert found is (Verdict.TOO_WEAK if whole >= 3 else Verdict.GO_ON)


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
