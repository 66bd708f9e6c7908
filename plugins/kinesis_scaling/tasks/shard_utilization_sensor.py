"""The task that waits for something to do: it holds a row in the triggerer and no worker, and then picks the move."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from airflow.providers.amazon.aws.sensors.base_aws import AwsBaseSensor
from airflow.sdk import Context
from airflow.sdk import timezone as clock
from airflow.sdk.bases.branch import BranchMixIn
from airflow.sdk.bases.xcom import BaseXCom
from airflow.sdk.exceptions import AirflowException, AirflowSkipException

from kinesis_scaling.decisions.decision_record import DecisionRecord, Outcome
from kinesis_scaling.errors import AwsUnavailableError, StreamError
from kinesis_scaling.stream_settings import Mode, ScaledStream
from kinesis_scaling.tasks.shard_utilization_trigger import ShardUtilizationTrigger
from kinesis_scaling.tasks.stream_hook import StreamHook

#: The trigger ends by itself; this is for one that does not.
GRACE: Final = timedelta(minutes=30)


class StreamWatchError(AirflowException):
    """The stream cannot be watched; the message says what to do."""


class ShardUtilizationSensor(AwsBaseSensor[StreamHook], BranchMixIn):
    """Wait until the policy wants the stream changed, or for `stream.run_length`; then follow that move's task.

    Returns the run's decisions as texts (`DecisionRecord.to_json`), the move last. In mode `off` it skips.

    :param stream: the stream, and how it is to be scaled.
    :param move_task_ids: by the action's value, the task that makes it.
    :param otherwise: the task to follow if nothing is to be done.
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

        The next step of a climb so begins without a way through the triggerer. And a trigger that fires at once may do
        so before the scheduler has noticed that this process ended: it then takes the task for one that was killed.
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
        """Return the decisions; raise `StreamWatchError` for what a person must put right (it is tried again)."""
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
        """Leave the decisions to the tasks behind, and skip those that have nothing to do.

        To skip others, Airflow ends this task by an exception, and what it returns is lost: so they are pushed.
        """
        records = [DecisionRecord.from_json(text) for text in texts]
        for record in records:
            self.log.info("%s %s: %s", record.action, record.reason, record.explanation)
        context["ti"].xcom_push(key=BaseXCom.XCOM_RETURN_KEY, value=texts)
        move = records[-1] if records and records[-1].outcome is Outcome.PENDING else None
        self.do_branch(context, self.otherwise if move is None else self.move_task_ids[move.action])
        return texts
