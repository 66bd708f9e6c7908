"""Requests → one JSON line each: who called what, of which service; off unless a file is named.

By it one sees which rights a program needs: each actor gets an access key of its own, which the cloud takes as it
takes any, and the log has it.
"""

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, Final

from local.cloud.emulator import Application, Message

_CREDENTIAL: Final = re.compile(rb"Credential=(?P<key>[^/]+)/\d+/[^/]+/(?P<service>[^/]+)/")
#: Enough of a body to see which resource it names.
_BODY_BYTES: Final = 8_192


def logged(application: Application, file: Path) -> Application:
    """Return the application, which notes each request once it is answered."""

    async def served(
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        body = b""

        async def received() -> Message:
            nonlocal body
            message = await receive()
            body = (body + message.get("body", b""))[:_BODY_BYTES]
            return message

        await application(scope, received, send)
        headers = dict(scope["headers"])
        if signed := _CREDENTIAL.search(headers.get(b"authorization", b"")):
            line = {
                "key": signed["key"].decode(),
                "service": signed["service"].decode(),
                "method": scope["method"],
                "path": scope["path"],
                "query": scope["query_string"].decode(),
                "target": headers.get(b"x-amz-target", b"").decode(),
                "copied": headers.get(b"x-amz-copy-source", b"").decode(),
                "body": "" if signed["service"] == b"s3" and b"delete" not in scope["query_string"] else _text(body),
            }
            with file.open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")

    return served


def _text(body: bytes) -> str:
    return body.decode("utf-8", errors="replace")
