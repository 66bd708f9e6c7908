"""Mapping template files + limits from the contract → the texts that API Gateway renders.

A template file holds `@@NAME@@` where a number or a name of ours goes in; everything else in it is Velocity.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.event import MAX_BATCH_EVENTS, MAX_LINE_BYTES, MAX_USER_ID_LENGTH

RETRY_AFTER_SECONDS: Final = 1
#: Base64 writes three bytes as four characters; a line of the very last byte allowed is refused too.
MAX_DATA_LENGTH: Final = (MAX_LINE_BYTES - 1) // 3 * 4

_TEMPLATES: Final = Path(__file__).with_name("mapping_templates")
_PLACEHOLDER: Final = re.compile(r"@@([A-Z_]+)@@")
_ONE_THROTTLED: Final = ',"accepted":0,"failed":1,"events":[{"status":"throttled"}]'
_ONE_FAILED: Final = ',"accepted":0,"failed":1,"events":[{"status":"failed"}]'
_USER_ID_LIMIT: Final = f"user_id has 1 to {MAX_USER_ID_LENGTH} characters"


@dataclass(frozen=True, kw_only=True)
class RouteTemplates:
    """The four texts of a route: the call it makes, and its reply to a 200, to a 400 and to anything else."""

    action: str
    request: str
    stored: str
    refused: str
    unavailable: str


def single_event_templates(stream_name: str) -> RouteTemplates:
    """Return the templates of `POST /events`."""
    return RouteTemplates(
        action="PutRecord",
        request=_filled("put_record", STREAM_NAME=stream_name, MAX_DATA_LENGTH=MAX_DATA_LENGTH),
        stored=_filled("stored"),
        refused=_filled(
            "refused",
            RETRY_AFTER=RETRY_AFTER_SECONDS,
            THROTTLED_EVENTS=_ONE_THROTTLED,
            SIZE_LIMIT=f"an event with what the server adds must be below {MAX_LINE_BYTES} bytes",
            CONTENT_LIMIT=_USER_ID_LIMIT,
        ),
        unavailable=_filled("unavailable", FAILED_EVENTS=_ONE_FAILED),
    )


def batch_templates(stream_name: str) -> RouteTemplates:
    """Return the templates of `POST /events/batch`."""
    return RouteTemplates(
        action="PutRecords",
        request=_filled(
            "put_records", STREAM_NAME=stream_name, MAX_DATA_LENGTH=MAX_DATA_LENGTH, MAX_EVENTS=MAX_BATCH_EVENTS
        ),
        stored=_filled("batch_stored", RETRY_AFTER=RETRY_AFTER_SECONDS),
        refused=_filled(
            "refused",
            RETRY_AFTER=RETRY_AFTER_SECONDS,
            THROTTLED_EVENTS="",
            SIZE_LIMIT=f"each event with what the server adds must be below {MAX_LINE_BYTES} bytes, and a batch "
            "below 10 MiB",
            CONTENT_LIMIT=f"a batch has 1 to {MAX_BATCH_EVENTS} events, and {_USER_ID_LIMIT}",
        ),
        unavailable=_filled("unavailable", FAILED_EVENTS=""),
    )


def _filled(template: str, **values: str | int) -> str:
    """Return a template's text with every placeholder filled; one that has no value is a KeyError."""
    text = (_TEMPLATES / f"{template}.vtl").read_text(encoding="utf-8")
    return _PLACEHOLDER.sub(lambda match: str(values[match[1]]), text)
