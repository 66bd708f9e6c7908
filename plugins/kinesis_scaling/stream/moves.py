"""A decision → the call to AWS that makes the move, and its outcome.

A move is begun once, however often its task is tried: the stream's state shows whether an earlier try got as far as the
call.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from botocore.exceptions import ClientError

from kinesis_scaling.decisions.record import DecisionRecord, Outcome
from kinesis_scaling.scaling_decision import Action
from kinesis_scaling.stream.aws_errors import code_of, message_of, translate_aws_errors, was_repeated
from kinesis_scaling.stream.past_calls import Refusal, note_call, note_refusal
from kinesis_scaling.stream.watch import OpenShard, StreamSummary, open_shards
from kinesis_scaling.stream_state import StreamStatus

#: An older decision is not carried out: a DAG that was paused may wake up hours later.
FRESH: Final = timedelta(minutes=5)
_REFUSALS: Final = ("LimitExceededException", "InvalidArgumentException", "ValidationException")


class StreamMoves:
    """Makes moves of one stream; the caller passes the times."""

    def __init__(self, kinesis: Any, stream_name: str) -> None:
        self._kinesis = kinesis
        self._stream_name = stream_name

    def begin(self, record: DecisionRecord, now: datetime, *, tried_before: bool) -> DecisionRecord | None:
        """Make the call; return the record if the move is over, None if the stream must become ACTIVE first.

        `tried_before` says that an earlier try may have made the call: then a stream that changes, or that has the
        target count, is that try's work. Otherwise it is the work of another program or person, such as a second
        Airflow that decided the same. Raises `StreamError` for what a person, or another try, must put right.
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
        """Return the record with the outcome of a move after which the stream is ACTIVE again."""
        found = StreamSummary(self._kinesis, self._stream_name).open_shard_count
        if found == record.target_shards:
            return self._done(record, found, now)
        why = "nothing has changed" if found == record.open_shards else "somebody else changed the stream"
        detail = f"{record.target_shards} shards were to be open, {found} are: {why}"
        return record.ended(Outcome.SUPERSEDED, at=now, resulting_shards=found, detail=detail)

    def _done(self, record: DecisionRecord, found: int, now: datetime) -> DecisionRecord:
        if record.action is Action.UPDATE_SHARD_COUNT:
            # Again, because a writer that had read the tag before the call may have overwritten it since.
            self._note(record, now)
        return record.ended(Outcome.DONE, at=now, resulting_shards=found)

    def _note(self, record: DecisionRecord, now: datetime) -> None:
        # Every try of the task knows the decision's time, so one call stays one entry.
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
            return None  # AWS may have taken the first call, and its answer was lost; `end` finds out
        if not in_use and code_of(error) not in _REFUSALS:
            with translate_aws_errors(f"kinesis:{record.action}", self._stream_name):
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


def shard_to_split(shards: Sequence[OpenShard], shard_id: str | None) -> OpenShard | None:
    """Return the shard of that id, or the widest if no id is given; None if it is not open any more.

    >>> narrow, wide = OpenShard(shard_id="a", start=0, end=9), OpenShard(shard_id="b", start=10, end=99)
    >>> shard_to_split([narrow, wide], None).shard_id
    'b'
    """
    if shard_id is not None:
        return next((shard for shard in shards if shard.shard_id == shard_id), None)
    return max(shards, key=lambda shard: shard.width, default=None)


def shards_to_merge(shards: Sequence[OpenShard]) -> tuple[OpenShard, OpenShard] | None:
    """Return the two neighbours that are narrowest together; None if there are no two."""
    return min(pairwise(shards), key=lambda pair: pair[0].width + pair[1].width, default=None)


def is_settled(kinesis: Any, stream_name: str) -> bool:
    """Return whether the stream accepts calls again (or never will)."""
    return StreamSummary(kinesis, stream_name).status is not StreamStatus.UPDATING
