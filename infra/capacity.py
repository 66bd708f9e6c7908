"""Settings of an environment → what its numbers let through, and what to ask AWS for, in words."""

from collections.abc import Sequence
from typing import Final

from infra.settings import EnvironmentSettings

#: A shard takes so many records a second, of 1 MiB together.
SHARD_RECORDS: Final = 1_000
#: Of all APIs of an account in one region together, by default
#: (docs.aws.amazon.com/apigateway/latest/developerguide/limits.html).
ACCOUNT_REQUEST_RATE: Final = 10_000
ACCOUNT_REQUEST_BURST: Final = 5_000
#: Of all streams of an account, by default, in a region with few of them; it is 6,000 or 20,000 elsewhere
#: (docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html).
SMALLEST_SHARD_QUOTA: Final = 1_000
#: vCPUs of all EMR Serverless applications of an account together, by default
#: (docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/endpoints-quotas.html).
ACCOUNT_VCPU: Final = 16


def explained(settings: EnvironmentSettings) -> Sequence[str]:
    """Return lines for a person who has just deployed an environment, or is about to."""
    api, stream = settings.api, settings.stream
    events = stream.open_shards * SHARD_RECORDS
    lines = [
        f"The API takes {api.request_rate:,} requests/s, and bursts of {api.request_burst:,}; all APIs of an account "
        f"have {ACCOUNT_REQUEST_RATE:,}/s and {ACCOUNT_REQUEST_BURST:,} in a region, unless you ask for more.",
        f"The stream begins with {stream.open_shards} shards: {events:,} events/s, while they are under 1 KiB each; "
        f"that is {api.request_rate:,} requests/s of {events / api.request_rate:.3g} events. More of them get 429, and "
        "clients send again.",
        f"scale_event_stream is {stream.scaling} and takes it to between {stream.minimum_shards} and "
        f"{stream.maximum_shards} shards; the account's quota is {SMALLEST_SHARD_QUOTA:,} at least "
        "(aws kinesis describe-limits).",
        f"Spark's jobs take {settings.compute.maximum_vcpu} vCPU together at most; an account has {ACCOUNT_VCPU} "
        "unless you ask for more, and jobs wait for each other.",
    ]
    asks = [
        f"API Gateway, 'Throttle rate': more than {api.request_rate:,}" * (api.request_rate >= ACCOUNT_REQUEST_RATE),
        f"Kinesis, 'Shards per Region': more than {stream.maximum_shards:,}"
        * (stream.maximum_shards >= SMALLEST_SHARD_QUOTA),
        f"EMR Serverless, 'Max concurrent vCPUs per account': {settings.compute.maximum_vcpu}"
        * (settings.compute.maximum_vcpu > ACCOUNT_VCPU),
    ]
    if any(asks):
        lines.append(f"Ask for in the console of Service Quotas: {'; '.join(filter(None, asks))}.")
    lines.append("Costs: activate the tags application and environment as cost allocation tags (Billing console).")
    return lines
