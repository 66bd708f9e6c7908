"""`python -m benchmarks.live_minutes [load|freshness|buffers]`: what the live minutes cost, how fresh they are.

`load` has another process write raw objects as Firehose would at a rate, reads them with the service's own code, and
prints CPU microseconds a line and the resident memory over the simulated time. `freshness` starts the local cloud and
the service, sends traffic over HTTP, and prints how long an event takes from its arrival to the published document.
`buffers` writes the same lines as objects of several of Firehose's buffer intervals, and prints how many and how large
they are, and the CPU time that job 1's reading and validating takes. Nothing is asserted: the figures are of this
machine.
"""

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Final

from contracts.envelope import Stamp, envelope_line
from contracts.event_settings import EventSettings
from contracts.live_document import DOCUMENT_NAME, LIVE_PREFIX, LiveDocument
from contracts.partitions import hour_of, landing_prefix
from contracts.versions import RawObject
from live.document import live_document
from live.tail import RawTail, TailSettings
from local.cloud.process import LocalCloud
from spark_jobs.validation.chunks import LineValidator
from spark_jobs.validation.object_lines import ObjectCounts, validate_object
from spark_jobs.validation.privacy import Privacy
from storage.directory import DirectoryStore

_ROOT: Final = Path(__file__).parents[1]
_BUFFER: Final = timedelta(seconds=15)
#: Every minute and a half a line is printed.
_STEPS_SHOWN: Final = 6
_NAMES: Final = ("Search", "ViewContent", "ViewContent", "ViewContent", "AddToCart", "Purchase", "wishlist")


class NobodyErased:
    """A lake without erased users."""

    def hashes(self, now: datetime) -> frozenset[str]:
        """Return none."""
        del now
        return frozenset()


@dataclass(kw_only=True)
class Clock:
    """The simulated time."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True, kw_only=True)
class ListedByName(DirectoryStore):
    """A directory whose listing hashes no file, as a bucket's does not either."""

    def objects(self, prefix: str) -> Iterator[RawObject]:
        for key in self.keys(prefix):
            yield RawObject(key=key, etag="", size=(self.directory.parent / key).stat().st_size)


def lines(start: datetime, number: int, rate: int) -> Iterator[bytes]:
    """Yield the lines of one buffer interval from `start` on; 1 % are a copy, 0.5 % are no events."""
    for at in range(number):
        arrival = round(start.timestamp() * 1_000) + at * 1_000 // rate
        unique = at if at % 100 else at + 1
        moment = datetime.fromtimestamp(arrival / 1_000, UTC).isoformat()
        event = (
            f'{{"timestamp":"{moment if at % 200 else "yesterday"}","user_id":"user-{at * 7_919 % (rate * 60)}",'
            f'"click_id":"{start:%H%M%S}-{unique:08}-{0:016}","event_name":"{_NAMES[at % len(_NAMES)]}",'
            f'"pixel_id":"wjgao4w1oi","page_url":"https://shop.example/shoes/{at % 500}?color=red",'
            f'"additional_data":{{"product_id":{at % 5_000},"price":{at % 30_000 / 100},"time_on_data":79}}}}'
        )
        stamp = Stamp(
            received_at=arrival,
            request_id=f"{at // 10:032x}",
            source_ip=f"203.0.{at % 113}.{at % 251}",
            user_agent="Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36",
        )
        yield envelope_line(stamp, event.encode())


