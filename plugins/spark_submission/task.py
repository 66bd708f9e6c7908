"""Entry point, arguments, settings → an operator. Nothing else in a DAG differs between a laptop and AWS."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator

from contracts.names import LakeLocation
from dag_conventions.conventions import SPARK_POOL, SPARK_TIMEOUT
from pipeline_settings import LocalSparkSettings, PipelineSettings
from spark_submission.links import LakeLink


def spark_task(
    task_id: str,
    entry_point: str,
    arguments: Sequence[str],
    settings: PipelineSettings,
    *,
    timeout: timedelta = SPARK_TIMEOUT,
    alone: bool = False,
    before: Callable[[Any], None] | None = None,
    partition: str = "",
    links: Sequence[LakeLink] = (),
) -> BaseOperator:
    """Return the task that runs `spark_jobs/<entry_point>.py` on the lake of `settings`.

    Arguments are templates; one that renders to nothing is left out, so that a flag can depend on the run. A task that
    must be `alone` takes every slot of the pool: it starts when no other Spark task runs, and none starts meanwhile.
    `before` is called with the task's context in each try, in the same process, before anything is logged.
    `links` are buttons on the task's page that lead to what it reads and writes; `partition` is the template of the key
    that some of their addresses need.
    """
    slots = settings.spark_slots if alone else 1
    arguments = [*_lake_arguments(settings.lake), *arguments]
    # Each provider takes a second or two to import, at every parse of a DAG: only the one that is used.
    if isinstance(settings.spark, LocalSparkSettings):
        from spark_submission.local import LocalSparkSubmitOperator

        return LocalSparkSubmitOperator(
            task_id=task_id,
            entry_point=entry_point,
            project=settings.spark.project,
            arguments=arguments,
            pool=SPARK_POOL,
            pool_slots=slots,
            execution_timeout=timeout,
            pre_execute=before,
            partition=partition,
            links=links,
        )
    from spark_submission.emr_serverless import emr_serverless_task

    return emr_serverless_task(
        task_id=task_id,
        entry_point=entry_point,
        emr=settings.spark,
        arguments=arguments,
        timeout=timeout,
        pool=SPARK_POOL,
        pool_slots=slots,
        before=before,
        partition=partition,
        links=links,
    )


def _lake_arguments(lake: LakeLocation) -> list[str]:
    arguments = ["--raw-uri", lake.raw_uri, "--warehouse-uri", lake.warehouse_uri, "--database", lake.database]
    return [*arguments, "--keep-ip-addresses"] if lake.keep_ip_addresses else arguments
