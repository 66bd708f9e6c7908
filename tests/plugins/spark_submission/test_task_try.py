"""A try has one token and one name, and no other try has them."""

import re
from dataclasses import replace

import pytest

from spark_submission.task_try import TaskTry

pytestmark = pytest.mark.airflow

FIRST = TaskTry(
    dag_id="transform_events",
    task_id="transform",
    run_id="scheduled__2026-11-22T11",
    partition_key="2026-11-22T10",
    try_number=1,
)
OTHERS = [
    pytest.param(replace(FIRST, try_number=2), id="another-try"),
    pytest.param(replace(FIRST, run_id="manual__1"), id="another-run-of-the-same-hour"),
    pytest.param(replace(FIRST, partition_key="2026-11-22T11"), id="another-hour"),
    pytest.param(replace(FIRST, task_id="aggregate"), id="another-task"),
    pytest.param(replace(FIRST, dag_id="transform", task_id="events_transform"), id="names-that-join-to-the-same-text"),
]


def test_the_token_is_the_same_each_time() -> None:
    assert replace(FIRST).client_token == FIRST.client_token


@pytest.mark.parametrize("other", OTHERS)
def test_the_token_differs_for(other: TaskTry) -> None:
    assert other.client_token != FIRST.client_token


def test_the_token_is_one_that_emr_serverless_takes() -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", FIRST.client_token)


def test_a_name_is_readable_and_within_256_characters() -> None:
    assert "transform_events.transform 2026-11-22T10" in FIRST.job_name
    assert len(replace(FIRST, run_id="r" * 300, partition_key=None).job_name) <= 256


def test_only_another_try_of_the_same_task_counts_as_earlier() -> None:
    second = replace(FIRST, try_number=2)

    assert second.is_earlier(FIRST.job_name)
    assert not second.is_earlier(second.job_name)
    assert not second.is_earlier(replace(FIRST, run_id="manual__1").job_name)
    assert not second.is_earlier("something else")
