"""A directory of raw objects, a clock that is set, and what reads them: what tests of the live minutes share."""

import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from contracts.event_settings import DEFAULTS, EventSettings
from contracts.live_document import LiveDocument
from contracts.partitions import landing_prefix
from live.document import live_document
from live.last_lines import LineFilter
from live.tail import RawTail, TailSettings
from storage.directory import DirectoryStore
from storage.object_store import ObjectStore

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
BUFFER = timedelta(seconds=15)
INTERVAL = timedelta(seconds=5)


class SetClock:
    """A clock that stands still between two settings."""

    def __init__(self, now: datetime = TEN + timedelta(minutes=30)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **spent: float) -> None:
        self.now += timedelta(**spent)


class NobodyErased:
    """Erased users that a test sets."""

    def __init__(self) -> None:
        self.erased: frozenset[str] = frozenset()

    def hashes(self, now: datetime) -> frozenset[str]:
        return self.erased


def event_line(at: datetime, user: str = "u1", click: str = "c1", name: str = "Search", **event: Any) -> bytes:
    """The line of an event that happened when it arrived."""
    stamped = {"received_at": round(at.timestamp() * 1_000), "request_id": "r", "source_ip": "203.0.113.77"}
    sent = {"timestamp": at.isoformat(), "user_id": user, "click_id": click, "event_name": name, **event}
    agent = sent.pop("user_agent", "Mozilla/5.0")
    return json.dumps({**stamped, "user_agent": agent, "event": sent}).encode()


def rejected_line(at: datetime, user: str = "u1") -> bytes:
    """The line of an event without the time that it happened at."""
    return event_line(at, user, timestamp=None)


def packed(lines: Iterable[bytes]) -> bytes:
    return gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0)


@dataclass(frozen=True, kw_only=True)
class RawFolder:
    """The raw prefix as a directory."""

    path: Path

    @property
    def store(self) -> ObjectStore:
        return DirectoryStore(directory=self.path)

    def put(self, name: str, *lines: bytes, hour: datetime = TEN, content: bytes | None = None) -> Path:
        """Write an object of lines, or one of given bytes."""
        file = self.path.parent / landing_prefix(hour) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(packed(lines) if content is None else content)
        return file


def tail_of(
    store: ObjectStore,
    clock: SetClock,
    *,
    erased: NobodyErased | None = None,
    events: EventSettings = DEFAULTS,
    sought: LineFilter | None = None,
) -> RawTail:
    settings = TailSettings(events=events, buffer_interval=BUFFER, sought=sought)
    return RawTail(store, settings, erased or NobodyErased(), clock)


def read_all(tail: RawTail) -> None:
    tail.look()
    tail.read()


def document_of(tail: RawTail, clock: SetClock) -> LiveDocument:
    return live_document(tail.hours, clock(), buffer_interval=BUFFER, interval=INTERVAL)
