"""The hash key space stays whole, whatever is split, merged or scaled."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.cloud.kinesis import resharding
from local.cloud.kinesis.shards import HASH_KEYS, Shard, ShardMap

NOW = 1_800_000_000.0


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
    return resharding.uniform(shards, draw.draw(st.integers(1, 24)), now=NOW).shards


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
        shards = resharding.uniform(shards, target, now=NOW).shards
        sizes = {shard.end - shard.start for shard in shards.open_shards()}
        assert len(shards.open_shards()) == target
        assert max(sizes) - min(sizes) <= 1


def test_doubling_takes_one_split_per_shard() -> None:
    assert resharding.uniform(ShardMap.uniform(4, now=NOW), 8, now=NOW).operations == 4


def test_halving_takes_one_merge_per_pair() -> None:
    assert resharding.uniform(ShardMap.uniform(8, now=NOW), 4, now=NOW).operations == 4


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
