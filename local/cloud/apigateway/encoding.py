"""A request's body under its Content-Encoding → the body, as API Gateway decompresses it before it reads the model.

gzip, deflate (in zlib's format) and identity are known
(docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-enable-compression.html). Another coding, and a body
that is not what its header says, are 415. No more than the limit of a body is unpacked, so that a few bytes cannot fill
the memory.
"""

import zlib
from typing import Final

from local.cloud.apigateway.faults import GatewayError

_WINDOW_BITS: Final = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
#: Each member costs a copy of what follows it.
_MOST_MEMBERS: Final = 100


def decoded(body: bytes, content_encoding: str, *, most: int) -> bytes:
    """Return the unpacked body, of at most `most` bytes; GatewayError if it is longer, or not in this coding."""
    coding = content_encoding.strip().lower() or "identity"
    if coding == "identity":
        return body
    if coding not in _WINDOW_BITS:
        raise GatewayError("UNSUPPORTED_MEDIA_TYPE", cause=f"Content-Encoding {coding[:40]!r}")
    parts: list[bytes] = []
    room = most + 1
    for _ in range(_MOST_MEMBERS):
        part, body, complete = _member(body, _WINDOW_BITS[coding], room)
        parts.append(part)
        room -= len(part)
        if room <= 0:
            raise GatewayError("REQUEST_TOO_LARGE")
        if not complete:
            raise GatewayError("UNSUPPORTED_MEDIA_TYPE", cause=f"the body is no whole {coding}")
        if not body:
            return b"".join(parts)
    raise GatewayError("UNSUPPORTED_MEDIA_TYPE", cause=f"more than {_MOST_MEMBERS} members of {coding}")


def _member(body: bytes, window_bits: int, room: int) -> tuple[bytes, bytes, bool]:
    """Return what the first member holds, at most `room` bytes; what follows it; and whether its end was there."""
    unpacker = zlib.decompressobj(window_bits)
    try:
        part = unpacker.decompress(body, room)
    except zlib.error as error:
        raise GatewayError("UNSUPPORTED_MEDIA_TYPE", cause=str(error)) from error
    return part, unpacker.unused_data, unpacker.eof
