"""Which shard is split, which two are merged, and how loaded each one is."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from kinesis_scaling.stream.moves import shard_to_split, shards_to_merge
from kinesis_scaling.stream.watch import (
    HASH_KEYS,
    OpenShard,
    open_shards,
    shard_loads,
)
from tests.plugins.kinesis_scaling.stream.stubbed_stream import NOW, STREAM, StubbedStream, result


def uneven(*widths: int) -> list[OpenShard]:
    shards, start = [], 0
    for number, width in enumerate(widths):
        shards.append(OpenShard(shard_id=f"s{number}", start=start, end=start + width - 1))
        start += width
    return shards


def test_open_shards_come_in_the_order_of_their_keys_from_all_pages(stream: StubbedStream) -> None:
    def shard(number: int, start: int, end: int) -> dict[str, object]:
        return {
            "ShardId": f"shardId-{number:012}",
            "HashKeyRange": {"StartingHashKey": str(start), "EndingHashKey": str(end)},
            "SequenceNumberRange": {"StartingSequenceNumber": "1"},
        }

    middle = HASH_KEYS // 2
    first = {"Shards": [shard(3, middle, HASH_KEYS - 1)], "NextToken": "more"}
    stream.answers("list_shards", first, {"StreamName": STREAM, "ShardFilter": {"Type": "AT_LATEST"}})
    stream.answers("list_shards", {"Shards": [shard(4, 0, middle - 1)]}, {"NextToken": "more"})

    found = open_shards(stream.kinesis, STREAM)

    assert [(shard.shard_id[-1], shard.width) for shard in found] == [("4", middle), ("3", middle)]


def test_the_named_shard_is_split_or_else_the_widest() -> None:
    shards = uneven(10, 30, 20)
    assert shard_to_split(shards, "s2") == shards[2]
    assert shard_to_split(shards, None) == shards[1]
    assert shard_to_split(shards, "s9") is None


def test_the_narrowest_neighbours_are_merged_and_a_single_shard_has_none() -> None:
    shards = uneven(10, 30, 5, 20, 1)
    assert shards_to_merge(shards) == (shards[3], shards[4])
    assert shards_to_merge(uneven(10)) is None


@given(st.lists(st.integers(4, 2**120), min_size=1, max_size=50))
def test_a_split_leaves_halves_and_is_within_aws_s_bounds(widths: list[int]) -> None:
    shard = shard_to_split(uneven(*widths), None)
    assert shard is not None
    assert shard.start + 1 < shard.middle < shard.end
    assert abs((shard.middle - shard.start) - (shard.end - shard.middle + 1)) <= 1


def test_a_load_counts_what_was_refused_and_takes_the_larger_of_records_and_bytes(stream: StubbedStream) -> None:
    stream.shards(1, 3)
    shards = open_shards(stream.kinesis, STREAM)
    minute = NOW.replace(second=0) - timedelta(minutes=1)
    hot = [result("m0", {minute: 6e6}), result("m1", {minute: 60_000.0}), result("m2", {minute: 30_000.0})]
    wide = [result("m3", {minute: 30e6}), result("m4", {minute: 6_000.0}), result("m5", {})]
    stream.answers("get_metric_data", {"MetricDataResults": [*hot, *wide]})

    loads = shard_loads(stream.cloudwatch, STREAM, shards, NOW)

    assert [(load.shard_id[-1], load.write_utilization, load.throttled_records) for load in loads] == [
        ("0", 1.5, 30_000.0),
        ("1", 0.5, 0.0),
    ]
    assert [round(load.hash_range_share or 0, 6) for load in loads] == [0.25, 0.75]
