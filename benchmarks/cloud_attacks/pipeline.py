"""A stream, its delivery to S3, writers that remember what was accepted, and a comparison with what landed."""

import copy
import gzip
import hashlib
import itertools
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from local.cloud.process import LocalCloud

STREAM: Final = "events"
BUCKET: Final = "lake"
RAW: Final = "raw/"
_ROLE: Final = "arn:aws:iam::000000000000:role/delivery"
_LAND_SECONDS: Final = 180


class Clients:
    """boto3 clients that never retry: a request without an answer has an unknown outcome."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._cloud = cloud

    def __getattr__(self, service: str) -> Any:
        client = self._cloud.client(service, retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=60)
        setattr(self, service, client)
        return client


def set_up(clients: Clients) -> None:
    """A stream of two shards, delivered every second, and a catalog with a table whose pointer moves."""
    clients.s3.create_bucket(Bucket=BUCKET)
    clients.kinesis.create_stream(StreamName=STREAM, ShardCount=2)
    arn = clients.kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]["StreamARN"]
    clients.firehose.create_delivery_stream(
        DeliveryStreamName=STREAM,
        DeliveryStreamType="KinesisStreamAsSource",
        KinesisStreamSourceConfiguration={"KinesisStreamARN": arn, "RoleARN": _ROLE},
        ExtendedS3DestinationConfiguration={
            "BucketARN": f"arn:aws:s3:::{BUCKET}",
            "RoleARN": _ROLE,
            "Prefix": RAW,
            "CompressionFormat": "GZIP",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1},
        },
    )
    clients.glue.create_database(DatabaseInput={"Name": "lake"})
    clients.glue.create_table(DatabaseName="lake", TableInput=table(0))


def table(pointer: int) -> dict[str, Any]:
    """A table as a commit of Iceberg leaves it."""
    return {"Name": "t", "Parameters": {"metadata_location": str(pointer), "pad": "x" * 3_000}}


@dataclass(kw_only=True)
class Accepted:
    """What was answered with success, and what was not answered at all."""

    events: set[int] = field(default_factory=set)
    objects: dict[str, str] = field(default_factory=dict)
    pointers: list[int] = field(default_factory=lambda: [0])
    unknown: bool = False
    statuses: Counter[str] = field(default_factory=Counter)


class Writers:
    """Three clients at once: events, whole objects, a table's pointer. Each `stop` ends one round."""

    def __init__(self, clients: Clients, seed: int, *, before: Accepted | None = None) -> None:
        self._clients = clients
        self._dice = random.Random(seed)
        self.accepted = copy.deepcopy(before) if before else Accepted()
        self._numbers = itertools.count(max(self.accepted.events, default=0) + 1_000)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        self._stop.clear()
        works = (self._put_records, self._put_object, self._update_table)
        self._threads = [threading.Thread(target=self._repeat, args=(work,), daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    def run_until_accepted(self, events: int) -> None:
        """Work until so many more events and three more pointers are accepted, or for three minutes."""
        wanted, pointer = len(self.accepted.events) + events, len(self.accepted.pointers) + 3
        give_up = time.monotonic() + _LAND_SECONDS
        self.start()
        while len(self.accepted.events) < wanted or len(self.accepted.pointers) < pointer:
            if self._stop.wait(0.05) or time.monotonic() > give_up:
                break
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, work: Any) -> None:
        name = work.__name__.removeprefix("_")
        while not self._stop.is_set():
            try:
                status = work()
            except ClientError as error:
                status = str(error.response["ResponseMetadata"]["HTTPStatusCode"])
            except BotoCoreError:
                status = "no answer"
            self.accepted.statuses[f"{name} {status}"] += 1
            if status != "200":
                self._stop.wait(0.02)

    def _put_records(self) -> str:
        numbers = [next(self._numbers) for _ in range(100)]
        records = [{"Data": b"%d %b\n" % (n, b"x" * 200), "PartitionKey": f"user-{n % 97}"} for n in numbers]
        results = self._clients.kinesis.put_records(StreamName=STREAM, Records=records)["Records"]
        stored = [n for n, result in zip(numbers, results, strict=True) if "SequenceNumber" in result]
        self.accepted.events.update(stored)
        return "200" if len(stored) == len(numbers) else "200 with failed records"

    def _put_object(self) -> str:
        number = next(self._numbers)
        body = self._dice.randbytes(self._dice.choice((0, 10, 5_000, 80_000)))
        key = f"data/{number % 40}.parquet"  # the same keys again and again, or the disk is full of them
        self.accepted.objects.pop(key, None)  # what it holds when this is not answered is unknown
        self._clients.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        self.accepted.objects[key] = hashlib.sha256(body).hexdigest()
        return "200"

    def _update_table(self) -> str:
        pointer = self.accepted.pointers[-1] + 1
        self.accepted.unknown = True
        try:
            self._clients.glue.update_table(DatabaseName="lake", TableInput=table(pointer))
        except ClientError:
            self.accepted.unknown = False  # refused: the pointer must be the one before
            raise
        self.accepted.pointers.append(pointer)
        self.accepted.unknown = False
        return "200"


def landed(clients: Clients) -> set[int]:
    """The numbers of the events in S3."""
    pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=RAW)
    keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
    bodies = (gzip.decompress(clients.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()) for key in keys)
    return {int(line.split()[0]) for body in bodies for line in body.splitlines()}


def await_landed(clients: Clients, wanted: set[int]) -> set[int]:
    """What landed, when all that is wanted did, or after three minutes."""
    give_up = time.monotonic() + _LAND_SECONDS
    while wanted - (found := landed(clients)) and time.monotonic() < give_up:  # unanswered ones may land, too
        time.sleep(0.5)
    return found


def differences(clients: Clients, accepted: Accepted) -> list[str]:
    """What of the accepted objects and pointers is not there."""
    found: list[str] = []
    for key, digest in accepted.objects.items():
        body = clients.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        if hashlib.sha256(body).hexdigest() != digest:
            found.append(f"s3://{BUCKET}/{key} is not what was put")
    pointer = clients.glue.get_table(DatabaseName="lake", Name="t")["Table"]["Parameters"]["metadata_location"]
    last = accepted.pointers[-1]
    if int(pointer) != last and not (accepted.unknown and int(pointer) == last + 1):
        found.append(f"the table's pointer is {pointer}, not {last}")
    return found
