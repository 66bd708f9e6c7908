"""A delivery stream in this process, with a bucket that can refuse or die: for what must hold around each upload."""

import asyncio
import gzip
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.cloud import files
from local.cloud.emulator import Scope
from local.cloud.firehose.checkpoint import Checkpoint
from local.cloud.firehose.destination import DeliveryStreamState, Destination
from local.cloud.firehose.pump import Pump, Source
from tests.local.cloud.kinesis.kinesis_in_process import service_in

SCOPE = Scope(account="000000000000", region="us-east-1")
CONFIGURATION: dict[str, Any] = {
    "RoleARN": "arn:aws:iam::000000000000:role/delivery",
    "BucketARN": "arn:aws:s3:::raw",
    "Prefix": "raw/!{timestamp:yyyy}/",
    "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
    "CompressionFormat": "GZIP",
    "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0},
}


class KilledError(Exception):
    """Stands for SIGKILL."""


@dataclass
class Bucket:
    """Takes the place of S3. `dies` kills the process before (-1) or after (1) the next upload."""

    objects: dict[str, bytes] = field(default_factory=dict)
    dies: int = 0
    status: int = 200

    async def put_object(self, scope: Any, *, bucket: str, key: str, body: Any) -> Any:
        dies, self.dies = self.dies, 0
        if dies < 0:
            raise KilledError
        if self.status < 300:
            self.objects[key] = body
        if dies > 0:
            raise KilledError
        return self.status, {}, b""

    def lines(self) -> Any:
        """What was delivered, in the order of the uploads."""
        delivered = [gzip.decompress(body) for key, body in self.objects.items() if key.startswith("raw/")]
        return b"".join(delivered).split()


@dataclass
class Delivery:
    """One delivery stream from stream `s`, in this process."""

    folder: Path
    bucket: Bucket = field(default_factory=Bucket)
    hints: dict[str, int] = field(default_factory=dict)
    version: int = 1

    def start(self) -> Any:
        """As a new process would: everything from disk."""
        self.kinesis = service_in(self.folder)
        source = Source(kinesis=self.kinesis, arn="arn:aws:kinesis:us-east-1:000000000000:stream/s")
        path = self.folder / "checkpoint.json"
        if not path.exists():
            files.write_state(path, Checkpoint(incarnation=source.incarnation(), positions=source.ends()))
        self.pump = Pump(path, source, put_object=self.bucket.put_object)
        return self

    def step(self) -> Any:
        return asyncio.run(self.pump.step(self.state()))

    def state(self) -> Any:
        wire = CONFIGURATION | {"BufferingHints": CONFIGURATION["BufferingHints"] | self.hints}
        return DeliveryStreamState(
            scope=SCOPE,
            name="d",
            source_arn="",
            source_role="",
            destination=Destination.parse(wire),
            created=0,
            updated=0,
            version=self.version,
        )
