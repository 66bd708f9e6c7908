"""A file of events as a source for the API: each bare event as it is, and the event of each envelope.

A line that is neither can't be part of a request; it is counted, not sent.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from contracts.event_files import BYTE_ORDER_MARK
from simulator.lines import EventsFile
from simulator.outgoing import OutgoingEvent
from simulator.recognition import LineKind, recognize


class FileEvents:
    """Takes events from a file, in its order."""

    def __init__(self, file: EventsFile) -> None:
        self.lines = 0
        self.not_sent = 0
        self._events: Final = self._read(file)

    def take(self, count: int, _now: int, /) -> list[OutgoingEvent]:
        """Return the next events; their times stay what they are, whatever time it is now."""
        taken: list[OutgoingEvent] = []
        for event in self._events:
            taken.append(event)
            if len(taken) == count:
                break
        return taken

    def _read(self, file: EventsFile) -> Iterator[OutgoingEvent]:
        for piece in file.pieces():
            self.lines += piece.ends
            outgoing = _outgoing(piece.content) if piece.is_whole else None
            if outgoing is not None:
                yield outgoing
            else:
                self.not_sent += piece.ends


def _outgoing(line: bytes) -> OutgoingEvent | None:
    recognized = recognize(line)
    if recognized.fields is None:
        return None
    if recognized.kind is LineKind.EVENT:
        return OutgoingEvent(body=line.removeprefix(BYTE_ORDER_MARK).strip(), click_id=_click_id(recognized.fields))
    event = recognized.fields["event"]
    if not isinstance(event, dict):
        return None
    return OutgoingEvent(body=json.dumps(event).encode(), click_id=_click_id(event))


def _click_id(event: dict[str, Any]) -> str | None:
    click_id = event.get("click_id")
    return click_id if isinstance(click_id, str) else None
