"""The same declaration is a spark-submit on a laptop and a job run on EMR Serverless."""

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowNotFoundException

from contracts.names import EnvironmentNames, LakeLocation
from local.class_archive import ARCHIVE, ROOT
from pipeline.emr_serverless import IdempotentEmrServerlessOperator
from pipeline.local_spark import LocalSparkSubmitOperator
from pipeline.settings import EmrServerlessSettings, LocalSparkSettings, PipelineSettings
from pipeline.spark_task import spark_task

pytestmark = [
    pytest.mark.airflow,
    # The provider leaves the output of the process it started to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

LAKE_ARGUMENTS = ["--raw-uri", "s3://r/raw", "--warehouse-uri", "s3://w/warehouse", "--database", "lake"]


def settings(spark: LocalSparkSettings | EmrServerlessSettings) -> PipelineSettings:
    return PipelineSettings(
        environment=EnvironmentNames(environment="test"),
        lake=LakeLocation(raw_uri="s3://r/raw", warehouse_uri="s3://w/warehouse", database="lake"),
        buffer_interval=timedelta(minutes=5),
        spark=spark,
    )


EMR = EmrServerlessSettings(application_id="app", execution_role_arn="arn:role", code_uri="s3://code")


@pytest.fixture
def spark_submit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spark-submit that writes down its arguments and PYTHONPATH, and fails if one of them is `fail`."""
    program = tmp_path / "bin" / "spark-submit"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/arguments\necho "$PYTHONPATH" > {tmp_path}/pythonpath\n'
        'case "$*" in *fail*) echo "no such table"; exit 1;; esac\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_LOCAL", "spark://local%5B2%5D")
    monkeypatch.setenv("PYTHONPATH", "/opt/clickstream:/opt/clickstream/plugins")
    return tmp_path


def local_task(*arguments: str) -> Any:
    return spark_task(
        "transform",
        "run_transform_events",
        arguments,
        settings(LocalSparkSettings(project=Path("/opt/clickstream"))),
    )


def test_local_is_a_bare_spark_submit_of_the_entry_point(spark_submit: Path) -> None:
    local_task("--landing-hour", "2026-11-22T10").execute(Context())

    arguments = (spark_submit / "arguments").read_text().splitlines()
    entry_point = arguments.index("/opt/clickstream/spark_jobs/run_transform_events.py")
    assert arguments[:2] == ["--master", "local[2]"]
    assert "spark.driver.extraClassPath=/opt/clickstream/jars/*" in arguments[:entry_point]
    assert arguments[entry_point + 1 :] == [*LAKE_ARGUMENTS, "--landing-hour", "2026-11-22T10"]


def test_a_job_starts_from_the_archive_of_classes_that_setup_made(spark_submit: Path) -> None:
    local_task().execute(Context())

    (options,) = [
        line
        for line in (spark_submit / "arguments").read_text().splitlines()
        if line.startswith("spark.driver.extraJavaOptions=")
    ]
    assert f'"-XX:SharedArchiveFile=/opt/clickstream/{ARCHIVE.relative_to(ROOT)}"' in options


def test_a_job_does_not_see_the_plugins(spark_submit: Path) -> None:
    local_task().execute(Context())

    assert (spark_submit / "pythonpath").read_text().strip() == "/opt/clickstream"


def test_an_argument_that_renders_to_nothing_is_left_out(spark_submit: Path) -> None:
    local_task("--landing-hour", "2026-11-22T10", "").execute(Context())

    assert "" not in (spark_submit / "arguments").read_text().splitlines()


def test_a_failing_job_fails_the_task_with_its_last_lines(spark_submit: Path) -> None:
    with pytest.raises(Exception, match="no such table"):
        local_task("fail").execute(Context())


def test_a_missing_connection_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SPARK_LOCAL", raising=False)

    with pytest.raises(AirflowNotFoundException, match="spark_local"):
        local_task().execute(Context())


def test_arguments_are_templates() -> None:
    assert isinstance(local_task(), LocalSparkSubmitOperator)
    assert "application_args" in LocalSparkSubmitOperator.template_fields
    assert "job_driver" in IdempotentEmrServerlessOperator.template_fields


def test_emr_serverless_runs_the_same_entry_point_with_the_same_arguments() -> None:
    task = spark_task("transform", "run_transform_events", ["--landing-hour", "2026-11-22T10"], settings(EMR))

    assert isinstance(task, IdempotentEmrServerlessOperator)
    assert task.entry_point == "run_transform_events"
    assert task.job_driver["sparkSubmit"]["entryPointArguments"] == [*LAKE_ARGUMENTS, "--landing-hour", "2026-11-22T10"]


@pytest.mark.parametrize(
    "spark",
    [pytest.param(LocalSparkSettings(project=Path("/opt/clickstream")), id="local"), pytest.param(EMR, id="emr")],
)
def test_a_task_that_must_be_alone_takes_every_slot(spark: LocalSparkSettings | EmrServerlessSettings) -> None:
    two_slots = replace(settings(spark), spark_slots=2)

    assert spark_task("erase", "run_erase_user", [], two_slots, alone=True).pool_slots == 2
    assert spark_task("transform", "run_transform_events", [], two_slots).pool_slots == 1


def test_airflow_waits_at_least_as_long_as_the_job_may_take() -> None:
    task = spark_task("transform", "run_transform_events", [], settings(EMR))

    assert isinstance(task, IdempotentEmrServerlessOperator)
    assert task.give_up_after > timedelta(minutes=task.config["executionTimeoutMinutes"])
