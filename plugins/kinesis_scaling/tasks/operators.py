"""The tasks of a scaling DAG: a sensor that waits for something to do, and an operator for each move.

The sensor holds a row in the triggerer and no worker, and then picks the move's task. An operator makes one call to
Kinesis and waits in the triggerer until the stream is ACTIVE again. Each may be tried again after any crash: it first
looks how far an earlier try got (`kinesis_scaling.stream.moves`).
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.sensors.base_aws import AwsBaseSensor
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.sdk import Context
from airflow.sdk import timezone as clock
from airflow.sdk.bases.branch import BranchMixIn
from airflow.sdk.bases.xcom import BaseXCom
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from kinesis_scaling.decisions.record import DecisionRecord, Outcome
from kinesis_scaling.errors import AwsUnavailableError, StreamError
from kinesis_scaling.scaling_decision import Action
from kinesis_scaling.stream_settings import Mode, ScaledStream
from kinesis_scaling.tasks.stream_hook import StreamHook
from kinesis_scaling.tasks.triggers import ShardUtilizationTrigger, StreamActiveTrigger

#: The trigger ends by itself; this timeout is for one that does not.
GRACE: Final = timedelta(minutes=30)
#: A stream of thousands of shards reshards for hours.
LONGEST_RESHARD: Final = timedelta(hours=6)


class StreamWatchError(AirflowException):
    """The stream cannot be watched; the message says what to do."""


class StreamMoveError(AirflowException):
    """The stream could not be looked at while it changed; the message says what to do."""


class ShardUtilizationSensor(AwsBaseSensor[StreamHook], BranchMixIn):
    """Wait until the policy wants the stream changed, or for `stream.run_length`; then follow that move's task.

    Returns the run's decisions as texts (`DecisionRecord.to_json`), the move last. In mode `off` it skips.

    :param stream: the stream and its settings.
    :param move_task_ids: by the action's value, the task that makes it.
    :param otherwise: the task to follow if there is no move.
    """

    aws_hook_class = StreamHook

    def __init__(
        self, *, stream: ScaledStream, move_task_ids: Mapping[str, str], otherwise: str, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.stream = stream
        self.move_task_ids = dict(move_task_ids)
        self.otherwise = otherwise

    def execute(self, context: Context) -> Sequence[str]:
        """Look once; if there is nothing to do, hand the watch over to the triggerer.

        So the next step of a climb begins without a detour through the triggerer. A trigger that fires at once may also
        do so before the scheduler has noticed that this process ended, which then takes the task for a killed one.
        """
        if self.stream.mode is Mode.OFF:
            raise AirflowSkipException(f"the mode of stream {self.stream.name} is off")
        move = self._look(context["run_id"])
        if move is None:
            self.defer(
                trigger=ShardUtilizationTrigger(
                    stream=self.stream.to_text(),
                    until=clock.utcnow() + self.stream.run_length,
                    decided_by=context["run_id"],
                    aws_conn_id=self.aws_conn_id,
                    region_name=self.region_name,
                ),
                method_name="execute_complete",
                timeout=self.stream.run_length + GRACE,
            )
        return self._follow(context, [move.to_json()])

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> Sequence[str]:
        """Return the decisions; raise `StreamWatchError`, which is retried, for what a person must put right."""
        if "error" in event:
            raise StreamWatchError(event["error"])
        return self._follow(context, event["records"])

    def _look(self, run_id: str) -> DecisionRecord | None:
        try:
            return self.hook.watch(self.stream, run_id).look(clock.utcnow())
        except AwsUnavailableError as error:
            self.log.warning("%s; the triggerer goes on trying", error)
            return None
        except StreamError as error:
            raise StreamWatchError(str(error)) from error

    def _follow(self, context: Context, texts: Sequence[str]) -> Sequence[str]:
        """Leave the decisions to the following tasks, and skip those that have nothing to do.

        To skip tasks, Airflow ends this one by an exception and drops what it returns; so the decisions are pushed.
        """
        records = [DecisionRecord.from_json(text) for text in texts]
        for record in records:
            self.log.info("%s %s: %s", record.action, record.reason, record.explanation)
        context["ti"].xcom_push(key=BaseXCom.XCOM_RETURN_KEY, value=texts)
        move = records[-1] if records and records[-1].outcome is Outcome.PENDING else None
        self.do_branch(context, self.otherwise if move is None else self.move_task_ids[move.action])
        return texts


class StreamMoveOperator(AwsBaseOperator[StreamHook]):
    """Make the last of `decisions`, and return its record with the outcome, as text.

    :param stream_name: the stream.
    :param decisions: what `ShardUtilizationSensor` returned. (templated)
    :param poll_interval: how often to look whether the stream is ACTIVE.
    """

    aws_hook_class = StreamHook
    template_fields: Sequence[str] = aws_template_fields("decisions")
    #: The action that this operator makes; any other is a mistake in the DAG.
    action: ClassVar[Action]

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
        if record.action is not self.action:
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
        return self._logged(ended)

    def execute_complete(self, context: Context, event: Mapping[str, Any], decision: str) -> str:  # noqa: ARG002
        """Return the record with the outcome of the move."""
        if "error" in event:
            raise StreamMoveError(event["error"])
        return self._logged(self.hook.moves(self.stream_name).end(DecisionRecord.from_json(decision), clock.utcnow()))

    def _logged(self, record: DecisionRecord) -> str:
        detail = f": {record.outcome_detail}" if record.outcome_detail else ""
        self.log.info("%s, %s shards are open%s", record.outcome, record.resulting_shards, detail)
        return record.to_json()


class UpdateShardCountOperator(StreamMoveOperator):
    """Call UpdateShardCount, after noting the call in the stream's tag."""

    action = Action.UPDATE_SHARD_COUNT


class SplitShardOperator(StreamMoveOperator):
    """Split the shard that the decision names, or the widest."""

    action = Action.SPLIT_SHARD


class MergeShardsOperator(StreamMoveOperator):
    """Merge the two neighbours that are narrowest together."""

    action = Action.MERGE_SHARDS
