"""What the server and our own services use of ministack, with types.

ministack reads its configuration from the environment when it is imported. So `configure` runs first, and every import
of ministack stands inside a function.
"""

import os
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.cloud.settings import HOST

Headers = dict[str, str]
Query = dict[str, list[str]]
Response = tuple[int, Headers, bytes]
#: Takes method, path, headers, body and query.
Handler = Callable[[str, str, Headers, bytes, Query], Awaitable[Response]]
Message = MutableMapping[str, Any]
Application = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The account and region of a request: AWS keeps every resource per account and region."""

    account: str
    region: str


def configure(*, state_dir: Path, port: int) -> None:
    """Set the environment that ministack reads: this host only, all state under `state_dir`, no further listeners."""
    os.environ.update(
        BIND_HOST=HOST,
        MINISTACK_HOST=HOST,
        GATEWAY_PORT=str(port),
        PERSIST_STATE="1",
        STATE_DIR=str(state_dir / "services"),
        S3_PERSIST="1",
        S3_DATA_DIR=str(state_dir / "s3"),
        IOT_MTLS_ENABLED="0",  # would listen on 8883, on every interface
        SFTP_ENABLED="0",
        AUTH="false",  # any key is accepted, whatever the shell says
        SERVICES="",
    )
    os.environ.setdefault("LOG_LEVEL", "WARNING")


def application() -> Application:
    """Return ministack's ASGI application."""
    from ministack import app

    served: Application = app.app
    return served


def replace(service: str, handler: Handler) -> None:
    """Let `handler` answer every call to a service."""
    from ministack import app

    app.SERVICE_HANDLERS[service] = handler


def handlers() -> dict[str, Handler]:
    """Return the handler of each service, as ministack routes requests."""
    from ministack import app

    routed: dict[str, Handler] = app.SERVICE_HANDLERS
    return routed


def scope() -> Scope:
    """Return account and region of the request being answered."""
    from ministack.core import responses

    return Scope(account=responses.get_account_id(), region=responses.get_region())


@contextmanager
def in_scope(owner: Scope) -> Iterator[None]:
    """Act for an account and region, as within one of their requests."""
    from ministack.core import responses

    with responses.request_scope(owner.account, owner.region):
        yield


async def get_object(owner: Scope, *, bucket: str, key: str) -> Response:
    """Read an S3 object."""
    from ministack.services import s3

    with in_scope(owner):
        answer: Response = await s3.handle_request(
            "GET", f"/{bucket}/{key}", {"host": "s3.localhost"}, b"", {}, internal=True
        )
    return answer


async def put_object(owner: Scope, *, bucket: str, key: str, body: bytes) -> Response:
    """Write an S3 object; it is on the disk when this returns."""
    from ministack.services import s3

    headers = {"content-type": "application/octet-stream", "content-length": str(len(body)), "host": "s3.localhost"}
    with in_scope(owner):
        answer: Response = await s3.handle_request("PUT", f"/{bucket}/{key}", headers, body, {}, internal=True)
    return answer


def glue_table(owner: Scope, *, database: str, name: str) -> dict[str, Any] | None:
    """Return a table of the Glue catalog as GetTable has it, or None."""
    from ministack.services import glue

    with in_scope(owner):
        found: dict[str, Any] | None = glue._tables.get(f"{database}/{name}")
    return found


def add_statistic_set(
    owner: Scope,
    *,
    namespace: str,
    metric: str,
    dimensions: dict[str, str],
    unit: str,
    timestamp: float,
    statistics: dict[str, float],
) -> None:
    """Store one CloudWatch datum; `statistics` stays live, so that later samples of its minute update it in place."""
    from ministack.services import cloudwatch

    with in_scope(owner):
        cloudwatch._store_datum(namespace, metric, dimensions, timestamp, unit, None, None, None, statistics)
