"""An environment's name → the numbers in which its template differs from another's.

The template is the same everywhere: what a laptop needs differently from production is a number here, never a branch in
a construct. Each construct takes the group of its own numbers. What the DAGs must know of them is an output of the
stack, so that no number stands in two places (`infra/outputs.py`).
"""

import platform
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from contracts.names import EnvironmentNames
from contracts.partitions import LONGEST_DELIVERY
from contracts.rules import RAW_RETENTION_DAYS
from infra.errors import UnknownEnvironmentError


@dataclass(frozen=True, kw_only=True)
class StreamSettings:
    """The event stream: its shards when it is created, and how long it keeps a record (`LONGEST_DELIVERY` at most).

    `scaling` is the mode of the DAG `scale_event_stream`: `off`, `advise` or `on`. It keeps the shards between
    `minimum_shards` and `maximum_shards`; the account's quota must have room for twice as many, while a stream is
    resized.
    """

    open_shards: int
    retention_hours: int
    scaling: str = "advise"
    minimum_shards: int = 1
    maximum_shards: int = 200

    def __post_init__(self) -> None:
        if self.scaling not in ("off", "advise", "on"):
            raise ValueError(f"scaling is {self.scaling!r}: take 'off', 'advise' or 'on'")
        if not 1 <= self.minimum_shards <= self.open_shards <= self.maximum_shards:
            raise ValueError(
                f"{self.open_shards} open shards are not between {self.minimum_shards} and {self.maximum_shards}"
            )


_ORIGIN: Final = re.compile(r"https?://[a-z0-9.-]+(:\d+)?")


@dataclass(frozen=True, kw_only=True)
class CorsSettings:
    """Which pages may send events from a browser: `*` for any, or origins as a browser writes them (`https://shop.example`).

    `headers` are those that a page may set. A browser asks again after `max_age_seconds`; Chromium after two hours at
    the latest.
    """

    origins: tuple[str, ...] = ("*",)
    headers: tuple[str, ...] = ("Content-Type", "Content-Encoding")
    max_age_seconds: int = 7_200

    def __post_init__(self) -> None:
        wrong = [origin for origin in self.origins if origin != "*" and not _ORIGIN.fullmatch(origin)]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no origin: write scheme, host and port only, as in https://shop.example")
        if not self.origins or ("*" in self.origins and len(self.origins) > 1):
            raise ValueError(f"origins are {self.origins}: name one at least, or '*' alone")

    @property
    def any_origin(self) -> bool:
        """Whether any page may send events."""
        return self.origins == ("*",)


@dataclass(frozen=True, kw_only=True)
class ApiSettings:
    """What the API lets through.

    `request_rate` (per second) and `request_burst` are the stage's throttle, which answers 429. `address_limit` is how
    many requests one IP address may send in five minutes before WAF answers 403.

    `access_log_days` says how long CloudWatch keeps a line for each request, without address and body; None: no log.
    With a `usage_plan` whoever sends events must show a key, so browsers can't.

    With `behind_proxy`, a proxy that shows the stack's output ProxyKey says whose request it passes on
    (docs/browser.md); who calls the API directly is still known by the own address.
    """

    request_rate: int
    request_burst: int
    address_limit: int
    cors: CorsSettings = CorsSettings()
    behind_proxy: bool = False
    access_log_days: int | None = 30
    usage_plan: "UsagePlanSettings | None" = None
    domain: "DomainSettings | None" = None


@dataclass(frozen=True, kw_only=True)
class UsagePlanSettings:
    """How many requests the holder of the key may send; the stack's output ApiKeyId is the key's id, not the key."""

    request_rate: int
    request_burst: int
    requests_per_day: int


@dataclass(frozen=True, kw_only=True)
class DomainSettings:
    """A host name of your own for the API alone, with a certificate of ACM's in the stack's region.

    The name's DNS is yours: point it to the stack's output ApiDomainTarget.
    """

    name: str
    certificate_arn: str


