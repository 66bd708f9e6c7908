"""HTTP on `/restapis/<api>/<stage>/_user_request_/…` → the gateway; every other path → the emulator behind it.

Stands before the emulator's own routing, because only here the socket's address and a body's size are known in time.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from local.cloud.apigateway.gateway import Reply, Request, answer
from local.cloud.emulator import Application, Message

#: API Gateway's limit of a request (docs.aws.amazon.com/apigateway/latest/developerguide/limits.html).
MAX_BODY_BYTES: Final = 10 * 2**20

_ROOT: Final = "/restapis/"
_MARK: Final = "_user_request_"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class RestApiFront:
    """The ASGI application that serves deployed REST APIs, before another one."""

    def __init__(self, behind: Application) -> None:
        self._behind = behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        target = _target(scope["path"]) if scope["type"] == "http" else None
        if target is None:
            await self._behind(scope, receive, send)
            return
        api_id, stage, path = target
        body, too_large = await _body(receive)
        if body is None:
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        request = Request(
            api_id=api_id,
            stage=stage,
            http_method=scope["method"],
            path=path,
            headers=headers,
            body=body,
            source_ip=(scope.get("client") or ("",))[0],
            too_large=too_large,
        )
        await _send(send, request, await answer(request))


def _target(path: str) -> tuple[str, str, str] | None:
    """API, stage and path below the stage; None for a path that is not a deployed API's."""
    if not path.startswith(_ROOT):
        return None
    parts = path[len(_ROOT) :].split("/", 3)
    if len(parts) < 3 or parts[2] != _MARK:
        return None
    return parts[0], parts[1], "/" + (parts[3] if len(parts) > 3 else "")


async def _body(receive: Receive) -> tuple[bytes | None, bool]:
    """The body and whether it is too large (then it is read, so that the client hears the reply, but not kept)."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None, False
        size += len(message.get("body", b""))
        if size > MAX_BODY_BYTES:
            chunks.clear()
        else:
            chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks), size > MAX_BODY_BYTES


async def _send(send: Send, request: Request, reply: Reply) -> None:
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(reply.body)),
        "x-amzn-RequestId": request.request_id,
        "x-amz-apigw-id": request.extended_request_id,
        **reply.headers,
    }
    await send(
        {
            "type": "http.response.start",
            "status": reply.status,
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": reply.body})
