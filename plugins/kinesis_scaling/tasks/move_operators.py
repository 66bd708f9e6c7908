"""A decision → the stream, changed: one call to Kinesis, then a wait in the triggerer until it is ACTIVE again.

Each may be tried again after any crash: it looks first how far an earlier try got (`kinesis_scaling.stream.moves`).
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.sdk import Context
from airflow.sdk import timezone as clock
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from kinesis_scaling.decisions.decision_record import DecisionRecord
from kinesis_scaling.scaling_decision import Action
from kinesis_scaling.tasks.stream_active_trigger import StreamActiveTrigger
from kinesis_scaling.tasks.stream_hook import StreamHook

#: A stream of thousands of shards reshards for hours.
LONGEST_RESHARD: Final = timedelta(hours=6)


class StreamMoveError(AirflowException):
    """The stream could not be looked at while it changed; the message says what to do."""


class StreamMoveOperator(AwsBaseOperator[StreamHook]):
    """Make the last of `decisions`, and return its record with what became of it, as text.

    :param stream_name: the stream.
    :param decisions: what `ShardUtilizationSensor` returned. (templated)
    :param poll_interval: how often to look whether the stream is ACTIVE.
    """

    aws_hook_class = StreamHook
    template_fields: Sequence[str] = aws_template_fields("decisions")
    #: What this operator makes; anything else is a mistake in the DAG.
    actions: ClassVar[tuple[Action, ...]]

    def __init__(
        self,
        *,
        stream_name: str,
        decisions: Any,
        poll_interval: timedelta = timedelta(seconds=3),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stream_name = stream_name
        self.decisions = decisions
        self.poll_interval = poll_interval

    def execute(self, context: Context) -> str:
        """Make the move; defer until the stream is ACTIVE."""
        record = DecisionRecord.from_json(self.decisions[-1])
        if record.action not in self.actions:
            raise AirflowFailException(f"{type(self).__name__} cannot make {record.action}")
        self.log.info("%s → %s shards: %s", record.open_shards, record.target_shards, record.explanation)
        ended = self.hook.moves(self.stream_name).begin(
            record, clock.utcnow(), tried_before=context["ti"].try_number > 1
        )
        if ended is None:
            self.defer(
                trigger=StreamActiveTrigger(
                    stream_name=self.stream_name,
                    poll_seconds=self.poll_interval.total_seconds(),
                    aws_conn_id=self.aws_conn_id,
                    region_name=self.region_name,
                ),
                method_name="execute_complete",
                kwargs={"decision": self.decisions[-1]},
                timeout=LONGEST_RESHARD,
            )
        return self._told(ended)

    def execute_complete(self, context: Context, event: Mapping[str, Any], decision: str) -> str:  # noqa: ARG002
        """Return the record with what became of the move."""
        if "error" in event:
            raise StreamMoveError(event["error"])
        return self._told(self.hook.moves(self.stream_name).end(DecisionRecord.from_json(decision), clock.utcnow()))

    def _told(self, record: DecisionRecord) -> str:
        said = f": {record.outcome_detail}" if record.outcome_detail else ""
        self.log.info("%s, %s shards are open%s", record.outcome, record.resulting_shards, said)
        return record.to_json()


class UpdateShardCountOperator(StreamMoveOperator):
    """Call UpdateShardCount, once it is noted in the stream's tag."""

    actions = (Action.UPDATE_SHARD_COUNT,)


class SplitShardOperator(StreamMoveOperator):
    """Split the shard that the decision names, or the widest."""

    actions = (Action.SPLIT_SHARD,)


class MergeShardsOperator(StreamMoveOperator):
    """Merge the two neighbours that are narrowest together."""

    actions = (Action.MERGE_SHARDS,)
