"""The loop publishes whole documents, goes on through failures for a while, and ends when it is told to."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from contracts.live_document import DOCUMENT_NAME, LIVE_PREFIX, LiveDocument
from contracts.metrics import Metric
from contracts.versions import RawObject
from live import publishing
from live.errors import LiveStorageError
from live.publishing import DocumentPublisher, MetricsPublisher, metrics
from live.service import PATIENCE, Publishing, Rounds
from live.tail import RawTail
from storage.directory import DirectoryStore
from storage.object_store import StorageError
from tests.live.raw_tail import (
    BUFFER,
    INTERVAL,
    TEN,
    RawFolder,
    SetClock,
    document_of,
    event_line,
    read_all,
    rejected_line,
    tail_of,
)

AT = TEN + timedelta(minutes=28)


class FakeCloudWatch:
    def __init__(self) -> None:
        self.put: list[dict[str, Any]] = []

    def put_metric_data(self, **given: Any) -> None:
        self.put.append(given)


@pytest.fixture
def cloudwatch(monkeypatch: pytest.MonkeyPatch) -> FakeCloudWatch:
    client = FakeCloudWatch()
    monkeypatch.setattr(publishing, "_client", lambda: client)
    return client


class Waits(Event):
    """An event whose waits let a clock go on, and which is set after some of them."""

    def __init__(self, clock: SetClock, waits: int) -> None:
        super().__init__()
        self._clock = clock
        self._left = waits

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.pass_by(seconds=timeout or 0)
        self._left -= 1
        if self._left <= 0:
            self.set()
        return self.is_set()


@dataclass(frozen=True, kw_only=True)
class FailingStore(DirectoryStore):
    """A directory whose listings fail while `failing` holds anything."""

    failing: list[str] = field(default_factory=list)

    def objects(self, prefix: str) -> Iterator[RawObject]:
        if self.failing:
            raise StorageError(self.failing[0])
        return super().objects(prefix)


def rounds(tail: RawTail, clock: SetClock, warehouse: Path, shown: list[LiveDocument], *, waits: int = 1) -> Rounds:
    return Rounds(
        tail=tail,
        interval=INTERVAL,
        buffer_interval=BUFFER,
        show=shown.append,
        publishing=Publishing(documents=DocumentPublisher(str(warehouse)), metrics=MetricsPublisher("lake")),
        stop=Waits(clock, waits),
        clock=clock,
    )


def published(warehouse: Path) -> LiveDocument:
    return LiveDocument.from_json((warehouse.parent / LIVE_PREFIX / DOCUMENT_NAME).read_bytes())


@pytest.mark.usefixtures("cloudwatch")
def test_each_round_publishes_beside_the_warehouse_what_it_shows(
    raw: RawFolder, clock: SetClock, tmp_path: Path
) -> None:
    raw.put("a.gz", event_line(AT))
    shown: list[LiveDocument] = []
    with tail_of(raw.store, clock) as tail:
        rounds(tail, clock, tmp_path / "warehouse", shown, waits=3).run()
    assert [document.written_at for document in shown] == [
        TEN + timedelta(minutes=30, seconds=seconds) for seconds in (0, 5, 10)
    ]
    assert published(tmp_path / "warehouse") == shown[-1]
    assert [path.name for path in (tmp_path / LIVE_PREFIX).iterdir()] == [DOCUMENT_NAME]


def test_without_publishing_nothing_is_written(
    raw: RawFolder, clock: SetClock, tmp_path: Path, cloudwatch: FakeCloudWatch
) -> None:
    shown: list[LiveDocument] = []
    with tail_of(raw.store, clock) as tail:
        once = Rounds(
            tail=tail,
            interval=INTERVAL,
            buffer_interval=BUFFER,
            show=shown.append,
            publishing=None,
            stop=Event(),
            clock=clock,
        )
        once.once()
    assert len(shown) == 1
    assert not (tmp_path / LIVE_PREFIX).exists()
    assert cloudwatch.put == []


def test_a_first_failure_ends_it_with_the_store_s_message(raw: RawFolder, clock: SetClock, tmp_path: Path) -> None:
    store = FailingStore(directory=raw.path, failing=["NoSuchBucket"])
    with tail_of(store, clock) as tail, pytest.raises(StorageError, match="NoSuchBucket"):
        rounds(tail, clock, tmp_path / "warehouse", []).run()


@pytest.mark.usefixtures("cloudwatch")
def test_a_later_failure_is_told_and_ends_it_only_after_a_while(
    raw: RawFolder, clock: SetClock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = FailingStore(directory=raw.path)
    began = clock.now
    with tail_of(store, clock) as tail:
        rounds(tail, clock, tmp_path / "warehouse", []).run()
        loop = rounds(tail, clock, tmp_path / "warehouse", [], waits=10_000)

        def fail_after_a_round(document: LiveDocument) -> None:
            store.failing.append("SlowDown")

        failing = Rounds(
            **{**{name: getattr(loop, name) for name in loop.__dataclass_fields__}, "show": fail_after_a_round}
        )
        with pytest.raises(StorageError, match="SlowDown"):
            failing.run()
    assert PATIENCE <= clock.now - began < PATIENCE + 4 * INTERVAL
    assert capsys.readouterr().err.count("live: SlowDown") > 100


def test_a_round_reads_for_an_interval_at_most_and_publishes_what_it_has(
    raw: RawFolder, tmp_path: Path, cloudwatch: FakeCloudWatch
) -> None:
    class Ticking(SetClock):
        def __call__(self) -> datetime:
            self.pass_by(seconds=1)
            return self.now

    clock = Ticking()
    for number in range(20):
        raw.put(f"{number:02}.gz", event_line(AT, click=str(number)))
    shown: list[LiveDocument] = []
    with tail_of(raw.store, clock) as tail:
        rounds(tail, clock, tmp_path / "warehouse", shown, waits=20).run()
    unread = [document.freshness.unread_objects for document in shown]
    assert 0 < unread[0] < 20
    assert unread[-1] == 0
    assert sum(shown[-1].all_names.events) == 20
    assert all(put["MetricData"][0]["Value"] == 0 for put in cloudwatch.put[:-1])  # no minute that is not complete


def test_a_minute_s_metrics_are_put_once_when_its_objects_should_be_there(
    raw: RawFolder, clock: SetClock, tmp_path: Path, cloudwatch: FakeCloudWatch
) -> None:
    raw.put("a.gz", event_line(AT), event_line(AT, click="c2"), event_line(AT, click="c3"), rejected_line(AT))
    with tail_of(raw.store, clock) as tail:
        rounds(tail, clock, tmp_path / "warehouse", [], waits=24).run()
    times = [put["MetricData"][0]["Timestamp"] for put in cloudwatch.put]
    assert times == [AT + timedelta(minutes=minutes) for minutes in range(3)]
    first = {one["MetricName"]: one["Value"] for one in cloudwatch.put[0]["MetricData"]}
    assert first == {Metric.LIVE_EVENTS: 3, Metric.LIVE_REJECTED_SHARE: 0.25, Metric.LIVE_SECONDS_BEHIND: 120}
    assert cloudwatch.put[0]["Namespace"] == "Clickstream"
    assert cloudwatch.put[0]["MetricData"][0]["Dimensions"] == [{"Name": "Database", "Value": "lake"}]


def test_a_minute_without_lines_has_no_rejected_share(raw: RawFolder, clock: SetClock) -> None:
    with tail_of(raw.store, clock) as tail:
        read_all(tail)
        assert metrics(document_of(tail, clock), AT) == {Metric.LIVE_EVENTS: 0}


def test_a_warehouse_that_can_t_be_written_is_named_with_the_remedy(
    tmp_path: Path, raw: RawFolder, clock: SetClock
) -> None:
    (tmp_path / LIVE_PREFIX.rstrip("/")).write_text("a file in the way")
    with tail_of(raw.store, clock) as tail:
        read_all(tail)
        with pytest.raises(LiveStorageError, match="live"):
            DocumentPublisher(str(tmp_path / "warehouse")).publish(document_of(tail, clock))
