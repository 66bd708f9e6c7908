"""The sensor waits by the clock, without a worker, and never for an object."""

from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import Context
from airflow.sdk import timezone as clock
from airflow.sdk.exceptions import TaskDeferred

from contracts.partitions import hour_key, hour_of
from pipeline.sensor import LandingHourSettledSensor

pytestmark = pytest.mark.airflow

BUFFER = timedelta(minutes=5)


def sensor(landing_hour: str, *, allow_open_hour: str = "False") -> LandingHourSettledSensor:
    return LandingHourSettledSensor(
        task_id="wait_until_settled",
        landing_hour=landing_hour,
        buffer_interval=BUFFER,
        allow_open_hour=allow_open_hour,
    )


def test_a_past_hour_passes_at_once_and_gives_its_end() -> None:
    assert sensor("2021-07-12T12").execute(Context()) == "2021-07-12T13:00:00+00:00"


def test_an_open_hour_is_waited_for_in_the_triggerer() -> None:
    hour = hour_of(clock.utcnow())

    with pytest.raises(TaskDeferred) as deferred:
        sensor(hour_key(hour)).execute(Context())

    trigger = deferred.value.trigger
    assert isinstance(trigger, DateTimeTrigger)
    assert trigger.moment == hour + timedelta(hours=1, minutes=7)
    assert deferred.value.method_name == "execute_complete"


def test_the_trigger_survives_a_restart_of_the_triggerer() -> None:
    with pytest.raises(TaskDeferred) as deferred:
        sensor(hour_key(clock.utcnow())).execute(Context())

    path, arguments = deferred.value.trigger.serialize()
    again = DateTimeTrigger(**arguments)
    assert path == f"{DateTimeTrigger.__module__}.DateTimeTrigger"
    assert again.serialize() == (path, arguments)


def test_the_trigger_s_event_ends_the_wait_and_gives_the_hour_s_end() -> None:
    event = datetime(2021, 7, 12, 13, 7, tzinfo=UTC)

    assert sensor("2021-07-12T12").execute_complete(Context(), event) == "2021-07-12T13:00:00+00:00"


def test_an_open_hour_passes_when_it_is_allowed() -> None:
    sensor(hour_key(clock.utcnow()), allow_open_hour="True").execute(Context())


def test_key_and_permission_are_templates() -> None:
    assert set(LandingHourSettledSensor.template_fields) == {"landing_hour", "allow_open_hour"}
