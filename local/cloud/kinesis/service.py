"""The Kinesis service: its table of operations, one lock around each call, its HTTP handler.

CloudFormation calls from other threads than the server's event loop; the lock makes every call atomic.
"""

import threading
from collections.abc import Callable

from local.cloud import emulator, json_protocol
from local.cloud.ending import Ending
from local.cloud.json_protocol import Operation, Payload
from local.cloud.kinesis import control, describe, put, read, resize
from local.cloud.kinesis.catalog import Catalog
from local.cloud.kinesis.commit import GroupCommit
from local.cloud.kinesis.metrics import Metrics
from local.cloud.settings import LocalCloudSettings

_STREAM = ("StreamName", "StreamARN")

_OPERATIONS: dict[str, tuple[Callable[[Catalog, Payload], Payload], tuple[str, ...]]] = {
    "AddTagsToStream": (control.add_tags, (*_STREAM, "Tags")),
    "CreateStream": (control.create_stream, ("StreamName", "ShardCount", "StreamModeDetails", "Tags")),
    "DecreaseStreamRetentionPeriod": (control.decrease_retention, (*_STREAM, "RetentionPeriodHours")),
    "DeleteStream": (control.delete_stream, (*_STREAM, "EnforceConsumerDeletion")),
    "DescribeLimits": (describe.describe_limits, ()),
    "DescribeStream": (describe.describe_stream, (*_STREAM, "Limit", "ExclusiveStartShardId")),
    "DescribeStreamSummary": (describe.describe_stream_summary, _STREAM),
    "DisableEnhancedMonitoring": (control.disable_monitoring, (*_STREAM, "ShardLevelMetrics")),
    "EnableEnhancedMonitoring": (control.enable_monitoring, (*_STREAM, "ShardLevelMetrics")),
    "GetRecords": (read.get_records, ("ShardIterator", "Limit", "StreamARN")),
    "GetShardIterator": (
        read.get_shard_iterator,
        (*_STREAM, "ShardId", "ShardIteratorType", "StartingSequenceNumber", "Timestamp"),
    ),
    "IncreaseStreamRetentionPeriod": (control.increase_retention, (*_STREAM, "RetentionPeriodHours")),
    "ListShards": (
        describe.list_shards,
        (*_STREAM, "NextToken", "ExclusiveStartShardId", "MaxResults", "ShardFilter"),
    ),
    "ListStreams": (describe.list_streams, ("Limit", "ExclusiveStartStreamName", "NextToken")),
    "ListTagsForResource": (control.list_tags_for_resource, ("ResourceARN",)),
    "ListTagsForStream": (control.list_tags, (*_STREAM, "ExclusiveStartTagKey", "Limit")),
    "MergeShards": (resize.merge_shards, (*_STREAM, "ShardToMerge", "AdjacentShardToMerge")),
    # The order it asks for is the order here anyway: one log per shard, one writer.
    "PutRecord": (
        put.put_record,
        (*_STREAM, "Data", "PartitionKey", "ExplicitHashKey", "SequenceNumberForOrdering"),
    ),
    "PutRecords": (put.put_records, (*_STREAM, "Records")),
    "RemoveTagsFromStream": (control.remove_tags, (*_STREAM, "TagKeys")),
    "SplitShard": (resize.split_shard, (*_STREAM, "ShardToSplit", "NewStartingHashKey")),
    "StartStreamEncryption": (control.start_encryption, (*_STREAM, "EncryptionType", "KeyId")),
    "StopStreamEncryption": (control.stop_encryption, (*_STREAM, "EncryptionType", "KeyId")),
    "TagResource": (control.tag_resource, ("ResourceARN", "Tags")),
    "UntagResource": (control.untag_resource, ("ResourceARN", "TagKeys")),
    "UpdateShardCount": (resize.update_shard_count, (*_STREAM, "TargetShardCount", "ScalingType")),
}


class KinesisService:
    """All calls go through `call`; who needs several reads to agree holds `lock` around them."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.lock = threading.RLock()
        self.operations = {
            name: Operation(run=self._locked(run), members=frozenset(members))
            for name, (run, members) in _OPERATIONS.items()
        }

    def call(self, name: str, payload: Payload) -> Payload:
        """Run an operation in the scope of the request being answered; AwsError as AWS would answer it."""
        return json_protocol.call(self.operations, name, payload)

    def _locked(self, run: Callable[[Catalog, Payload], Payload]) -> Callable[[Payload], Payload]:
        def locked(payload: Payload) -> Payload:
            with self.lock:
                return run(self.catalog, payload)

        return locked


_installed: list[KinesisService] = []


def get() -> KinesisService:
    """The service of this process."""
    return _installed[-1]


def install(settings: LocalCloudSettings, ending: Ending) -> KinesisService:
    """Read the streams back from disk and answer the calls to Kinesis."""
    service = KinesisService(Catalog.open(settings, Metrics()))
    _installed.append(service)
    handler = json_protocol.handler(service.operations, "Kinesis_20131202")
    emulator.replace("kinesis", GroupCommit(service.catalog, ending).answering(handler))
    return service
