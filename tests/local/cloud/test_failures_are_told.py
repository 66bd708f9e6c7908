"""A run of Airflow that fails is told to the topic, by the notifier of the DAGs, whose texts are templates."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from local.cloud.process import LocalCloud
from pipeline.conventions import sends_failures_to

pytestmark = [pytest.mark.cloud, pytest.mark.airflow]


def test_a_failed_run_is_told_to_who_is_subscribed(
    local_cloud: LocalCloud, clients: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = clients.sns.create_topic(Name=name)["TopicArn"]
    queue = clients.sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = clients.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    clients.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    for variable, value in local_cloud.environment().items():
        monkeypatch.setenv(variable, value)
    run = SimpleNamespace(dag_id="aggregate_" + 90 * "x", run_id="manual", partition_key="2026-11-22T10")
    sends_failures_to(topic)({"dag_run": run})
    (message,) = clients.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    told = json.loads(message["Body"])
    assert told["Subject"] == f"Clickstream, failed: {run.dag_id}"[:100]
    assert f"The run {run.dag_id} 2026-11-22T10 of Airflow failed." in told["Message"]
