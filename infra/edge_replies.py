"""What API Gateway answers by itself, before or instead of asking Kinesis → replies in the API's own shape.

Gateway response templates know plain variables only, no Velocity. That AWS escapes the quotes inside
`validationErrorString` is to be seen on a real account; a client must take `detail` as text for people.
"""

from dataclasses import dataclass, field
from typing import Final

from aws_cdk import aws_apigateway as apigateway

from contracts.event import MAX_BATCH_EVENTS
from infra.mapping import RETRY_AFTER_SECONDS

_RETRY_AFTER: Final = {"Retry-After": f"'{RETRY_AFTER_SECONDS}'"}
_LATER: Final = "nothing was stored; send it again later"


@dataclass(frozen=True, kw_only=True)
class EdgeReply:
    """One gateway response; without a status API Gateway's own stands (the DEFAULT_ types have many)."""

    response_type: apigateway.ResponseType
    status: int | None
    message: str
    detail: str
    headers: dict[str, str] = field(default_factory=dict)


def edge_replies() -> tuple[EdgeReply, ...]:
    """Return every gateway response of the API."""
    kind = apigateway.ResponseType
    return (
        EdgeReply(
            response_type=kind.BAD_REQUEST_BODY,
            status=400,
            message="not acceptable",
            detail="$context.error.validationErrorString",
        ),
        EdgeReply(
            response_type=kind.REQUEST_TOO_LARGE,
            status=413,
            message="too large",
            detail=f"a request has at most 10 MB; send batches of at most {MAX_BATCH_EVENTS} events",
        ),
        EdgeReply(
            response_type=kind.UNSUPPORTED_MEDIA_TYPE,
            status=415,
            message="not JSON",
            detail="send Content-Type: application/json",
        ),
        *(
            EdgeReply(
                response_type=response_type,
                status=429,
                message="too many requests",
                detail="nothing was stored; send it again after the seconds in Retry-After",
                headers=_RETRY_AFTER,
            )
            for response_type in (kind.THROTTLED, kind.QUOTA_EXCEEDED)
        ),
        EdgeReply(
            response_type=kind.WAF_FILTERED,
            status=403,
            message="refused by the firewall",
            detail="the request looks like an attack, or its address sends too many",
        ),
        EdgeReply(
            response_type=kind.MISSING_AUTHENTICATION_TOKEN,
            status=404,
            message="not found",
            detail="there are POST /events and POST /events/batch",
        ),
        *(
            EdgeReply(response_type=response_type, status=503, message="the stream is not available", detail=_LATER)
            for response_type in (kind.INTEGRATION_FAILURE, kind.INTEGRATION_TIMEOUT)
        ),
        EdgeReply(
            response_type=kind.DEFAULT_4_XX, status=None, message="refused", detail="$context.error.responseType"
        ),
        EdgeReply(response_type=kind.DEFAULT_5_XX, status=None, message="internal error", detail=_LATER),
    )