@dataclass(frozen=True, kw_only=True)
class DeliverySettings:
    """Firehose closes an object after `buffer_seconds` (0–900) or `buffer_mebibytes` (1–128), whichever comes first."""

    buffer_seconds: int
    buffer_mebibytes: int
    log_retention_days: int


@dataclass(frozen=True, kw_only=True)
class LakeSettings:
    """After how many days S3 deletes an object of each kind; the tables' files never expire.

    After `table_tiering_days` S3 keeps a table's file for less while nobody reads it (Intelligent-Tiering); what is
    written again sooner, by late events and by maintenance, is not worth the move.
    """

    raw_expiry_days: int
    error_expiry_days: int
    query_result_expiry_days: int
    table_tiering_days: int = 7


@dataclass(frozen=True, kw_only=True)
class WarmWorkers:
    """Workers of 4 vCPU and 16 GB that wait for jobs, and are paid for, until the application stops."""

    drivers: int = 1
    executors: int = 2


@dataclass(frozen=True, kw_only=True)
class ComputeSettings:
    """EMR Serverless: its release, what its jobs may take together, and after how many idle minutes it stops.

    A job's driver and executors have 4 vCPU and 15 GB each; a job waits while the maximum is in use. Logs of jobs are
    kept for `log_days`. Without `warm` workers a job takes two minutes to start. Airflow's role is for `ec2` machines,
    `ecs` tasks or `eks` pods.
    """

    maximum_vcpu: int
    maximum_memory_gb: int
    maximum_disk_gb: int
    log_days: int
    release: str = "emr-spark-8.0.0"
    architecture: str = "ARM64"
    idle_minutes: int = 15
    warm: WarmWorkers | None = None
    airflow_runs_on: str = "ec2"

    @property
    def package_architecture(self) -> str:
        """The architecture as packages of jobs are named (contracts/job_package.py)."""
        return self.architecture.lower()

    def __post_init__(self) -> None:
        if self.maximum_vcpu < 8:
            raise ValueError(f"maximum_vcpu is {self.maximum_vcpu}: a driver and one executor take 8")
        if self.architecture not in ("ARM64", "X86_64"):
            raise ValueError(f"architecture is {self.architecture!r}: take 'ARM64' or 'X86_64'")
        if self.airflow_runs_on not in ("ec2", "ecs", "eks"):
            raise ValueError(f"airflow_runs_on is {self.airflow_runs_on!r}: take 'ec2', 'ecs' or 'eks'")


_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True, kw_only=True)
class AlarmSettings:
    """When people are told, and who: `email` gets what the topic gets, once its owner has confirmed it.

    `silent_hours` (1–24) without any request are an alarm; so is a share of refused requests above `refused_share`, or
    more than `blocked_requests` that the firewall blocks in five minutes. `monthly_dollars` is a budget of this
    environment's costs, by its tag.
    """

    silent_hours: int
    refused_share: float = 0.05
    blocked_requests: int = 1_000
    email: str | None = None
    monthly_dollars: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.silent_hours <= 24:
            raise ValueError(f"silent_hours is {self.silent_hours}: CloudWatch looks at 1 to 24 hours")
        if self.email is not None and not _EMAIL.fullmatch(self.email):
            raise ValueError(f"{self.email!r} is no e-mail address that alarms could be sent to")


@dataclass(frozen=True, kw_only=True)
class SameOriginSettings:
    """A CloudFront distribution for a shop's own `domain`: below `path` the API, elsewhere the pages of `pages_host`.

    The certificate is ACM's for the domain, in us-east-1, where CloudFront wants it. The domain's DNS is yours: point
    it to the stack's output SameOriginTarget.
    """

    domain: str
    pages_host: str
    certificate_arn: str
    path: str = "/e"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"(/[A-Za-z0-9_-]+)+", self.path):
            raise ValueError(f"the path {self.path!r} does not begin with a slash, or ends with one: write it like /e")


