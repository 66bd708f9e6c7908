"""A Spark task's page leads to what it reads and writes: in AWS's console, or in the local cloud's listing."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.names import EnvironmentNames, LakeLocation
from contracts.tables import CLEAN_EVENTS
from pipeline.settings import EmrServerlessSettings, LocalSparkSettings, PipelineSettings
from pipeline.spark_task import raw_objects_link, spark_task, table_links

pytestmark = pytest.mark.airflow

AWS = PipelineSettings(
    environment=EnvironmentNames(environment="test"),
    lake=LakeLocation(raw_uri="s3://r/raw", warehouse_uri="s3://w/warehouse", database="lake"),
    buffer_interval=timedelta(minutes=5),
    spark=EmrServerlessSettings(application_id="app", execution_role_arn="arn:role", code_uri="s3://code/v1"),
    region="eu-central-1",
)
LOCAL = replace(AWS, endpoint_url="http://127.0.0.1:4566", spark=LocalSparkSettings(project=Path("/opt/clickstream")))


def linked_task(settings: PipelineSettings) -> Any:
    links = [raw_objects_link(settings), *table_links(settings, [CLEAN_EVENTS])]
    return spark_task("transform", "run_it", [], settings, partition="2026-11-22T10", links=links)


def addresses(task: Any) -> dict[str, str]:
    ours = [link for link in task.operator_extra_links if type(link).__module__ == "pipeline.spark_task"]
    return {link.name: link.get_link(task, ti_key=None) for link in ours}


def test_on_aws_they_lead_to_the_console() -> None:
    assert addresses(linked_task(AWS)) == {
        "raw objects": "https://console.aws.amazon.com/s3/buckets/r"
        "?region=eu-central-1&prefix=raw%2Flanding_date%3D2026-11-22%2Flanding_hour%3D10%2F",
        "clean_events": "https://console.aws.amazon.com/glue/home?region=eu-central-1"
        "#/v2/data-catalog/tables/view/clean_events?database=lake",
    }


def test_on_a_local_cloud_they_lead_to_the_listing_of_the_files() -> None:
    assert addresses(linked_task(LOCAL)) == {
        "raw objects": "http://127.0.0.1:4566/r"
        "?list-type=2&prefix=raw%2Flanding_date%3D2026-11-22%2Flanding_hour%3D10%2F",
        "clean_events": "http://127.0.0.1:4566/w?list-type=2&prefix=warehouse%2Fclean_events%2F",
    }


def test_on_emr_the_provider_s_links_to_the_job_s_logs_stay() -> None:
    names = [link.name for link in linked_task(AWS).operator_extra_links]

    assert names[:2] == ["raw objects", "clean_events"]
    assert any("Logs" in name for name in names[2:]), names


def test_on_a_local_cloud_a_job_s_logs_are_in_its_listing() -> None:
    emr = EmrServerlessSettings(
        application_id="app", execution_role_arn="arn:role", code_uri="s3://code", log_uri="s3://logs/emr"
    )
    task = linked_task(replace(AWS, endpoint_url="http://127.0.0.1:4566", spark=emr))
    task.job_id = "job0"

    assert addresses(task)["job logs"] == (
        "http://127.0.0.1:4566/logs?list-type=2&prefix=emr%2Fapplications%2Fapp%2Fjobs%2Fjob0%2F"
    )


@pytest.mark.parametrize("settings", [pytest.param(AWS, id="emr"), pytest.param(LOCAL, id="local")])
def test_each_button_is_kept_under_a_key_of_its_own(settings: PipelineSettings) -> None:
    keys = [link.xcom_key for link in linked_task(settings).operator_extra_links]

    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("settings", [pytest.param(AWS, id="emr"), pytest.param(LOCAL, id="local")])
def test_the_partition_that_an_address_needs_is_a_template(settings: PipelineSettings) -> None:
    assert "partition" in linked_task(settings).template_fields
