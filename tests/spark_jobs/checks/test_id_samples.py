"""Samples of ids, beside all of the ids that they were taken from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.data_checks import Figure
from spark_jobs.checks import id_samples
from spark_jobs.checks.id_samples import IdSample, repeated_ids

HASHES = st.lists(st.integers(0, 40), max_size=30)
SIZE = 5


def sample(*hashes: int, function: int = 7) -> IdSample:
    return IdSample.of(function, hashes)


@given(own=HASHES, before=st.lists(HASHES, max_size=3), parts=st.integers(1, 3))
def test_of_a_sample_is_looked_at_what_all_days_have_whole(own: list[int], before: list[list[int]], parts: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(id_samples, "SAMPLED_IDS", SIZE)
        of_parts = [id_hash for part in range(parts) for id_hash in sorted(own[part::parts])[:SIZE]]
        found = repeated_ids(sample(*of_parts), [sample(*day) for day in before], len(own))
    ends = [sorted(day)[SIZE - 1] for day in (own, *before) if len(day) >= SIZE]
    looked_at = [id_hash for id_hash in own if id_hash < min(ends, default=100)]
    elsewhere = [id_hash for day in before for id_hash in day]
    repeated = [id_hash for id_hash in looked_at if own.count(id_hash) > 1 or id_hash in elsewhere]
    assert found.value == (len(repeated) / len(looked_at) if looked_at else None)
    if looked_at:
        assert found.detail.startswith(f"{len(repeated)} of {len(looked_at)} events")


@given(hashes=st.lists(st.integers(0, 2**64 - 1)), function=st.integers(0, 2**64 - 1))
def test_a_stored_sample_is_loaded_as_it_was(hashes: list[int], function: int) -> None:
    some = IdSample.of(function, hashes)
    assert IdSample.load(some.stored()) == some


def test_a_samples_share_is_said_of_the_day() -> None:
    half = repeated_ids(sample(1, 2, 3, 4), [sample(1), sample(2, 9)], 40)
    assert half == Figure(value=0.5, detail="2 of 4 events, about 20 of 40")
    assert repeated_ids(sample(1, 2), [], 2) == Figure(value=0, detail="0 of 2 events")
    assert repeated_ids(None, [sample(1)], 3) == Figure(value=None, detail="no id of 3 events was sampled")


def test_samples_by_another_hash_function_are_not_compared() -> None:
    assert repeated_ids(sample(1, 2), [sample(1, 2, function=8)], 2).value == 0


def test_a_day_too_large_for_the_sample_of_another_says_nothing() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(id_samples, "SAMPLED_IDS", 2)
        found = repeated_ids(sample(5, 6), [sample(1, 2)], 2)
    assert found == Figure(value=None, detail="no id of 2 events is sampled on each of the days")
