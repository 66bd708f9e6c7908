"""`python -m tests.spark_jobs.lake.many_cores FOLDER`: many tasks send each other much, in a small heap."""

import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pyarrow as pa

from contracts.names import LakeLocation
from spark_jobs.lake.exchange import Sent, SentFiles, Step, Yielded, run_steps
from spark_jobs.lake.session import LocalSize, spark_session

CORES = 16
HEAP = "512m"
#: To each task: so all of them together are sent as much as the heap.
BYTES = 32_000_000


def sent_to_all(number: int) -> Iterator[Yielded]:
    """Send bytes that cannot be compressed: a part of them to each task."""
    content = Random(number).randbytes(BYTES // CORES)
    for part in range(CORES):
        yield Sent(relation="noise", part=part, content=content)


def counted(files: SentFiles) -> Iterator[Yielded]:
    """Yield how many bytes came."""
    yield "bytes", pa.table({"bytes": [sum(Path(file).stat().st_size for file in files["noise"])]})


def main(folder: str) -> None:
    """Print how many bytes came to all tasks."""
    lake = LakeLocation(raw_uri=folder, warehouse_uri=folder, database="unused")
    spark = spark_session("many_cores", lake, size=LocalSize(cores=CORES, heap=HEAP, short_lived=True))
    came = run_steps(spark, CORES, sent_to_all, [Step(tasks=CORES, results=counted)])
    print(sum(row["bytes"] for row in came.rows("bytes")))
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1])
