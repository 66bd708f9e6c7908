"""Environment variables → `PipelineSettings`: where the lake is, where Spark runs, how long Firehose buffers.

A DAG file reads them once, when it is parsed, and hands them down. A variable that is missing or wrong stops the
parsing with one sentence that Airflow's UI shows, instead of failing a task at three in the morning.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AliasGenerator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

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
    """`spark-submit` on the machine of the Airflow worker; `project` holds spark_jobs/, contracts/ and jars/."""

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
    """The settings of one environment's DAGs."""

    environment: EnvironmentNames
    lake: LakeLocation
    buffer_interval: timedelta
    spark: LocalSparkSettings | EmrServerlessSettings
    #: Slots of the pool `spark`; a task that takes them all runs beside no other Spark task.
    spark_slots: int = 1
    #: How long the raw bucket's lifecycle keeps an object; rejected lines are kept as long.
    raw_retention: timedelta = timedelta(days=RAW_RETENTION_DAYS)
    #: Links from Airflow lead to a local cloud at this address, or, without it, to AWS's console in this region.
    endpoint_url: str | None = None
    region: str | None = None


def settings_from(environ: Mapping[str, str]) -> PipelineSettings:
    """Return the settings that `environ` holds; raise `SettingsError` that names every wrong or missing variable."""
    place = environ.get("CLICKSTREAM_SPARK") or "local"
    if place not in ("local", "emr-serverless"):
        raise SettingsError(f"CLICKSTREAM_SPARK is {place!r}; it must be 'local' or 'emr-serverless'")
    variables = _LocalVariables if place == "local" else _EmrServerlessVariables
    try:
        return variables.model_validate({name: text for name, text in environ.items() if text}).settings()
    except ValidationError as error:
        raise SettingsError(_sentences(error.errors(), variables)) from error


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError(path)
    return path


_Name = Annotated[str, AfterValidator(lambda text: EnvironmentNames(environment=text).environment)]
_Folder = Annotated[str, AfterValidator(lambda text: text.rstrip("/"))]


class _Variables(BaseModel):
    """The variables by their names; a description completes the sentence "it must be …"."""

    model_config = ConfigDict(alias_generator=AliasGenerator(lambda field: f"CLICKSTREAM_{field.upper()}"))

    environment: _Name
    raw_uri: _Folder
    warehouse_uri: _Folder
    database: str
    keep_ip_addresses: Literal["true", "false"] = Field("false", description="'true' or 'false'")
    buffer_seconds: int = Field(
        DEFAULT_BUFFER_SECONDS,
        ge=0,
        le=MAX_BUFFER_SECONDS,
        description=f"Firehose's buffer interval in seconds, 0–{MAX_BUFFER_SECONDS}",
    )
    spark_slots: int = Field(
        1, ge=1, le=MAX_SPARK_SLOTS, description=f"the number of slots of Airflow's pool `spark`, 1–{MAX_SPARK_SLOTS}"
    )
    raw_retention_days: int = Field(
        RAW_RETENTION_DAYS,
        ge=1,
        le=MAX_RETENTION_DAYS,
        description="the days after which the raw bucket's lifecycle removes an object (raw_expiry_days in "
        f"infra/settings.py), 1–{MAX_RETENTION_DAYS}",
    )
    # The variables that AWS's own clients read.
    endpoint_url: str | None = Field(None, alias="AWS_ENDPOINT_URL")
    region: str | None = Field(None, alias="AWS_REGION")
    default_region: str | None = Field(None, alias="AWS_DEFAULT_REGION")

    def spark(self) -> LocalSparkSettings | EmrServerlessSettings:
        raise NotImplementedError

    def settings(self) -> PipelineSettings:
        return PipelineSettings(
            environment=EnvironmentNames(environment=self.environment),
            lake=LakeLocation(
                raw_uri=self.raw_uri,
                warehouse_uri=self.warehouse_uri,
                database=self.database,
                keep_ip_addresses=self.keep_ip_addresses == "true",
            ),
            buffer_interval=timedelta(seconds=self.buffer_seconds),
            spark=self.spark(),
            spark_slots=self.spark_slots,
            raw_retention=timedelta(days=self.raw_retention_days),
            endpoint_url=self.endpoint_url,
            region=self.region or self.default_region,
        )


class _LocalVariables(_Variables):
    project: Annotated[Path, AfterValidator(_absolute)] = Field(description="the absolute path of the repository")

    def spark(self) -> LocalSparkSettings:
        return LocalSparkSettings(project=self.project)


class _EmrServerlessVariables(_Variables):
    emr_application_id: str
    emr_role_arn: str
    code_uri: _Folder
    emr_log_uri: str | None = None

    def spark(self) -> EmrServerlessSettings:
        return EmrServerlessSettings(
            application_id=self.emr_application_id,
            execution_role_arn=self.emr_role_arn,
            code_uri=self.code_uri,
            log_uri=self.emr_log_uri,
        )


def _sentences(errors: list[ErrorDetails], variables: type[_Variables]) -> str:
    """Return what is wrong and what to do, missing variables first."""
    missing = ", ".join(str(error["loc"][0]) for error in errors if error["type"] == "missing")
    remedy = "from the outputs of the stack (python -m infra.deploy prints them)"
    sentences = [f"{missing} not set: set them for all of Airflow's services, {remedy}"] if missing else []
    allowed = {field.alias: field.description for field in variables.model_fields.values()}
    for error in errors:
        if error["type"] != "missing":
            name = str(error["loc"][0])
            wrong = f"it must be {allowed[name]}" if allowed[name] else error["msg"].removeprefix("Value error, ")
            sentences.append(f"{name} is {error['input']!r}; {wrong}")
    return "; ".join(sentences)
