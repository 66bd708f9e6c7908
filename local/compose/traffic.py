"""`python -m local.compose.traffic`: the past hours' visitors once, and then those of this moment, without end.

The stack may still be on its way: it is waited for. With events of past hours there is something to backfill as soon
as Airflow is up.
"""

import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from contracts.partitions import HOUR, hour_key, hour_of
from infra.account import account_at
from infra.command import Target
from infra.deploy import usable_outputs
from infra.errors import DeploymentError, InfraError
from infra.settings import settings_of
from simulator.cli import main as simulator
from storage.by_hour import landed_hours
from storage.location import open_store

#: So many hours before the first start have visitors.
PAST_HOURS: Final = 6
#: The variable that says how many events a second the visitors cause, in past hours as well.
RATE: Final = "CLICKSTREAM_TRAFFIC_RATE"
_DEFAULT_RATE: Final = "20"
_ENVIRONMENT: Final = "CLICKSTREAM_ENVIRONMENT"
_WAIT_SECONDS: Final = 2.0
_PATIENCE_SECONDS: Final = 600.0


def stack_outputs(environment: str, endpoint_url: str | None) -> Mapping[str, str]:
    """Return the outputs of the environment's stack once it is there; raise `InfraError` after ten minutes."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            target = Target(settings=settings_of(environment), account=account_at(endpoint_url))
            outputs = target.deployment().outputs()
            if "ApiUrl" in outputs:
                return usable_outputs(outputs, endpoint_url=endpoint_url)
            raise DeploymentError(f"stack {target.settings.names.stack} has no output ApiUrl yet")
        except InfraError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_WAIT_SECONDS)


def send(outputs: Mapping[str, str], rate: str, *, past: bool) -> int:
    """Send; with `past`, first write the past hours unless some have landed. Return the status when it ends."""
    if past and not landed_hours(open_store(outputs["RawUri"])):
        this_hour = hour_of(datetime.now(UTC))
        span = ["--from", hour_key(this_hour - PAST_HOURS * HOUR), "--to", hour_key(this_hour)]
        status = simulator(["history", "--raw", outputs["RawUri"], *span, "--rate", rate, "--defects", "default"])
        if status:
            return status
    return simulator(["stream", "--api-url", outputs["ApiUrl"], "--rate", rate, "--defects", "default"])


def main() -> int:
    """Send until Ctrl-C or SIGTERM; 1 with one sentence if there is no stack."""
    endpoint_url = os.environ.get("AWS_ENDPOINT_URL") or None
    try:
        outputs = stack_outputs(os.environ.get(_ENVIRONMENT) or "local", endpoint_url)
    except InfraError as error:
        print(f"traffic: {error}", file=sys.stderr)
        return 1
    # To a bucket of AWS nothing is written past the API.
    return send(outputs, os.environ.get(RATE) or _DEFAULT_RATE, past=endpoint_url is not None)


if __name__ == "__main__":
    sys.exit(main())
