"""The Kinesis service: its table of operations, one lock around each call, its HTTP handler.

CloudFormation calls from other threads than the server's event loop; the lock makes every call atomic. Over HTTP
PutRecord and PutRecords are answered when their records are on the disk; many requests share one wait.
"""

import asyncio
import threading

from local.cloud import emulator, files, json_protocol
from local.cloud.errors import Shutdown
from local.cloud.json_protocol import JsonService, Operations, Payload
from local.cloud.kinesis import control, put, read
from local.cloud.kinesis.metrics import Metrics
from local.cloud.kinesis.streams import Streams
from local.cloud.settings import LocalCloudSettings

_TARGET = "Kinesis_20131202"
_STREAM = ("StreamName", "StreamARN")
_PUTS = frozenset({f"{_TARGET}.PutRecord", f"{_TARGET}.PutRecords"})

OPERATIONS: Operations = {
    "AddTagsToStream": (control.add_tags, (*_STREAM, "Tags")),
    "CreateStream": (control.create_stream, ("StreamName", "ShardCount", "StreamModeDetails", "Tags")),
    "DecreaseStreamRetentionPeriod": (control.decrease_retention, (*_STREAM, "RetentionPeriodHours")),
    "DeleteStream": (control.delete_stream, (*_STREAM, "EnforceConsumerDeletion")),
    "DescribeLimits": (read.describe_limits, ()),
    "DescribeStream": (read.describe_stream, (*_STREAM, "Limit", "ExclusiveStartShardId")),
    "DescribeStreamSummary": (read.describe_stream_summary, _STREAM),
    "DisableEnhancedMonitoring": (control.disable_monitoring, (*_STREAM, "ShardLevelMetrics")),
    "EnableEnhancedMonitoring": (control.enable_monitoring, (*_STREAM, "ShardLevelMetrics")),
    "GetRecords": (read.get_records, ("ShardIterator", "Limit", "StreamARN")),
    "GetShardIterator": (
        read.get_shard_iterator,
        (*_STREAM, "ShardId", "ShardIteratorType", "StartingSequenceNumber", "Timestamp"),
    ),
    "IncreaseStreamRetentionPeriod": (control.increase_retention, (*_STREAM, "RetentionPeriodHours")),
    "ListShards": (read.list_shards, (*_STREAM, "NextToken", "ExclusiveStartShardId", "MaxResults", "ShardFilter")),
    "ListStreams": (read.list_streams, ("Limit", "ExclusiveStartStreamName", "NextToken")),
    "ListTagsForResource": (control.list_tags_for_resource, ("ResourceARN",)),
    "ListTagsForStream": (control.list_tags, (*_STREAM, "ExclusiveStartTagKey", "Limit")),
    "MergeShards": (control.merge_shards, (*_STREAM, "ShardToMerge", "AdjacentShardToMerge")),
    # SequenceNumberForOrdering asks for an order that holds here anyway: each shard has one log and one writer.
    "PutRecord": (
        put.put_record,
        (*_STREAM, "Data", "PartitionKey", "ExplicitHashKey", "SequenceNumberForOrdering"),
    ),
    "PutRecords": (put.put_records, (*_STREAM, "Records")),
    "RemoveTagsFromStream": (control.remove_tags, (*_STREAM, "TagKeys")),
    "SplitShard": (control.split_shard, (*_STREAM, "ShardToSplit", "NewStartingHashKey")),
    "StartStreamEncryption": (control.start_encryption, (*_STREAM, "EncryptionType", "KeyId")),
    "StopStreamEncryption": (control.stop_encryption, (*_STREAM, "EncryptionType", "KeyId")),
    "TagResource": (control.add_tags, ("ResourceARN", "Tags")),
    "UntagResource": (control.remove_tags, ("ResourceARN", "TagKeys")),
    "UpdateShardCount": (control.update_shard_count, (*_STREAM, "TargetShardCount", "ScalingType")),
}


class KinesisService(JsonService):
    """A caller that needs several reads to agree holds `lock` around them."""

    def __init__(self, streams: Streams, shutdown: Shutdown) -> None:
        super().__init__(OPERATIONS, streams, target=_TARGET)
        self.streams = streams
        self.lock = threading.RLock()
        self._commit = _GroupCommit(streams, shutdown)

    def call(self, name: str, payload: Payload) -> Payload:
        """Run an operation, while no other one runs."""
        with self.lock:
            return super().call(name, payload)

    async def handle(
        self, method: str, path: str, headers: emulator.Headers, body: bytes, query: emulator.Query
    ) -> emulator.Response:
        """Answer an HTTP request; answer a put after a power cut can no longer take its records."""
        answer = await super().handle(method, path, headers, body, query)
        if answer[0] == 200 and headers.get("x-amz-target") in _PUTS:
            try:
                await self._commit.wait()
            except OSError as error:
                return json_protocol.unavailable(error)
        return answer


class _GroupCommit:
    """Syncs the logs in rounds: while the disk works on one round, later requests wait for the next round."""

    def __init__(self, streams: Streams, shutdown: Shutdown) -> None:
        self._streams = streams
        self._shutdown = shutdown
        self._waiting: list[asyncio.Future[None]] = []
        self._rounds: asyncio.Task[None] | None = None

    async def wait(self) -> None:
        """Wait until everything that was appended so far is on the disk; raise OSError if the disk refused it."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.create_task(self._run())
        await done

    async def _run(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            error = await asyncio.to_thread(self._sync)
            for request in waiting:
                if request.done():  # its client has disconnected
                    continue
                if error is None:
                    request.set_result(None)
                else:
                    request.set_exception(error)

    def _sync(self) -> OSError | None:
        try:
            files.run_together(log.sync for log in self._streams.take_unsynced())
        except OSError as error:
            # The kernel has dropped what it could not write, so memory has records that the disk does not have.
            self._shutdown.request(f"records can't be written to the disk: {error.strerror or error}")
            return error
        return None


def install(settings: LocalCloudSettings, shutdown: Shutdown) -> KinesisService:
    """Read the streams from disk and answer the calls to Kinesis."""
    service = KinesisService(Streams.open(settings, Metrics()), shutdown)
    emulator.replace("kinesis", service.handle)
    return service
