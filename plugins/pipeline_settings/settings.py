"""Environment variables → where the lake lies, where Spark runs and how often at once, how long Firehose buffers.

A variable that is missing or wrong stops the DAG file from being parsed, with one sentence that Airflow's UI shows,
rather than a task at three in the morning.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from contracts.names import EnvironmentNames, LakeLocation
from contracts.privacy import RAW_RETENTION_DAYS

#: Firehose's default, and its largest (docs.aws.amazon.com/firehose/latest/APIReference/API_BufferingHints.html).
DEFAULT_BUFFER_SECONDS: Final = 300
MAX_BUFFER_SECONDS: Final = 900
MAX_SPARK_SLOTS: Final = 100
MAX_RETENTION_DAYS: Final = 36_500


class SettingsError(Exception):
    """An environment variable of the pipeline is missing or cannot be used; the message names it."""


@dataclass(frozen=True, kw_only=True)
class LocalSparkSettings:
    """`spark-submit` on the machine of the Airflow worker; `project` holds spark_jobs/, what it imports, and jars/."""

    project: Path


@dataclass(frozen=True, kw_only=True)
class EmrServerlessSettings:
    """An EMR Serverless application; `code_uri` holds spark_jobs/run_*.py and the packages they import as a zip."""

    application_id: str
    execution_role_arn: str
    code_uri: str
    log_uri: str | None = None


@dataclass(frozen=True, kw_only=True)
class PipelineSettings:
    """What the DAGs of one environment are made with."""

    environment: EnvironmentNames
    lake: LakeLocation
    buffer_interval: timedelta
    spark: LocalSparkSettings | EmrServerlessSettings
    #: Slots of the pool `spark`: what takes them all runs beside no other Spark task.
    spark_slots: int = 1
    #: How long the raw bucket's lifecycle keeps an object; rejected lines are kept as long.
    raw_retention: timedelta = timedelta(days=RAW_RETENTION_DAYS)
    #: Where links from Airflow lead: to a local cloud at this address, or, without, to AWS's console in this region.
    endpoint_url: str | None = None
    region: str | None = None


def settings_from(environ: Mapping[str, str]) -> PipelineSettings:
    """Return the settings that `environ` holds; raise `SettingsError` that names every missing variable."""
    place = environ.get("CLICKSTREAM_SPARK", "local")
    _require(environ, _COMMON + _needed_by(place))
    try:
        environment = EnvironmentNames(environment=environ["CLICKSTREAM_ENVIRONMENT"])
    except ValueError as error:
        raise SettingsError(f"CLICKSTREAM_ENVIRONMENT: {error}") from error
    return PipelineSettings(
        environment=environment,
        lake=LakeLocation(
            raw_uri=environ["CLICKSTREAM_RAW_URI"].rstrip("/"),
            warehouse_uri=environ["CLICKSTREAM_WAREHOUSE_URI"].rstrip("/"),
            database=environ["CLICKSTREAM_DATABASE"],
            keep_ip_addresses=_switch(environ, "CLICKSTREAM_KEEP_IP_ADDRESSES"),
        ),
        buffer_interval=_buffer_interval(environ.get("CLICKSTREAM_BUFFER_SECONDS", str(DEFAULT_BUFFER_SECONDS))),
        spark=_emr_serverless(environ) if place == "emr-serverless" else _local(environ),
        spark_slots=_spark_slots(environ.get("CLICKSTREAM_SPARK_SLOTS", "1")),
        raw_retention=_raw_retention(environ.get("CLICKSTREAM_RAW_RETENTION_DAYS", str(RAW_RETENTION_DAYS))),
        # The variables that AWS's own clients read.
        endpoint_url=environ.get("AWS_ENDPOINT_URL") or None,
        region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION"),
    )


_COMMON: Final = (
    "CLICKSTREAM_ENVIRONMENT",
    "CLICKSTREAM_RAW_URI",
    "CLICKSTREAM_WAREHOUSE_URI",
    "CLICKSTREAM_DATABASE",
)


def _needed_by(place: str) -> tuple[str, ...]:
    match place:
        case "local":
            return ("CLICKSTREAM_PROJECT",)
        case "emr-serverless":
            return ("CLICKSTREAM_EMR_APPLICATION_ID", "CLICKSTREAM_EMR_ROLE_ARN", "CLICKSTREAM_CODE_URI")
        case _:
            raise SettingsError(f"CLICKSTREAM_SPARK is {place!r}; it must be 'local' or 'emr-serverless'")


def _require(environ: Mapping[str, str], names: tuple[str, ...]) -> None:
    missing = [name for name in names if not environ.get(name)]
    if missing:
        raise SettingsError(
            f"{', '.join(missing)} not set: set them for all of Airflow's services, from the outputs of the stack "
            "(python -m infra.deploy prints them)"
        )


def _buffer_interval(text: str) -> timedelta:
    try:
        seconds = int(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= MAX_BUFFER_SECONDS:
        raise SettingsError(
            f"CLICKSTREAM_BUFFER_SECONDS is {text!r}; "
            f"it must be Firehose's buffer interval in seconds, 0–{MAX_BUFFER_SECONDS}"
        )
    return timedelta(seconds=seconds)


def _spark_slots(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_SPARK_SLOTS:
        raise SettingsError(
            f"CLICKSTREAM_SPARK_SLOTS is {text!r}; it must be the number of slots of Airflow's pool `spark`, "
            f"1–{MAX_SPARK_SLOTS}"
        )
    return int(text)


def _raw_retention(text: str) -> timedelta:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_RETENTION_DAYS:
        raise SettingsError(
            f"CLICKSTREAM_RAW_RETENTION_DAYS is {text!r}; it must be the days after which the raw bucket's lifecycle "
            f"removes an object (raw_expiry_days in infra/settings.py), 1–{MAX_RETENTION_DAYS}"
        )
    return timedelta(days=int(text))


def _switch(environ: Mapping[str, str], name: str) -> bool:
    text = environ.get(name, "false")
    if text not in ("true", "false"):
        raise SettingsError(f"{name} is {text!r}; it must be 'true' or 'false'")
    return text == "true"


def _local(environ: Mapping[str, str]) -> LocalSparkSettings:
    project = Path(environ["CLICKSTREAM_PROJECT"])
    if not project.is_absolute():
        raise SettingsError(f"CLICKSTREAM_PROJECT is {str(project)!r}; it must be the absolute path of the repository")
    return LocalSparkSettings(project=project)


def _emr_serverless(environ: Mapping[str, str]) -> EmrServerlessSettings:
    return EmrServerlessSettings(
        application_id=environ["CLICKSTREAM_EMR_APPLICATION_ID"],
        execution_role_arn=environ["CLICKSTREAM_EMR_ROLE_ARN"],
        code_uri=environ["CLICKSTREAM_CODE_URI"].rstrip("/"),
        log_uri=environ.get("CLICKSTREAM_EMR_LOG_URI"),
    )
