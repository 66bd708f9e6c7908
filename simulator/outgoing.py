"""Events on their way to the API: what is sent, and what the report must know when their fate is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.rejections import RejectionReason
from simulator.defects import Defect


@dataclass(slots=True, kw_only=True)
class OutgoingEvent:
    """One event to send.

    `click_id` is None where there is none. `defect` and `rejection` say what is wrong with it, and for which reason
    Spark will reject it. `event_hour` (whole hours since 1970), `name` and `price_cents` are what the manifest counts;
    None for events of a file, of which no manifest is made. `has_copy` marks both of a pair sent on purpose.
    `maybe_stored` becomes true when an attempt ends without a word on its outcome.
    """

    body: bytes
    click_id: str | None
    rejection: RejectionReason | None = None
    defect: Defect | None = None
    event_hour: int | None = None
    name: str = ""
    price_cents: int | None = None
    has_copy: bool = False
    maybe_stored: bool = False


class EventSource(Protocol):
    """Where outgoing events come from."""

    def take(self, count: int, now: int, /) -> Sequence[OutgoingEvent]:
        """Return up to `count` events that are sent at `now` (µs since 1970); none means that there are no more."""
        ...
