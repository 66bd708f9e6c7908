"""Environment variables → `PipelineSettings`: where the lake is, where Spark runs, how long Firehose buffers.

A DAG file reads them once, when it is parsed, and hands them down. A variable that is missing or wrong stops the
parsing with one sentence that Airflow's UI shows, instead of failing a task at three in the morning.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import AfterValidator, AliasGenerator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from contracts.event_settings import EventSettingsError, event_settings_from
from contracts.names import EnvironmentNames, LakeLocation
from contracts.rules import RAW_RETENTION_DAYS

#: Firehose's default, and its largest (docs.aws.amazon.com/firehose/latest/APIReference/API_BufferingHints.html).
DEFAULT_BUFFER_SECONDS: Final = 300
MAX_BUFFER_SECONDS: Final = 900
MAX_SPARK_SLOTS: Final = 100
MAX_RETENTION_DAYS: Final = 36_500
#: How long a question waits for a person, unless the environment says otherwise: one working day and its night.
DEFAULT_ANSWER_HOURS: Final = 24
#: A run that waits longer than two weeks is forgotten.
MAX_ANSWER_HOURS: Final = 336


class SettingsError(Exception):
    """An environment variable of the pipeline is missing or cannot be used; the message names it."""


def _environment_name(text: str) -> str:
    return EnvironmentNames(environment=text).environment


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError(path)
    return path


_Folder = Annotated[str, AfterValidator(lambda text: text.rstrip("/"))]


class _Section(BaseModel):
    """Variables by their names; a field's description completes the sentence "it must be …"."""

    model_config = ConfigDict(
        frozen=True,
        validate_by_name=True,
        alias_generator=AliasGenerator(validation_alias=lambda field: f"CLICKSTREAM_{field.upper()}"),
    )


class LocalSparkSettings(_Section):
    """`spark-submit` on the machine of the Airflow worker; `project` holds spark_jobs/, what it imports, and jars/."""

    project: Annotated[Path, AfterValidator(_absolute)] = Field(description="the absolute path of the repository")


class EmrServerlessSettings(_Section):
    """An EMR Serverless application; `code_uri` is the folder into which `make publish` writes packages of jobs."""

    application_id: str = Field(validation_alias="CLICKSTREAM_EMR_APPLICATION_ID")
    execution_role_arn: str = Field(validation_alias="CLICKSTREAM_EMR_ROLE_ARN")
    code_uri: _Folder
    log_uri: str | None = Field(default=None, validation_alias="CLICKSTREAM_EMR_LOG_URI")


Spark = TypeVar("Spark", LocalSparkSettings, EmrServerlessSettings)


class _Variables(_Section, Generic[Spark]):
    environment: Annotated[str, AfterValidator(_environment_name)]
    raw_uri: _Folder
    warehouse_uri: _Folder
    database: str
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
    alarm_topic: str | None = Field(
        default=None, pattern="^arn:aws[a-z-]*:sns:", description="the ARN of an SNS topic (the stack's AlarmTopic)"
    )
    answer_hours: int = Field(
        DEFAULT_ANSWER_HOURS,
        ge=1,
        le=MAX_ANSWER_HOURS,
        description=f"the hours for which a question waits for a person's answer, 1–{MAX_ANSWER_HOURS}",
    )
    approvers: str = Field(
        default="", description="ids of Airflow's users who may answer, separated by commas; empty: all who may edit"
    )
    # The variables that AWS's own clients read.
    endpoint_url: str | None = Field(default=None, validation_alias="AWS_ENDPOINT_URL")
    region: str | None = Field(default=None, validation_alias="AWS_REGION")
    default_region: str | None = Field(default=None, validation_alias="AWS_DEFAULT_REGION")
    spark: Spark = Field(validation_alias="spark")

    @model_validator(mode="before")
    @classmethod
    def _give_spark_the_same(cls, environ: dict[str, str]) -> dict[str, Any]:
        return {**environ, "spark": environ}


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
    #: The topic that is told of a run that failed, if any.
    alarm_topic: str | None = None
    #: How long a question waits for a person; without an answer by then, nothing changes.
    answer_within: timedelta = timedelta(hours=DEFAULT_ANSWER_HOURS)
    #: The ids of Airflow's users who may answer; none: all who may edit the runs of DAGs.
    approvers: tuple[str, ...] = ()
    #: Links from Airflow lead to a local cloud at this address, or, without it, to AWS's console in this region.
    endpoint_url: str | None = None
    region: str | None = None


def settings_from(environ: Mapping[str, str]) -> PipelineSettings:
    """Return the settings that `environ` holds; raise `SettingsError` that names every wrong or missing variable."""
    place = environ.get("CLICKSTREAM_SPARK") or "local"
    if place not in ("local", "emr-serverless"):
        raise SettingsError(f"CLICKSTREAM_SPARK is {place!r}; it must be 'local' or 'emr-serverless'")
    kind = _Variables[LocalSparkSettings] if place == "local" else _Variables[EmrServerlessSettings]
    wrong: list[str] = []
    given = {name: text for name, text in environ.items() if text and name.startswith(("CLICKSTREAM_", "AWS_"))}
    try:
        found = kind.model_validate(given)
    except ValidationError as error:
        wrong = list(_sentences(error))
    try:
        events = event_settings_from(given)
    except EventSettingsError as error:
        wrong.append(str(error))
    if wrong:
        raise SettingsError("; ".join(wrong))
    return PipelineSettings(
        environment=EnvironmentNames(environment=found.environment),
        lake=LakeLocation(
            raw_uri=found.raw_uri,
            warehouse_uri=found.warehouse_uri,
            database=found.database,
            events=events,
        ),
        buffer_interval=timedelta(seconds=found.buffer_seconds),
        spark=found.spark,
        spark_slots=found.spark_slots,
        raw_retention=timedelta(days=found.raw_retention_days),
        alarm_topic=found.alarm_topic,
        answer_within=timedelta(hours=found.answer_hours),
        approvers=tuple(dict.fromkeys(filter(None, map(str.strip, found.approvers.split(","))))),
        endpoint_url=found.endpoint_url,
        region=found.region or found.default_region,
    )


def _sentences(error: ValidationError) -> Iterator[str]:
    """Yield what is wrong and what to do about it, the missing variables first."""
    missing = ", ".join(str(wrong["loc"][-1]) for wrong in error.errors() if wrong["type"] == "missing")
    if missing:
        yield (
            f"{missing} not set: set them for all of Airflow's services, from the outputs of the stack "
            "(make outputs prints them)"
        )
    sections = (_Variables, LocalSparkSettings)
    allowed = {field.validation_alias: field.description for one in sections for field in one.model_fields.values()}
    for wrong in error.errors():
        if wrong["type"] != "missing":
            name = str(wrong["loc"][-1])
            must = f"it must be {allowed[name]}" if allowed[name] else wrong["msg"].removeprefix("Value error, ")
            yield f"{name} is {wrong['input']!r}; {must}"
