"""An environment's name → the numbers in which its template differs from another's.

The template is the same everywhere: what a laptop needs differently from production is a number here, never a branch in
a construct.
"""

from dataclasses import dataclass
from typing import Final

from contracts.names import EnvironmentNames
from contracts.privacy import RAW_RETENTION_DAYS
from infra.errors import UnknownEnvironmentError


@dataclass(frozen=True, kw_only=True)
class EnvironmentSettings:
    """One environment. The app hands each construct the few values that it needs, never this object.

    `address_limit` is what one IP address may ask for in five minutes before WAF answers 403; `request_rate` (per
    second) and `request_burst` are the stage's throttle, 429. An Athena query that would scan more than
    `query_gibibytes` is stopped. Expiry is in days.
    """

    names: EnvironmentNames
    open_shards: int
    retention_hours: int
    buffer_seconds: int
    buffer_mebibytes: int
    request_rate: int
    request_burst: int
    address_limit: int
    raw_expiry_days: int
    error_expiry_days: int
    log_retention_days: int
    query_result_expiry_days: int
    query_gibibytes: int
    keep_data: bool


ENVIRONMENTS: Final = {
    settings.names.environment: settings
    for settings in (
        EnvironmentSettings(
            names=EnvironmentNames(environment="local"),
            open_shards=4,
            retention_hours=24,
            buffer_seconds=5,
            buffer_mebibytes=16,
            request_rate=10_000,
            request_burst=5_000,
            address_limit=2_000_000_000,
            raw_expiry_days=RAW_RETENTION_DAYS,
            error_expiry_days=30,
            log_retention_days=14,
            query_result_expiry_days=7,
            query_gibibytes=100,
            keep_data=False,
        ),
        EnvironmentSettings(
            names=EnvironmentNames(environment="dev"),
            open_shards=1,
            retention_hours=24,
            buffer_seconds=60,
            buffer_mebibytes=64,
            request_rate=500,
            request_burst=1_000,
            address_limit=100_000,
            raw_expiry_days=30,
            error_expiry_days=30,
            log_retention_days=14,
            query_result_expiry_days=7,
            query_gibibytes=100,
            keep_data=False,
        ),
        EnvironmentSettings(
            names=EnvironmentNames(environment="prod"),
            open_shards=4,
            retention_hours=72,
            buffer_seconds=60,
            buffer_mebibytes=128,
            request_rate=10_000,
            request_burst=5_000,
            address_limit=100_000,
            raw_expiry_days=RAW_RETENTION_DAYS,
            error_expiry_days=90,
            log_retention_days=90,
            query_result_expiry_days=7,
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
