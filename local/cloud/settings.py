"""The settings of one local cloud; `__main__` reads them once from the command line."""

from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class LocalCloudSettings:
    """Port 0 means any free port; times are seconds; a `host` other than 127.0.0.1 is for containers.

    AWS takes about a minute to reshard. Here a stream is UPDATING for `reshard_seconds` plus
    `reshard_operation_seconds` for each split and merge, so that callers see the status without a long wait.
    `request_log` is a file that gets a line for each request, for tests of rights (`request_log.py`).
    Without `fsync` a power cut can lose what was answered, a SIGKILL cannot. The Spark of `spark_home`, or else of this
    environment, runs the jobs of EMR Serverless.
    """

    state_dir: Path
    host: str = HOST
    port: int = 4566
    create_seconds: float = 0.0
    reshard_seconds: float = 1.0
    reshard_operation_seconds: float = 0.05
    shard_limit: int = 20_000
    segment_bytes: int = 16 * 2**20
    fsync: bool = True
    spark_home: Path | None = None
    request_log: Path | None = None
