"""An environment's name → the numbers in which its template differs from another's.

The template is the same everywhere: what a laptop needs differently from production is a number here, never a branch in
a construct. Each construct takes the group of its own numbers. What the DAGs must know of them is an output of the
stack, so that no number stands in two places (`infra/outputs.py`).
"""

import re
from dataclasses import dataclass
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

    With `behind_proxy`, a proxy that shows the stack's output ProxyKey says whose request it passes on
    (docs/browser.md); who calls the API directly is still known by the own address.
    """

    request_rate: int
    request_burst: int
    address_limit: int
    cors: CorsSettings = CorsSettings()
    behind_proxy: bool = False


@dataclass(frozen=True, kw_only=True)
class DeliverySettings:
    """Firehose closes an object after `buffer_seconds` (0–900) or `buffer_mebibytes` (1–128), whichever comes first."""

    buffer_seconds: int
    buffer_mebibytes: int
    log_retention_days: int


@dataclass(frozen=True, kw_only=True)
class LakeSettings:
    """After how many days S3 deletes an object of each kind; the tables' files never expire."""

    raw_expiry_days: int
    error_expiry_days: int
    query_result_expiry_days: int


_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True, kw_only=True)
class AlarmSettings:
    """When people are told, and who: `email` gets what the topic gets, once its owner has confirmed it.

    `silent_hours` (1–24) without any request are an alarm; so is a share of refused requests above `refused_share`, or
    more than `blocked_requests` that the firewall blocks in five minutes.
    """

    silent_hours: int
    refused_share: float = 0.05
    blocked_requests: int = 1_000
    email: str | None = None

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
    find them taken. `same_origin` puts the API under a shop's own domain, for which it must be `behind_proxy`.
    """

    names: EnvironmentNames
    stream: StreamSettings
    api: ApiSettings
    delivery: DeliverySettings
    lake: LakeSettings
    alarms: AlarmSettings
    query_gibibytes: int
    keep_data: bool
    same_origin: SameOriginSettings | None = None

    def __post_init__(self) -> None:
        if self.same_origin is not None and not self.api.behind_proxy:
            raise ValueError(
                f"{self.names.environment} has same_origin, so set behind_proxy of its API: else all visitors have "
                "CloudFront's addresses, and the firewall blocks them together"
            )


ENVIRONMENTS: Final = {
    settings.names.environment: settings
    for settings in (
        EnvironmentSettings(
            names=EnvironmentNames(environment="local"),
            stream=StreamSettings(open_shards=4, retention_hours=24),
            api=ApiSettings(request_rate=10_000, request_burst=5_000, address_limit=2_000_000_000),
            delivery=DeliverySettings(buffer_seconds=5, buffer_mebibytes=16, log_retention_days=14),
            lake=LakeSettings(raw_expiry_days=RAW_RETENTION_DAYS, error_expiry_days=30, query_result_expiry_days=7),
            alarms=AlarmSettings(silent_hours=24),
            query_gibibytes=100,
            keep_data=False,
        ),
        EnvironmentSettings(
            names=EnvironmentNames(environment="dev"),
            stream=StreamSettings(open_shards=1, retention_hours=24, scaling="on", maximum_shards=8),
            api=ApiSettings(request_rate=500, request_burst=1_000, address_limit=100_000),
            delivery=DeliverySettings(buffer_seconds=60, buffer_mebibytes=64, log_retention_days=14),
            lake=LakeSettings(raw_expiry_days=30, error_expiry_days=30, query_result_expiry_days=7),
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
            delivery=DeliverySettings(buffer_seconds=60, buffer_mebibytes=128, log_retention_days=90),
            lake=LakeSettings(raw_expiry_days=RAW_RETENTION_DAYS, error_expiry_days=90, query_result_expiry_days=7),
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