@dataclass(frozen=True, kw_only=True)
class EnvironmentSettings:
    """One environment.

    Athena stops a query that would scan more than `query_gibibytes`. With `keep_data`, stream and buckets stay when the
    stack is deleted, but not when their first creation is rolled back: their names are fixed, and the next one would
    find them taken. With `own_key`, all that rests is encrypted by a key of the account's own. `same_origin` puts the
    API under a shop's own domain, for which it must be `behind_proxy`.
    """

    names: EnvironmentNames
    stream: StreamSettings
    api: ApiSettings
    delivery: DeliverySettings
    lake: LakeSettings
    compute: ComputeSettings
    alarms: AlarmSettings
    query_gibibytes: int
    keep_data: bool
    own_key: bool = False
    same_origin: SameOriginSettings | None = None

    def __post_init__(self) -> None:
        if self.same_origin is not None and not self.api.behind_proxy:
            raise ValueError(
                f"{self.names.environment} has same_origin, so set behind_proxy of its API: else all visitors have "
                "CloudFront's addresses, and the firewall blocks them together"
            )


#: As much as an account may use at a time before it asks for more: a driver and three executors.
_COMPUTE: Final = ComputeSettings(maximum_vcpu=16, maximum_memory_gb=64, maximum_disk_gb=800, log_days=30)
#: The local cloud runs jobs on the machine that it is on.
_THIS_MACHINE: Final = "ARM64" if platform.machine() in ("arm64", "aarch64") else "X86_64"

ENVIRONMENTS: Final = {
    settings.names.environment: settings
    for settings in (
        EnvironmentSettings(
            names=EnvironmentNames(environment="local"),
            stream=StreamSettings(open_shards=4, retention_hours=24),
            api=ApiSettings(request_rate=10_000, request_burst=5_000, address_limit=2_000_000_000),
            delivery=DeliverySettings(buffer_seconds=5, buffer_mebibytes=16, log_retention_days=14),
            lake=LakeSettings(raw_expiry_days=RAW_RETENTION_DAYS, error_expiry_days=30, query_result_expiry_days=7),
            compute=replace(_COMPUTE, architecture=_THIS_MACHINE),
            alarms=AlarmSettings(silent_hours=24),
            query_gibibytes=100,
            keep_data=False,
        ),
        EnvironmentSettings(
            names=EnvironmentNames(environment="dev"),
            stream=StreamSettings(open_shards=1, retention_hours=24, scaling="on", maximum_shards=8),
            api=ApiSettings(request_rate=500, request_burst=1_000, address_limit=100_000),
            delivery=DeliverySettings(buffer_seconds=15, buffer_mebibytes=64, log_retention_days=14),
            lake=LakeSettings(raw_expiry_days=30, error_expiry_days=30, query_result_expiry_days=7),
            compute=_COMPUTE,
            alarms=AlarmSettings(silent_hours=24),
            query_gibibytes=100,
            keep_data=False,
        ),
        EnvironmentSettings(
            names=EnvironmentNames(environment="prod"),
            # 5,000 requests/s of one event each fill the shards to 63 %; from there the DAG adds more.
            stream=StreamSettings(
                open_shards=8,
                minimum_shards=8,
                retention_hours=LONGEST_DELIVERY // timedelta(hours=1),
                scaling="on",
            ),
            api=ApiSettings(request_rate=5_000, request_burst=5_000, address_limit=100_000),
            delivery=DeliverySettings(buffer_seconds=15, buffer_mebibytes=128, log_retention_days=90),
            lake=LakeSettings(raw_expiry_days=RAW_RETENTION_DAYS, error_expiry_days=90, query_result_expiry_days=7),
            compute=_COMPUTE,
            alarms=AlarmSettings(silent_hours=1),
            query_gibibytes=1_000,
            keep_data=True,
        ),
    )
}


def settings_of(environment: str) -> EnvironmentSettings:
    """Return an environment's settings; raise `UnknownEnvironmentError` for a name that has none."""
    try:
        return ENVIRONMENTS[environment]
    except KeyError:
        raise UnknownEnvironmentError(environment, known=sorted(ENVIRONMENTS)) from None
