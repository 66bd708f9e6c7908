"""Rules of what tasks send each other: it comes where it is sent, whole, and every result comes to the driver."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from spark_jobs.errors import DataFileError
from spark_jobs.lake.exchange import Sent, SentFiles, Step, Yielded, run_steps
from tests.spark_jobs.lake.many_cores import BYTES, CORES

PARTS = 4
#: Larger than what the JVM is given at once.
LARGE = 9_000_000


def sent_to_all(number: int) -> Iterator[Yielded]:
    yield "began", pa.table({"number": [number]})
    for part in range(PARTS - 1):
        yield Sent(relation="small", part=part, content=f"{part} of {number}".encode())
    if number == 1:
        yield Sent(relation="large", part=2, content=bytes(range(250)) * (LARGE // 250))


def read(files: SentFiles) -> Iterator[Yielded]:
    texts = [Path(file).read_bytes().decode() for file in files["small"]]
    large = [Path(file).read_bytes() == bytes(range(250)) * (LARGE // 250) for file in files.get("large", ())]
    yield "read", pa.table({"texts": [sorted(texts)], "large": [large]})
    yield Sent(relation="again", part=0, content=texts[0][:1].encode())


def counted(files: SentFiles) -> Iterator[Yielded]:
    yield "ended", pa.table({"parts": [sorted(Path(file).read_text() for file in files["again"])]})


def refused(_: SentFiles) -> Iterator[Yielded]:
    raise DataFileError.gone("s3://bucket/file")
    yield


@pytest.mark.spark
def test_each_part_has_what_it_was_sent_and_the_driver_has_all_results(spark: SparkSession) -> None:
    """Nobody sends anything to the last part."""
    results = run_steps(spark, 3, sent_to_all, [Step(tasks=PARTS, results=read), Step(tasks=1, results=counted)])
    assert sorted(row["number"] for row in results.rows("began")) == [0, 1, 2]
    assert sorted((row["texts"], row["large"]) for row in results.rows("read")) == [
        ([f"{part} of {number}" for number in range(3)], [True] if part == 2 else []) for part in range(PARTS - 1)
    ]
    assert list(results.rows("ended")) == [{"parts": ["0", "1", "2"]}]


@pytest.mark.spark
def test_an_error_of_ours_in_a_later_step_is_raised_as_it_is(spark: SparkSession) -> None:
    with pytest.raises(DataFileError, match="s3://bucket/file is gone"):
        run_steps(spark, 1, sent_to_all, [Step(tasks=PARTS, results=refused)])


@pytest.mark.e2e
@pytest.mark.spark
def test_many_tasks_side_by_side_need_no_larger_heap(tmp_path: Path) -> None:
    """What each task holds of what it is sent is all tasks' together, and has a session of its own here."""
    command = [sys.executable, "-m", "tests.spark_jobs.lake.many_cores", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2_000:]
    assert done.stdout.split() == [str(BYTES * CORES)]
