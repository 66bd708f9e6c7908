"""The hash key space stays whole, sequence numbers order records, and a shard never takes more than its limit."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.cloud.kinesis.shards import (
    AFTER_LAST,
    BYTES_PER_SECOND,
    HASH_KEYS,
    RECORDS_PER_SECOND,
    SequenceNumber,
    Shard,
    ShardMap,
    WriteLimit,
    scale_uniformly,
)

NOW = 1_800_000_000.0
NUMBERS = st.builds(
    SequenceNumber,
    shard_created=st.integers(1_400_000_000, 2**33),
    shard=st.integers(0, 2**32 - 1),
    counter=st.integers(0, AFTER_LAST),
    at=st.integers(1_400_000_000, 2**33),
)
ATTEMPTS = st.lists(
    st.tuples(st.floats(0, 0.4), st.integers(1, 60), st.integers(1, BYTES_PER_SECOND // 3)), min_size=1, max_size=120
)


def assert_partitions_the_space(shards: ShardMap) -> None:
    open_shards = shards.open_shards()
    assert open_shards[0].start == 0
    assert open_shards[-1].end == HASH_KEYS - 1
    assert all(low.end + 1 == high.start for low, high in itertools.pairwise(open_shards))
    indexes = [shard.index for shard in shards.shards]
    assert len(set(indexes)) == len(indexes)


def split(shards: ShardMap, draw: st.DataObject) -> ShardMap:
    shard = draw.draw(st.sampled_from(shards.open_shards()))
    if shard.start == shard.end:
        return shards
    return shards.split(shard, draw.draw(st.integers(shard.start + 1, shard.end)), now=NOW)


def merge(shards: ShardMap, draw: st.DataObject) -> ShardMap:
    open_shards = shards.open_shards()
    if len(open_shards) < 2:
        return shards
    place = draw.draw(st.integers(0, len(open_shards) - 2))
    return shards.merge(open_shards[place], open_shards[place + 1], now=NOW)


def scale(shards: ShardMap, draw: st.DataObject) -> ShardMap:
    return scale_uniformly(shards, draw.draw(st.integers(1, 24)), now=NOW).shards


@settings(max_examples=60)
@given(st.integers(1, 9), st.lists(st.sampled_from([split, merge, scale]), max_size=8), st.data())
def test_any_sequence_of_reshards_keeps_the_hash_keys_partitioned_exactly(count: int, steps: Any, data: Any) -> None:
    shards = ShardMap.uniform(count, now=NOW)
    assert_partitions_the_space(shards)
    for step in steps:
        shards = step(shards, data)
        assert_partitions_the_space(shards)


@settings(max_examples=60)
@given(st.integers(1, 20), st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_uniform_scaling_makes_shards_of_equal_size(count: int, targets: Any) -> None:
    shards = ShardMap.uniform(count, now=NOW)
    for target in targets:
        shards = scale_uniformly(shards, target, now=NOW).shards
        sizes = {shard.end - shard.start for shard in shards.open_shards()}
        assert len(shards.open_shards()) == target
        assert max(sizes) - min(sizes) <= 1


def test_doubling_takes_one_split_per_shard() -> None:
    assert scale_uniformly(ShardMap.uniform(4, now=NOW), 8, now=NOW).operations == 4


def test_halving_takes_one_merge_per_pair() -> None:
    assert scale_uniformly(ShardMap.uniform(8, now=NOW), 4, now=NOW).operations == 4


def test_children_know_their_parents_and_are_younger_even_within_a_second() -> None:
    shards = ShardMap.uniform(2, now=NOW)
    low, high = shards.open_shards()
    merged = shards.merge(low, high, now=NOW)
    child = merged.open_shards()[0]
    assert child.parents == (low.index, high.index)
    assert child.created > low.created
    assert [one.index for one in merged.children(low.index)] == [child.index]


def test_a_closed_shard_cannot_be_split_again() -> None:
    shards = ShardMap.uniform(1, now=NOW)
    first: Shard = shards.open_shards()[0]
    with pytest.raises(ValueError, match="cannot be split"):
        shards.split(first, HASH_KEYS // 2, now=NOW).split(
            shards.split(first, HASH_KEYS // 2, now=NOW).shards[0], 5, now=NOW
        )


def test_closed_shards_are_forgotten_after_retention_and_open_ones_never() -> None:
    shards = ShardMap.uniform(1, now=NOW)
    halved = shards.split(shards.open_shards()[0], HASH_KEYS // 2, now=NOW)
    assert [one.index for one in halved.without_closed_before(NOW).shards] == [0, 1, 2]
    assert [one.index for one in halved.without_closed_before(NOW + 1).shards] == [1, 2]


@given(NUMBERS)
def test_a_number_is_read_back_as_it_was_written(number: SequenceNumber) -> None:
    assert SequenceNumber.parse(str(number)) == number


@given(NUMBERS)
def test_a_number_has_56_digits(number: SequenceNumber) -> None:
    assert len(str(number)) == 56


@given(NUMBERS, st.integers(1, 1000))
def test_a_later_record_of_a_shard_has_a_larger_number(number: SequenceNumber, later: int) -> None:
    follower = SequenceNumber(
        shard_created=number.shard_created, shard=number.shard, counter=number.counter + later, at=0
    )
    assert int(str(follower)) > int(str(number))


@pytest.mark.parametrize("text", ["", "12", "-5", "x", "9" * 56])
def test_what_is_no_sequence_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"sequence number|invalid literal"):
        SequenceNumber.parse(text)


@settings(max_examples=60)
@given(ATTEMPTS)
def test_no_second_admits_more_than_the_limit_of_records_or_bytes(attempts: Any) -> None:
    limit, now, admitted = WriteLimit(), 0.0, []
    for pause, count, size in attempts:
        now += pause
        admitted += [(now, size) for _ in range(count) if limit.admit(size, now=now)]
    for start, _ in admitted:
        within = [size for at, size in admitted if start <= at < start + 1.0]
        assert len(within) <= RECORDS_PER_SECOND
        assert sum(within) <= BYTES_PER_SECOND


def test_a_thousand_records_pass_and_the_next_one_waits_for_the_next_second() -> None:
    limit = WriteLimit()
    assert all(limit.admit(1, now=10.0) for _ in range(RECORDS_PER_SECOND))
    assert not limit.admit(1, now=10.99)
    assert limit.admit(1, now=11.0)


def test_a_mebibyte_passes_and_what_was_refused_does_not_count() -> None:
    limit = WriteLimit()
    assert limit.admit(BYTES_PER_SECOND - 1, now=0.0)
    assert not limit.admit(2, now=0.1)
    assert limit.admit(1, now=0.2)
