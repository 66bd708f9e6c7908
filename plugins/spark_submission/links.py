"""What a Spark task reads and writes → the buttons on its page in Airflow that lead there.

On AWS to the console, S3's and Glue's; on a local cloud, which has none, to S3's own listing of the files.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

from airflow.sdk import BaseOperatorLink

from contracts.partitions import landing_prefix, parse_hour_key
from contracts.tables import Table
from pipeline_settings import PipelineSettings

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
        """The button's text."""
        return self._name

    @property
    def xcom_key(self) -> str:
        """One for each button, where Airflow's default is one for each class."""
        return f"_link_{self._name}"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002
        """Return the address, for the `partition` that the operator has by then rendered."""
        return self._address(operator.partition)


def raw_objects_link(settings: PipelineSettings) -> LakeLink:
    """Return the button that shows the raw objects of the task's landing hour."""
    bucket = _bucket(settings.lake.raw_uri)

    def address(landing_hour: str) -> str:
        return _s3_address(settings, bucket, landing_prefix(parse_hour_key(landing_hour)))

    return LakeLink("raw objects", address)


def table_links(settings: PipelineSettings, tables: Sequence[Table]) -> list[LakeLink]:
    """Return a button for each table."""
    return [LakeLink(table.name, _always(_table_address(settings, table))) for table in tables]


def _always(address: str) -> Callable[[str], str]:
    return lambda _: address


def _table_address(settings: PipelineSettings, table: Table) -> str:
    lake = settings.lake
    if settings.endpoint_url:
        return _s3_address(settings, _bucket(lake.warehouse_uri), f"{_key(lake.warehouse_uri)}/{table.name}/")
    view = f"tables/view/{table.name}?database={quote(lake.database)}"
    return f"{_CONSOLE}/glue/home?{urlencode(_region(settings))}#/v2/data-catalog/{view}"


def _s3_address(settings: PipelineSettings, bucket: str, prefix: str) -> str:
    if settings.endpoint_url:
        return f"{settings.endpoint_url}/{bucket}?{urlencode({'list-type': '2', 'prefix': prefix})}"
    return f"{_CONSOLE}/s3/buckets/{bucket}?{urlencode({**_region(settings), 'prefix': prefix})}"


def _region(settings: PipelineSettings) -> dict[str, str]:
    # Without it the console opens in the region that the person was in last.
    return {"region": settings.region} if settings.region else {}


def _bucket(uri: str) -> str:
    return uri.removeprefix("s3://").split("/", 1)[0]


def _key(uri: str) -> str:
    return uri.removeprefix("s3://").partition("/")[2]
