"""What became of the events of a stream: counts, latencies, the log of accepted click_ids, and the manifest's tally.

The tally counts accepted events only. Beyond them, the tables may hold what the client can't know of:
`possibly_duplicated` events were accepted after an attempt without an answer, and `possibly_stored` ones were given up
after one.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TextIO

from simulator.http.sources import OutgoingEvent
from simulator.world.defects import Defect
from simulator.world.manifest import UNKNOWN_LANDING_HOUR, Tally


@dataclass(kw_only=True)
class StreamSummary:
    """The result of a stream; `sent` counts attempts per event, so sent = accepted + refused + retried + gave_up."""

    sent: int = 0
    accepted: int = 0
    refused: int = 0
    retried: int = 0
    gave_up: int = 0
    possibly_duplicated: int = 0
    possibly_stored: int = 0
    requests: int = 0
    statuses: dict[str, int] = field(default_factory=Counter)
    refusals: dict[str, int] = field(default_factory=Counter)
    connection_errors: dict[str, int] = field(default_factory=Counter)
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    seconds: float = 0.0
    accepted_per_second: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether every event was accepted."""
        return self.gave_up == 0 and self.refused == 0


class StreamReport:
    """Collects what the client reports; accepted click_ids go to `accepted_log`, one per line."""

    def __init__(self, accepted_log: TextIO | None = None) -> None:
        self.tally: Final = Tally()
        self._log: Final = accepted_log
        self._counts: Final = StreamSummary()
        self._latencies = array("d")
        self._accepted_with_copy: set[str] = set()

    @property
    def settled_events(self) -> int:
        """How many events are accepted, refused or given up."""
        return self._counts.accepted + self._counts.refused + self._counts.gave_up

    def sent(self, events: int) -> None:
        self._counts.sent += events

    def retried(self, events: int) -> None:
        self._counts.retried += events

    def answered(self, status: int, seconds: float) -> None:
        self._counts.requests += 1
        self._counts.statuses[str(status)] += 1
        self._latencies.append(seconds)

    def connection_failed(self, error: Exception) -> None:
        self._counts.requests += 1
        self._counts.connection_errors[type(error).__name__] += 1

    def refused(self, reason: str) -> None:
        self._counts.refused += 1
        self._counts.refusals[reason] += 1

    def gave_up(self, events: Sequence[OutgoingEvent]) -> None:
        self._counts.gave_up += len(events)
        self._counts.possibly_stored += sum(event.maybe_stored for event in events)

    def accepted(self, events: Iterable[OutgoingEvent]) -> None:
        """Count accepted events and log the click_ids of those that must be in `clean_events`, each once."""
        click_ids = [click_id + "\n" for event in events if (click_id := self._accepted(event)) is not None]
        if self._log is not None and click_ids:
            self._log.write("".join(click_ids))
            self._log.flush()

    def _accepted(self, event: OutgoingEvent) -> str | None:
        """Count an accepted event; return its click_id if it must be in `clean_events` and is not there yet."""
        self._counts.accepted += 1
        self._counts.possibly_duplicated += event.maybe_stored
        self.tally.lines[UNKNOWN_LANDING_HOUR] += 1
        if event.defect is not None and event.defect is not Defect.DUPLICATE:
            self.tally.defects[event.defect] += 1
        if event.rejection is not None:
            self.tally.rejected[UNKNOWN_LANDING_HOUR, event.rejection] += 1
            return None
        if self._is_second_copy(event):
            self.tally.defects[Defect.DUPLICATE] += 1
            self.tally.duplicates[event.event_hour or 0] += 1
            return None
        if event.event_hour is not None:
            self.tally.add_clean(event.event_hour, event.name, event.price_cents)
        return event.click_id

    def _is_second_copy(self, event: OutgoingEvent) -> bool:
        """Return whether the other one of a pair of copies was accepted before."""
        if not event.has_copy or event.click_id is None:
            return False
        if event.click_id in self._accepted_with_copy:
            return True
        self._accepted_with_copy.add(event.click_id)
        return False

    def summary(self, seconds: float) -> StreamSummary:
        """Return the result of a stream that took `seconds`."""
        ordered, counts = sorted(self._latencies), self._counts
        return replace(
            counts,
            statuses=dict(sorted(counts.statuses.items())),
            refusals=dict(Counter(counts.refusals).most_common(20)),
            connection_errors=dict(sorted(counts.connection_errors.items())),
            p50_ms=_percentile_ms(ordered, 0.50),
            p95_ms=_percentile_ms(ordered, 0.95),
            seconds=round(seconds, 3),
            accepted_per_second=round(counts.accepted / max(seconds, 1e-9), 1),
        )


def _percentile_ms(ordered: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile in milliseconds; 0 where nothing was measured."""
    if not ordered:
        return 0.0
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1_000, 1)
