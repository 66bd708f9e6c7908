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

    def execute(self, context: Context) -> None:
        """Hand the watch over to the triggerer."""
        if self.stream.mode is Mode.OFF:
            raise AirflowSkipException(f"the mode of stream {self.stream.name} is off")
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

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> Sequence[str]:
        """Return the decisions; raise `StreamWatchError` for what a person must put right (it is tried again).

        To follow one task and skip the others, Airflow ends this one by an exception, and what it returns is lost: the
        decisions are kept first.
        """
        if "error" in event:
            raise StreamWatchError(event["error"])
        texts: list[str] = event["records"]
        records = [DecisionRecord.from_json(text) for text in texts]
        for record in records:
            self.log.info("%s %s: %s", record.action, record.reason, record.explanation)
        context["ti"].xcom_push(key=BaseXCom.XCOM_RETURN_KEY, value=texts)
        move = records[-1] if records and records[-1].outcome is Outcome.PENDING else None
        self.do_branch(context, self.otherwise if move is None else self.move_task_ids[move.action])
        return texts
