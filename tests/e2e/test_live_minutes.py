"""The live minutes over real traffic, killed again and again: their sums are those of the ledger, hour by hour."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.live_document import DOCUMENT_NAME, LIVE_PREFIX, MOST_BYTES, HourState, LiveDocument
from contracts.partitions import HOUR, hour_key, hour_of, settled_at
from local.cloud.process import LocalCloud
from tests.e2e.running_pipeline import ROOT, RunningPipeline, deploy, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.cloud, pytest.mark.timeout(600)]

_DEFECTS = ("--defects", "default", "--longest-delay", "2")


@contextmanager
def live_service(pipeline: RunningPipeline) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the service as compose does; kill it at the block's end, if it still runs."""
    with (pipeline.folder / "live.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "live", "--interval", "1"], cwd=ROOT, env=variables(pipeline), stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def variables(pipeline: RunningPipeline) -> dict[str, str]:
    names = {"RAW_URI": "RawUri", "WAREHOUSE_URI": "WarehouseUri", "DATABASE": "Database"}
    lake = {f"CLICKSTREAM_{name}": pipeline.outputs[output] for name, output in names.items()}
    return {**pipeline.environment, **lake, "CLICKSTREAM_BUFFER_SECONDS": pipeline.outputs["BufferSeconds"]}


def published(pipeline: RunningPipeline) -> LiveDocument | None:
    """Return the document in the bucket; it is always a whole one."""
    s3 = pipeline.client("s3")
    try:
        found = s3.get_object(Bucket=pipeline.outputs["WarehouseBucket"], Key=f"{LIVE_PREFIX}{DOCUMENT_NAME}")
    except s3.exceptions.NoSuchKey:
        return None
    text = found["Body"].read()
    assert len(text) <= MOST_BYTES
    return LiveDocument.from_json(text)


def lines_of(document: LiveDocument | None) -> int:
    return sum(hour.lines for hour in document.landing_hours) if document else 0


def look(pipeline: RunningPipeline, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command once, as a person would."""
    return subprocess.run(
        [sys.executable, "-m", "live", "--once", "--no-publish", *arguments],
        cwd=ROOT,
        env=variables(pipeline),
        capture_output=True,
        text=True,
        check=False,
    )


def test_over_traffic_and_kills_the_live_minutes_add_up_to_the_ledger(tmp_path: Path) -> None:
    with LocalCloud(tmp_path / "cloud") as cloud:
        pipeline = deploy(cloud, tmp_path)
        before = hour_of(datetime.now(tz=UTC)) - HOUR
        write_history(pipeline, before)
        sending = pipeline.simulate(
            *("stream", "--api-url", pipeline.outputs["ApiUrl"], "--events", "6000", "--rate", "600", *_DEFECTS)
        )
        for number in range(4):
            with live_service(pipeline) as service:
                began = datetime.now(tz=UTC)
                wait_until(
                    lambda began=began: (found := published(pipeline)) is not None and found.written_at > began,  # type: ignore[misc]
                    what=f"a document of service {number}",
                )
                time.sleep(0.3 * number)  # it is killed in another part of its round each time
                service.kill()
        sending.communicate(timeout=300)
        assert sending.returncode == 0
        with live_service(pipeline) as service:
            document = settled_document(pipeline)
            service.send_signal(signal.SIGTERM)
            assert service.wait(timeout=60) == 0, "it does not end when it is told to"
        check_against_ledger(pipeline, document, before)
        check_one_look(pipeline, document)


def write_history(pipeline: RunningPipeline, hour: datetime) -> None:
    """Write an hour's lines straight to the raw prefix."""
    span = ["--from", hour_key(hour), "--to", hour_key(hour + HOUR), "--events", "8000", "--quiet"]
    command = [sys.executable, "-m", "simulator", "history", "--raw", pipeline.outputs["RawUri"], *span, *_DEFECTS]
    subprocess.run(command, cwd=ROOT, env=pipeline.environment, check=True)


def settled_document(pipeline: RunningPipeline) -> LiveDocument:
    """Wait until Firehose has delivered all that was accepted and the document has it; return the document."""
    seen: list[tuple[int, datetime]] = []

    def stands_still() -> bool:
        """Whether, for three of Firehose's buffers, nothing came, and the document has every line that lies there."""
        document = published(pipeline)
        now, lines = datetime.now(tz=UTC), len(pipeline.raw_lines())
        if not seen or seen[-1][0] != lines:
            seen.append((lines, now))
        quiet = now - seen[-1][1] > timedelta(seconds=3 * int(pipeline.outputs["BufferSeconds"]))
        return quiet and document is not None and document.written_at > seen[-1][1] and lines_of(document) == lines

    wait_until(stands_still, what="the document has every line that was delivered")
    document = published(pipeline)
    assert document is not None
    return document


def check_against_ledger(pipeline: RunningPipeline, document: LiveDocument, before: datetime) -> None:
    """Let job 1 transform every hour, and compare."""
    first, last = pipeline.landing_hours()
    pipeline.spark_submit("run_transform_events", "--from", first, "--to", last, "--allow-open-hour")
    columns = "landing_hour, lines, received, rejected, unreadable_objects, rejected_by_reason"
    ledger = {
        row[0]: (*row[1:5], dict(row[5])) for row in pipeline.query("landing_ledger", f"SELECT {columns} FROM rows")
    }
    live = {
        hour.landing_hour: (
            *(hour.lines, hour.received, hour.rejected, hour.unreadable_objects),
            dict(hour.rejected_by_reason),
        )
        for hour in document.landing_hours
        if hour.objects
    }
    assert live.items() <= ledger.items()
    assert sum(sums[1] for sums in live.values()) >= 6_000
    assert sum(sums[2] for sums in live.values()) > 0, "no line was rejected: the promise of these would not be seen"
    buffer = timedelta(seconds=int(pipeline.outputs["BufferSeconds"]))
    for hour in document.landing_hours:
        assert hour.state is HourState.SETTLED or not hour.complete
        # It is complete from the first look on after it was settled.
        assert hour.complete or document.written_at < settled_at(hour.landing_hour, buffer) + timedelta(minutes=1)
        if hour.landing_hour == before:
            assert hour.received > 7_000


def check_one_look(pipeline: RunningPipeline, document: LiveDocument) -> None:
    """One look from a terminal sees the same, and finds a user's lines."""
    user = next(line.user_id for line in document.lines if line.user_id and line.verdict == "accepted")
    done = look(pipeline, "--json", "--user", user)
    assert done.returncode == 0, done.stderr
    found = LiveDocument.from_json(done.stdout.encode())
    assert found.lines
    assert {line.user_id for line in found.lines} == {user}
    printed = look(pipeline)
    assert printed.returncode == 0, printed.stderr
    assert "Landing hours so far" in printed.stdout
