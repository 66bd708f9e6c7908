"""A decision → the call to AWS that makes it, and what became of it.

A move is begun once, however often its task is tried: what the stream looks like tells whether an earlier try got as
far as the call.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from botocore.exceptions import ClientError

from kinesis_scaling.decisions.decision_record import DecisionRecord, Outcome
from kinesis_scaling.scaling_decision import Action
from kinesis_scaling.stream.aws_errors import code_of, explained, message_of, was_repeated
from kinesis_scaling.stream.open_shards import open_shards, shard_to_split, shards_to_merge
from kinesis_scaling.stream.past_calls import Refusal, note_call, note_refusal
from kinesis_scaling.stream.stream_reader import StreamSummary
from kinesis_scaling.stream_state import StreamStatus

#: An older decision is not made: a DAG that was paused may wake up hours later.
FRESH: Final = timedelta(minutes=5)
_REFUSALS: Final = ("LimitExceededException", "InvalidArgumentException", "ValidationException")


class StreamMoves:
    """Makes moves of one stream; times are given by the caller."""

    def __init__(self, kinesis: Any, stream_name: str) -> None:
        self._kinesis = kinesis
        self._stream_name = stream_name

    def begin(self, record: DecisionRecord, now: datetime, *, tried_before: bool) -> DecisionRecord | None:
        """Make the call; return the record if that was all, None if the stream is to become ACTIVE first.

        `tried_before` says that an earlier try may have made it: then a stream that changes, or that is as it should
        be, is its work. Else it is somebody else's, such as another Airflow's that decided the same.
        Raises `StreamError` for what a person, or another try, must put right.
        """
        summary = StreamSummary(self._kinesis, self._stream_name)
        found = summary.open_shard_count
        if tried_before and summary.status is StreamStatus.UPDATING:
            return None
        if tried_before and summary.status is StreamStatus.ACTIVE and found == record.target_shards:
            return self._done(record, found, now)
        why_not = _why_not(record, summary, now)
        if why_not is not None:
            return record.ended(Outcome.SUPERSEDED, at=now, resulting_shards=found, detail=why_not)
        return self._call(record, found, now)

    def end(self, record: DecisionRecord, now: datetime) -> DecisionRecord:
        """Return what became of a move, the stream being ACTIVE again."""
        found = StreamSummary(self._kinesis, self._stream_name).open_shard_count
        if found == record.target_shards:
            return self._done(record, found, now)
        why = "nothing has changed" if found == record.open_shards else "somebody else changed the stream"
        detail = f"{record.target_shards} shards were to be open, {found} are: {why}"
        return record.ended(Outcome.SUPERSEDED, at=now, resulting_shards=found, detail=detail)

    def _done(self, record: DecisionRecord, found: int, now: datetime) -> DecisionRecord:
        if record.action is Action.UPDATE_SHARD_COUNT:
            # Again: a writer who had read the tag before the call may have written over it since.
            self._note(record, now)
        return record.ended(Outcome.DONE, at=now, resulting_shards=found)

    def _note(self, record: DecisionRecord, now: datetime) -> None:
        # By the decision's time, which every try of the task knows: so one call is one entry.
        note_call(self._kinesis, self._stream_name, record.decided_at, now)

    def _call(self, record: DecisionRecord, found: int, now: datetime) -> DecisionRecord | None:
        try:
            if record.action is Action.UPDATE_SHARD_COUNT:
                self._note(record, now)
                self._update(record)
                return None
            overtaken = self._split(record) if record.action is Action.SPLIT_SHARD else self._merge()
        except ClientError as error:
            return self._refused(record, error, now)
        if overtaken is None:
            return None
        return record.ended(Outcome.SUPERSEDED, at=now, resulting_shards=found, detail=overtaken)

    def _update(self, record: DecisionRecord) -> None:
        self._kinesis.update_shard_count(
            StreamName=self._stream_name, TargetShardCount=record.target_shards, ScalingType="UNIFORM_SCALING"
        )

    def _split(self, record: DecisionRecord) -> str | None:
        shard = shard_to_split(open_shards(self._kinesis, self._stream_name), record.shard_id)
        if shard is None:
            return f"{record.shard_id} is not open any more"
        self._kinesis.split_shard(
            StreamName=self._stream_name, ShardToSplit=shard.shard_id, NewStartingHashKey=str(shard.middle)
        )
        return None

    def _merge(self) -> str | None:
        pair = shards_to_merge(open_shards(self._kinesis, self._stream_name))
        if pair is None:
            return "there are no two shards to merge"
        self._kinesis.merge_shards(
            StreamName=self._stream_name, ShardToMerge=pair[0].shard_id, AdjacentShardToMerge=pair[1].shard_id
        )
        return None

    def _refused(self, record: DecisionRecord, error: ClientError, now: datetime) -> DecisionRecord | None:
        in_use = code_of(error) == "ResourceInUseException"
        if in_use and was_repeated(error):
            return None  # the first call may have been taken, and its answer lost; the end will tell
        if not in_use and code_of(error) not in _REFUSALS:
            with explained(f"kinesis:{record.action}", self._stream_name):
                raise error
        found = StreamSummary(self._kinesis, self._stream_name).open_shard_count
        if found == record.target_shards and was_repeated(error):
            return self._done(record, found, now)
        if in_use:
            return record.ended(Outcome.SUPERSEDED, at=now, resulting_shards=found, detail=message_of(error))
        note_refusal(self._kinesis, self._stream_name, Refusal(action=record.action, at=now))
        return record.ended(Outcome.REFUSED, at=now, resulting_shards=found, detail=message_of(error))


def _why_not(record: DecisionRecord, summary: StreamSummary, now: datetime) -> str | None:
    """Return why the decision does not fit the stream any more; None if it does."""
    if summary.status is StreamStatus.UPDATING:
        return "somebody else is changing the stream"
    if summary.status is not StreamStatus.ACTIVE:
        return f"the stream is {summary.status}"
    if summary.open_shard_count != record.open_shards:
        return f"decided for {record.open_shards} open shards, {summary.open_shard_count} are open now"
    if now - record.decided_at > FRESH:
        return f"decided {now - record.decided_at} ago, which is too long; it is decided anew"
    return None


def is_settled(kinesis: Any, stream_name: str) -> bool:
    """Say whether the stream takes orders again (or never will)."""
    return StreamSummary(kinesis, stream_name).status is not StreamStatus.UPDATING
