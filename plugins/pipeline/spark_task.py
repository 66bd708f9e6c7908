"""One of our Spark entry points → the Airflow task that runs it where this environment runs Spark, with its links.

Nothing else in a DAG differs between a laptop and AWS. A task's page in Airflow gets buttons that lead to what the task
reads and writes: on AWS to the consoles of S3 and Glue; on a local cloud, which has no console, to S3's own listing.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import quote, urlencode

from airflow.sdk import BaseOperator, BaseOperatorLink

from contracts.names import LakeLocation
from contracts.partitions import landing_prefix, parse_hour_key
from contracts.tables import Table
from pipeline.settings import LocalSparkSettings, PipelineSettings

#: Spark tasks take a slot of this pool, which limits how many sessions one machine (or EMR application) runs at a time.
SPARK_POOL: Final = "spark"

#: Longer than any hour's job; a job that hangs gives its slot back.
SPARK_TIMEOUT: Final = timedelta(hours=2)

_CONSOLE: Final = "https://console.aws.amazon.com"


class LakeLink(BaseOperatorLink):
    """A button; its address may depend on the partition that the task works on.

    Airflow asks for the address in the worker, after each try, and keeps it as an XCom.
    """

    def __init__(self, name: str, address: Callable[[str], str]) -> None:
        self._name = name
        self._address = address

    @property
    def name(self) -> str:
        """Return the button's text."""
        return self._name

    @property
    def xcom_key(self) -> str:
        """Return a key for each button, where Airflow's default is one for each class."""
        return f"_link_{self._name}"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002
        """Return the address, for the `partition` that the operator has rendered by then."""
        return self._address(operator.partition)


class JobLogsLink(LakeLink):
    """A button to the logs of the job that the task runs, where the provider's own would lead to AWS's console."""

    def __init__(self, settings: PipelineSettings) -> None:
        super().__init__("job logs", lambda uri: _s3_address(settings, uri, uri.split("/", 3)[3]))

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002
        """Return the address of the folder that the job writes its logs to; none before there is a job."""
        return self._address(operator.logs_uri) if operator.logs_uri else ""


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
    `links` are buttons on the task's page; `partition` is the template of the key that some of their addresses need.
    """
    common: dict[str, Any] = {
        "task_id": task_id,
        "entry_point": entry_point,
        "arguments": [*_lake_arguments(settings.lake), *arguments],
        "pool": SPARK_POOL,
        "pool_slots": settings.spark_slots if alone else 1,
        "pre_execute": before,
        "partition": partition,
        "links": links,
    }
    # Each provider takes a second or two to import, at every parse of a DAG; so only the one in use is imported.
    if isinstance(settings.spark, LocalSparkSettings):
        from pipeline.local_spark import LocalSparkSubmitOperator

        return LocalSparkSubmitOperator(project=settings.spark.project, execution_timeout=timeout, **common)
    from pipeline.emr_serverless import emr_serverless_task

    if settings.endpoint_url:
        common["links"] = [*links, JobLogsLink(settings)]
    return emr_serverless_task(emr=settings.spark, timeout=timeout, **common)


def raw_objects_link(settings: PipelineSettings) -> LakeLink:
    """Return the button that shows the raw objects of the task's landing hour."""

    def address(landing_hour: str) -> str:
        return _s3_address(settings, settings.lake.raw_uri, landing_prefix(parse_hour_key(landing_hour)))

    return LakeLink("raw objects", address)


def table_links(settings: PipelineSettings, tables: Sequence[Table]) -> list[LakeLink]:
    """Return a button for each table."""
    return [LakeLink(table.name, partial(_table_address, settings, table)) for table in tables]


def _lake_arguments(lake: LakeLocation) -> list[str]:
    arguments = ["--raw-uri", lake.raw_uri, "--warehouse-uri", lake.warehouse_uri, "--database", lake.database]
    return [*arguments, *lake.events.arguments()]


def _table_address(settings: PipelineSettings, table: Table, _partition: str) -> str:
    lake = settings.lake
    if settings.endpoint_url:
        _, _, folder = lake.warehouse_uri.removeprefix("s3://").partition("/")
        return _s3_address(settings, lake.warehouse_uri, f"{folder}/{table.name}/")
    view = f"tables/view/{table.name}?database={quote(lake.database)}"
    return f"{_CONSOLE}/glue/home?{urlencode(_region(settings))}#/v2/data-catalog/{view}"


def _s3_address(settings: PipelineSettings, uri: str, prefix: str) -> str:
    """Return the address that lists a prefix of the bucket in `uri`."""
    bucket = uri.removeprefix("s3://").split("/", 1)[0]
    if settings.endpoint_url:
        return f"{settings.endpoint_url}/{bucket}?{urlencode({'list-type': '2', 'prefix': prefix})}"
    return f"{_CONSOLE}/s3/buckets/{bucket}?{urlencode({**_region(settings), 'prefix': prefix})}"


def _region(settings: PipelineSettings) -> dict[str, str]:
    # Without a region the console opens in the one that the person used last.
    return {"region": settings.region} if settings.region else {}
