"""The key of a landing hour → a task that ends when the hour is settled.

The clock alone decides that: an hour without objects is a valid hour, so waiting for an object could never end.
While it waits the task is deferred: it holds a row in the triggerer and no worker.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import BaseSensorOperator, Context
from airflow.sdk import timezone as clock

from contracts.partitions import HOUR, parse_hour_key, settled_at


class LandingHourSettledSensor(BaseSensorOperator):
    """Wait until a landing hour, one Firehose buffer interval and a margin are over.

    :param landing_hour: the hour's key, e.g. `2026-11-22T10`. (templated)
    :param allow_open_hour: `True` to pass at once, whatever the clock says. (templated)
    :param buffer_interval: Firehose's buffer interval.
    """

    template_fields: Sequence[str] = ("landing_hour", "allow_open_hour")

    def __init__(
        self, *, landing_hour: str, buffer_interval: timedelta, allow_open_hour: str = "False", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.landing_hour = landing_hour
        self.allow_open_hour = allow_open_hour
        self.buffer_interval = buffer_interval

    def execute(self, context: Context) -> str:  # noqa: ARG002
        """Return the hour's end, in ISO 8601, once it is settled: at once for a past hour, else by deferring."""
        hour = parse_hour_key(self.landing_hour)
        moment = settled_at(hour, self.buffer_interval)
        if self.allow_open_hour == "True":
            self.log.info("allow_open_hour: %s runs on what has landed so far", self.landing_hour)
        elif moment > clock.utcnow():
            self.log.info("%s is settled at %s; waiting", self.landing_hour, moment.isoformat())
            self.defer(trigger=DateTimeTrigger(moment=moment), method_name="execute_complete")
        return (hour + HOUR).isoformat()

    def execute_complete(self, context: Context, event: datetime) -> str:  # noqa: ARG002
        """Return the hour's end; the trigger fires once, at its moment or, after a restart, as soon as that is past."""
        return (parse_hour_key(self.landing_hour) + HOUR).isoformat()
