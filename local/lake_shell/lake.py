"""Environment variables, or what the demo wrote → the lake that is asked, and clients of it.

CLICKSTREAM_DATABASE names a lake; credentials, region and endpoint are then found as every AWS client finds them
(AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, …). Without it the lake is that of the demo that is up.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3

from infra.errors import InfraError

DATABASE: Final = "CLICKSTREAM_DATABASE"
RAW_URI: Final = "CLICKSTREAM_RAW_URI"
#: In the demo's folder, written as soon as its stack is deployed.
CONNECTION: Final = "connection.json"

_WAY_OUT: Final = (
    f"start the demo (make demo), or name a lake with {DATABASE} and the variables of AWS's clients "
    "(AWS_PROFILE and AWS_REGION, or AWS_ENDPOINT_URL)"
)


class LakeError(InfraError):
    """There is no lake to ask, or it does not answer; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Lake:
    """A lake; `raw_uri` is None where nobody said where its raw objects are."""

    database: str
    session: Any
    endpoint_url: str | None  # None: as the session finds it
    raw_uri: str | None
    #: Where it is, for a person.
    place: str
    #: What to do when it does not answer.
    way_out: str

    def client(self, service: str) -> Any:
        """Return a boto3 client of one of the lake's services."""
        return self.session.client(service, endpoint_url=self.endpoint_url)


def find_lake(environ: Mapping[str, str], demo: Path) -> Lake:
    """Return the lake that the environment names, else that of the demo in a folder; raise `LakeError` for none."""
    if environ.get(DATABASE):
        return _named(environ)
    connection = demo / CONNECTION
    if connection.exists():
        return _demos(connection)
    raise LakeError(f"no lake to ask: {DATABASE} is not set, and no demo is up in {demo}. Do one of both: {_WAY_OUT}")


def _named(environ: Mapping[str, str]) -> Lake:
    session = boto3.Session()
    if session.region_name is None:
        raise LakeError(f"{DATABASE} is {environ[DATABASE]}, but no region is named: set AWS_REGION, or AWS_PROFILE")
    return Lake(
        database=environ[DATABASE],
        session=session,
        endpoint_url=None,
        raw_uri=environ.get(RAW_URI, "").rstrip("/") or None,
        place=environ.get("AWS_ENDPOINT_URL", f"AWS in {session.region_name}"),
        way_out="check AWS_ENDPOINT_URL, region and credentials",
    )


def _demos(connection: Path) -> Lake:
    try:
        written = json.loads(connection.read_text())
        database, region, raw_uri = written["database"], written["region"], written["raw_uri"]
        endpoint_url = written["endpoint_url"]
    except (ValueError, KeyError) as error:
        raise LakeError(f"{connection} is not what a demo writes ({error!r}): {_WAY_OUT}") from error
    return Lake(
        database=database,
        # The local cloud asks for no keys, but clients do.
        session=boto3.Session(region_name=region, aws_access_key_id="test", aws_secret_access_key="test"),  # noqa: S106
        endpoint_url=endpoint_url,
        raw_uri=raw_uri.rstrip("/"),
        place=f"{endpoint_url}, the demo's",
        way_out=f"the demo that wrote {connection} is not up any more: {_WAY_OUT}",
    )