def put_objects(raw: Path, start: datetime, rate: int) -> int:
    """Write what arrives in one buffer interval, in objects of 64 MiB of text at most; return how many lines."""
    number = rate * int(_BUFFER.total_seconds())
    text: list[bytes] = list(lines(start, number, rate))
    share = max(64 * 2**20 // (sum(map(len, text)) // number), 1)
    for part, first in enumerate(range(0, number, share)):
        file = raw.parent / landing_prefix(start) / f"clickstream-1-{start:%Y-%m-%d-%H-%M-%S}-{part:02}.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(b"".join(text[first : first + share]), 1))
    return number


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def load(rate: int, minutes: int) -> None:
    """Simulate minutes of a rate, and print CPU time and memory."""
    start = hour_of(datetime.now(UTC))
    clock = Clock(now=start)
    settings = TailSettings(events=EventSettings(), buffer_interval=_BUFFER)
    total, spent = 0, 0.0
    print(f"{rate:,} events/s, {minutes} minutes, an object for each {_BUFFER.seconds} s (64 MiB of text at most)")
    with TemporaryDirectory() as folder, ProcessPoolExecutor(1, mp_context=get_context("spawn")) as writer:
        raw = Path(folder) / "raw"
        raw.mkdir()
        with RawTail(ListedByName(directory=raw), settings, NobodyErased(), clock) as tail:
            for step in range(minutes * 60 // _BUFFER.seconds):
                written = writer.submit(put_objects, raw, start + step * _BUFFER, rate).result()
                clock.now = start + (step + 1) * _BUFFER + timedelta(seconds=5)
                began = time.process_time()
                tail.look()
                tail.read()
                document = live_document(tail.hours, clock(), buffer_interval=_BUFFER, interval=timedelta(seconds=5))
                spent += time.process_time() - began
                total += written
                for file in raw.rglob("*.gz"):
                    os.truncate(file, 0)  # what was read is not read again, and the disk stays small
                if (step + 1) % _STEPS_SHOWN == 0:
                    sampling = document.sampling
                    print(
                        f"  minute {(step + 1) * _BUFFER.seconds // 60:>3}: {spent / total * 1e6:5.2f} CPU µs a line, "
                        f"{_resident_mib():,.0f} MiB resident, document {len(document.to_json()):,} bytes, "
                        f"users one in {sampling.users_one_in}, copies one in {sampling.copies_one_in}",
                        flush=True,
                    )


def buffers(rate: int) -> None:
    """Compare objects of several buffer intervals that hold the same two minutes of lines."""
    start = hour_of(datetime.now(UTC))
    seconds = 120
    text = list(lines(start, rate * seconds, rate))
    print(f"{rate:,} events/s for {seconds} s, one object an interval: job 1's reading and validating")
    with LineValidator() as validator:
        list(_job_1([gzip.compress(b"".join(text[:1_000]))], validator))  # what is loaded once
        for interval in (60, 15, 5):
            objects = [
                gzip.compress(b"".join(text[first : first + rate * interval]))
                for first in range(0, len(text), rate * interval)
            ]
            began = time.process_time()
            counted = sum(_job_1(objects, validator))
            spent = time.process_time() - began
            size, cpu = sum(map(len, objects)) / counted, spent / counted * 1e6
            print(
                f"  {interval:>3} s: {3_600 // interval:>4} objects/h, {size:5.1f} bytes and {cpu:5.2f} CPU µs a line"
            )


def _job_1(objects: list[bytes], validator: LineValidator) -> Iterator[int]:
    """Yield how many lines each object has, after all that job 1 does with them before it writes files."""
    with TemporaryDirectory() as folder:
        store = DirectoryStore(directory=Path(folder))
        for number, content in enumerate(objects):
            store.put(f"{number}.gz", content)
        for key in sorted(store.keys("")):
            counts = ObjectCounts()
            raw_object = RawObject(key=key, etag="", size=0)
            list(validate_object(store, raw_object, validator, counts, Privacy()))
            yield counts.lines


def freshness(events: int, rate: int, interval: int, environment: str) -> None:
    """Send traffic to a local cloud, and print how old an event is when the published document first has it."""
    with TemporaryDirectory() as folder, LocalCloud(Path(folder) / "cloud") as cloud:
        variables = {**os.environ, **cloud.environment(), "PYTHONPATH": str(_ROOT)}
        run = [sys.executable, "-m"]
        deployed = subprocess.run(
            [*run, "infra.deploy", "--environment", environment],
            cwd=_ROOT,
            env=variables,
            stdout=subprocess.PIPE,
            check=True,
        )
        found = json.loads(deployed.stdout)
        lake = {
            "CLICKSTREAM_RAW_URI": found["RawUri"],
            "CLICKSTREAM_WAREHOUSE_URI": found["WarehouseUri"],
            "CLICKSTREAM_DATABASE": found["Database"],
            "CLICKSTREAM_BUFFER_SECONDS": found["BufferSeconds"],
        }
        service = subprocess.Popen(
            [*run, "live", "--interval", str(interval)], cwd=_ROOT, env={**variables, **lake}, stdout=subprocess.DEVNULL
        )
        sending = subprocess.Popen(
            [
                *run,
                "simulator",
                "stream",
                "--api-url",
                found["ApiUrl"],
                "--events",
                str(events),
                "--rate",
                str(rate),
                "--quiet",
            ],
            cwd=_ROOT,
            env=variables,
        )
        try:
            ages = list(_ages(cloud, found["WarehouseBucket"], sending))
        finally:
            for process in (sending, service):
                process.kill()
                process.wait()
    if len(ages) < 2:
        print("too few documents: send more events")
        return
    steps = quantiles(ages, n=20)
    print(
        f"event → document, Firehose's buffer {found['BufferSeconds']} s, a look every {interval} s: "
        f"p50 {steps[9]:.1f} s, p95 {steps[18]:.1f} s, longest {max(ages):.1f} s"
    )


def _ages(cloud: LocalCloud, bucket: str, sending: "subprocess.Popen[bytes]") -> Iterator[float]:
    """Yield, for each document with newer events, how old these were, as if they had come evenly."""
    s3 = cloud.client("s3")
    newest: datetime | None = None
    while sending.poll() is None:
        time.sleep(0.5)
        try:
            text = s3.get_object(Bucket=bucket, Key=f"{LIVE_PREFIX}{DOCUMENT_NAME}")["Body"].read()
        except s3.exceptions.NoSuchKey:
            continue
        document = LiveDocument.from_json(text)
        arrival = document.freshness.newest_arrival
        if arrival is not None and arrival != newest:
            if newest is not None:
                newer = arrival - newest
                yield from ((document.written_at - newest - newer * part / 20).total_seconds() for part in range(20))
            newest = arrival


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.live_minutes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=("load", "freshness", "buffers"), nargs="?", default="load")
    parser.add_argument("--rate", type=int, help="events a second (load: 10,000; freshness: 200; buffers: 1,000)")
    parser.add_argument("--minutes", type=int, default=60, help="simulated minutes of load (default 60)")
    parser.add_argument("--events", type=int, default=20_000, help="events of freshness (default 20,000)")
    parser.add_argument("--interval", type=int, default=2, help="seconds between two looks, of freshness (default 2)")
    parser.add_argument(
        "--environment", default="local", help="whose template is deployed, of freshness (default local, a 5 s buffer)"
    )
    given = parser.parse_args()
    if given.what == "load":
        load(given.rate or 10_000, given.minutes)
    elif given.what == "buffers":
        buffers(given.rate or 1_000)
    else:
        freshness(given.events, given.rate or 200, given.interval, given.environment)
    return 0


if __name__ == "__main__":
    sys.exit(main())
