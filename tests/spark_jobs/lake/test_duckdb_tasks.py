"""Rules of a task's share: the cores and the memory of its executor, however many cores the cluster has."""

import os
from typing import Any

import pytest
from pyspark import SparkConf
from pyspark.sql import SparkSession

from spark_jobs.errors import TaskMemoryError
from spark_jobs.lake import duckdb_tasks
from spark_jobs.lake.duckdb_tasks import Result, TaskShare, duckdb_connection, run_tasks


class FakeJavaContext:
    """What Spark's own context says of the executors; the driver is one of those that it lists."""

    def __init__(self, executors: int) -> None:
        self.executors = executors

    def sc(self) -> "FakeJavaContext":
        return self

    def getExecutorMemoryStatus(self) -> "FakeJavaContext":  # noqa: N802 (Spark's name)
        return self

    def size(self) -> int:
        return self.executors + 1


class FakeSession:
    """A session of a cluster, or of one machine."""

    def __init__(self, master: str, cores: int, executors: int, **settings: str) -> None:
        self.sparkContext = self
        self.master = master
        self.defaultParallelism = cores
        self._jsc = FakeJavaContext(executors)
        self.settings = {f"spark.{name.replace('_', '.')}": value for name, value in settings.items()}

    def getConf(self) -> SparkConf:  # noqa: N802 (Spark's name)
        conf = SparkConf(loadDefaults=False)
        for name, value in self.settings.items():
            conf.set(name, value)
        return conf


def share(session: FakeSession, tasks: int) -> TaskShare:
    found: Any = session
    return TaskShare.of(found, tasks)


@pytest.mark.parametrize("cores", [16, 64, 400])
@pytest.mark.usefixtures("spark")
def test_a_single_task_has_its_executor_s_cores_and_never_the_cluster_s(cores: int) -> None:
    told = {"executor_cores": "4", "executor_memoryOverhead": "8g"}
    assert share(FakeSession("yarn", cores, cores // 4, **told), 1) == TaskShare(threads=4, megabytes=8192 - 384)
    assert share(FakeSession("yarn", cores, cores // 4, **told), 2) == TaskShare(threads=2, megabytes=4096 - 384)
    assert share(FakeSession("yarn", cores, cores // 4, **told), 900) == TaskShare(threads=1, megabytes=2048 - 384)


@pytest.mark.usefixtures("spark")
def test_what_an_executor_is_not_told_is_what_spark_takes_it_for() -> None:
    alone = FakeSession("spark://master:7077", 16, 2, executor_memory="20g")
    assert share(alone, 1) == TaskShare(threads=8, megabytes=2048 - 384), "a tenth of the heap, and half of the cores"
    assert share(FakeSession("yarn", 2, 1, executor_cores="8"), 1) == TaskShare(threads=4, megabytes=512)
    python = {"executor_pyspark_memory": "3072", "executor_memoryOverhead": "9g", "task_cpus": "2"}
    assert share(FakeSession("yarn", 8, 1, executor_cores="8", **python), 9) == TaskShare(threads=2, megabytes=512)


@pytest.mark.usefixtures("spark")
def test_on_one_machine_a_task_has_no_more_threads_than_its_memory_feeds() -> None:
    assert share(FakeSession("local[*]", 64, 0), 1) == TaskShare(threads=8, megabytes=1024)
    assert share(FakeSession("local[2]", 2, 0), 1) == TaskShare(threads=2, megabytes=1024)
    assert share(FakeSession("local[2]", 2, 0), 3) == TaskShare(threads=1, megabytes=1024)


@pytest.mark.usefixtures("spark")
def test_on_one_machine_the_tasks_of_all_cores_need_no_more_than_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb_tasks, "machine_megabytes", lambda: 20_480)
    sixteen = FakeSession("local[*]", 16, 0, driver_memory="2g")
    assert share(sixteen, 900) == TaskShare(threads=1, megabytes=(20_480 - 2048) // 16 - 384)
    assert share(sixteen, 4) == TaskShare(threads=4, megabytes=1024), "twelve cores have nothing to do"
    assert share(FakeSession("local[*]", 64, 0), 64) == TaskShare(threads=1, megabytes=512), "as little as can be"


@pytest.mark.spark
def test_a_task_whose_memory_does_not_suffice_says_how_much_it_had_and_what_to_raise(spark: SparkSession) -> None:
    def results(number: int) -> list[Result]:
        with duckdb_connection(TaskShare(threads=1, megabytes=1)) as connection:
            connection.execute(f"SELECT list(i) FROM range({number + 10_000_000}) AS numbers(i)")
        return []

    with pytest.raises(
        TaskMemoryError, match=r"1 MiB and 1 threads are not enough for a task: .*; give executors more memory outside"
    ):
        run_tasks(spark, 1, results)


def test_a_connection_has_no_more_threads_than_the_machine() -> None:
    with duckdb_connection(TaskShare(threads=10_000, megabytes=512)) as connection:
        settings = connection.execute("SELECT current_setting('threads'), current_setting('memory_limit')").fetchone()
    assert settings == (os.cpu_count(), "512.0 MiB")
