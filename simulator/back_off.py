"""When to try again: exponential back-off with full jitter, `Retry-After`, and the two bounds for giving up."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, kw_only=True)
class BackOff:
    """Seconds and tries; `give_up_seconds` counts from an event's first attempt."""

    first_seconds: float = 0.1
    longest_seconds: float = 10.0
    max_tries: int = 50
    give_up_seconds: float = 300.0

    def delay(self, tries: int, retry_after: float | None, random: Callable[[], float]) -> float:
        """Return how long to wait after `tries` failed attempts.

        Full jitter (aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter): anything from 0 to the
        bound; never less than the server asked for, but spread beyond it, or all clients come back at once.
        """
        bound = min(self.longest_seconds, self.first_seconds * 2.0 ** min(tries - 1, 30))
        return (retry_after or 0.0) + random() * bound

    def gives_up(self, tries: int, elapsed_with_delay: float) -> bool:
        """Return whether to stop instead of waiting."""
        return tries >= self.max_tries or elapsed_with_delay > self.give_up_seconds


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Read a Retry-After header: seconds or an HTTP date (RFC 9110, 10.2.3); None where it is absent or senseless."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
