"""A Spark cluster on one machine: a master and two workers with folders and an environment of their own.

The environment of a worker has Java, a plain Python and the address of S3: no virtual environment, no home, no
PYTHONPATH. Spark and Iceberg are the release's, so their jars are on the class path. Where the kernel lets a process
have a view of the disk of its own (Linux, by default), nobody sees the folders of the others, nor the checkout's code.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, Self

import psutil

from infra.package import BuiltPackage
from local.airflow.service import free_port
from local.cloud.emr_serverless.submit import installed_spark
from spark_jobs.lake.session import CLASS_ARCHIVE_OPTIONS

ROOT: Final = Path(__file__).resolve().parents[3]
#: Of the checkout; jars, Spark itself and the package stay to be seen.
HIDDEN: Final = ("contracts", "storage", "spark_jobs", "plugins", "dags", "infra", "local", "simulator", "tests")
JVM: Final = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
#: Driver and executors have the class path of any job here, so they load the classes that `make setup` archived.
JOB_JVM: Final = " ".join((JVM, *CLASS_ARCHIVE_OPTIONS))
WORKERS: Final = 2
MACHINES: Final = ("master", *(f"worker-{number}" for number in range(WORKERS)))
_UNSHARE: Final = ("unshare", "--user", "--map-root-user", "--mount", "--")
_READY_SECONDS: Final = 120
#: A task may be lost three times, by Spark's default, before its job fails.
_MOST_KILLS: Final = 3
#: A shuffle's file is named after the number by which the log has its task.
_ENDED: Final = re.compile(rb"Finished task \S+ in stage \S+ \(TID (\d+)\)")
#: The driver's folder of Spark's own log of events.
EVENTS: Final = "events"


@dataclass(frozen=True)
class Executor:
    """A process of a worker; `local` also has what is left of those that ran there before."""

    process: int
    log: Path
    local: Path

    def tasks(self) -> int:
        """Return how many tasks it has started."""
        return self.log.read_bytes().count(b"Running task ") if self.log.exists() else 0

    def rows_on_their_way(self) -> set[Path]:
        """Return the files in which tasks of it that have ended left rows for those of the next step."""
        ended = set(_ENDED.findall(self.log.read_bytes())) if self.log.exists() else set()
        files = self.local.glob("spark-*/executor-*/blockmgr-*/*/shuffle_*.data")
        return {file for file in files if file.name.split("_")[2].encode() in ended}

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)


@dataclass(kw_only=True)
class Cluster:
    """The processes below `folder`; `variables` are added to the environment of each."""

    folder: Path
    variables: Mapping[str, str]
    port: int = field(default_factory=free_port)
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list, init=False)

    @property
    def url(self) -> str:
        return f"spark://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        for name in (*MACHINES, "driver"):
            for folder in ("tmp", "local", EVENTS):
                (self.folder / name / folder).mkdir(parents=True)
        try:
            self._start("master", "master.Master", "--port", str(self.port))
            for number in range(WORKERS):
                work = self.folder / f"worker-{number}" / "work"
                sizes = ("--cores", "1", "--memory", "1g", "--work-dir", str(work))
                self._start(f"worker-{number}", "worker.Worker", *sizes, "--port", "0", self.url)
            self._await_workers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                for child in psutil.Process(process.pid).children(recursive=True):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        child.kill()
            process.kill()
            process.wait()
        # The driver and each executor unpacked one of 400 MB; logs stay.
        for pattern in ("worker-*/work/*/*/environment*", "driver/environment"):
            for environment in self.folder.glob(pattern):
                shutil.rmtree(environment, ignore_errors=True)

    def environment(self, name: str) -> dict[str, str]:
        """Return the environment of a process with folders of its own."""
        own = self.folder / name
        java = {key: os.environ[key] for key in ("JAVA_HOME",) if key in os.environ}
        return {
            **java,
            "PATH": f"{sys.base_prefix}/bin{os.pathsep}/usr/bin{os.pathsep}/bin",
            "LANG": "C.UTF-8",
            "SPARK_HOME": str(installed_spark()),
            "SPARK_LOCAL_DIRS": str(own / "local"),
            "SPARK_DAEMON_JAVA_OPTS": JVM,
            "SPARK_LAUNCHER_OPTS": JVM,
            "SPARK_DAEMON_MEMORY": "256m",
            "TMPDIR": str(own / "tmp"),
            **self.variables,
        }

    def command(self, name: str, program: Sequence[str]) -> list[str]:
        """Return a command that does not see what is not its own, as on a machine of its own."""
        if not _views_are_allowed():
            return list(program)
        others = [self.folder / other for other in (*MACHINES, "driver") if other != name]
        hidden = [str(path) for path in (*others, *(ROOT / folder for folder in HIDDEN))]
        hide = 'while [ "$1" != -- ]; do mount -t tmpfs none "$1" || exit; shift; done; shift; exec "$@"'
        return [*_UNSHARE, "sh", "-c", hide, "sh", *hidden, "--", *program]

    def executors(self) -> Iterator["Executor"]:
        """Yield each executor that runs."""
        for number, worker in enumerate(self._processes[1:]):
            with contextlib.suppress(psutil.NoSuchProcess):
                for child in psutil.Process(worker.pid).children():
                    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                        command = " ".join(child.cmdline())
                        if match := re.search(r"--executor-id (\d+) .*--app-id (\S+)", command):
                            executor, app = match.groups()
                            own = self.folder / f"worker-{number}"
                            yield Executor(child.pid, own / "work" / app / executor / "stderr", own / "local")

    def tasks_made_again(self) -> int:
        """Return how often the driver has seen a task end that had ended before: its rows were lost on their way.

        Stages are named anew when they are run again, what they compute is not.
        """
        computed: dict[int, int] = {}
        ended: Counter[tuple[int, int]] = Counter()
        for log in (self.folder / "driver" / EVENTS).iterdir():
            for line in log.read_bytes().split(b"\n")[:-1]:  # the last one may not be written whole
                event = json.loads(line)
                if event["Event"] == "SparkListenerStageSubmitted":
                    stage = event["Stage Info"]
                    computed[stage["Stage ID"]] = max(rdd["RDD ID"] for rdd in stage["RDD Info"])
                elif event["Event"] == "SparkListenerTaskEnd" and event["Task Type"] == "ShuffleMapTask":
                    task, reason = event["Task Info"], event["Task End Reason"]["Reason"]
                    ended[computed[event["Stage ID"]], task["Partition ID"]] += reason == "Success"
        return sum(times - 1 for times in ended.values() if times > 1)

    def _start(self, name: str, program: str, *arguments: str) -> None:
        environment = self.environment(name)
        command = [f"{installed_spark()}/bin/spark-class", f"org.apache.spark.deploy.{program}"]
        with (self.folder / name / "log").open("wb") as log:
            self._processes.append(
                subprocess.Popen(
                    self.command(name, [*command, "--host", "127.0.0.1", "--webui-port", "0", *arguments]),
                    cwd=self.folder / name,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            )

    def _await_workers(self) -> None:
        give_up = time.monotonic() + _READY_SECONDS
        log = self.folder / "master" / "log"
        while log.read_text().count("Registering worker") < WORKERS:
            assert time.monotonic() < give_up, log.read_text()
            assert all(process.poll() is None for process in self._processes), log.read_text()
            time.sleep(0.2)


@cache
def _views_are_allowed() -> bool:
    return shutil.which("unshare") is not None and not subprocess.run([*_UNSHARE, "true"], check=False).returncode


def packaged_submit(
    cluster: Cluster, built: BuiltPackage, program: Path, arguments: Sequence[str]
) -> subprocess.Popen[str]:
    """Start a program on the cluster, from a package alone; its standard output is a pipe."""
    environment = cluster.environment("driver")
    folder, package = cluster.folder / "driver", built.package
    with tarfile.open(built.folder / package.environment) as archive:  # as EMR unpacks it in a driver's worker
        archive.extractall(folder / "environment", filter="data")
    environment |= {"PYSPARK_DRIVER_PYTHON": "./environment/bin/python", "PYSPARK_PYTHON": "./environment/bin/python"}
    settings = {
        "spark.master": cluster.url,
        "spark.archives": f"{built.folder / package.environment}#environment",
        "spark.driver.memory": "1g",
        "spark.executor.memory": "768m",
        "spark.executor.extraJavaOptions": JOB_JVM,
        "spark.driver.extraJavaOptions": JOB_JVM,
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": (cluster.folder / "driver" / EVENTS).as_uri(),
        "spark.eventLog.rolling.enabled": "false",
        "spark.eventLog.compress": "false",
        "spark.locality.wait": "0",
        # All are on one host, and none sees the disk of another.
        "spark.shuffle.readHostLocalDisk": "false",
        # The release's: Iceberg, and a file system for s3://.
        "spark.driver.extraClassPath": f"{ROOT}/jars/*",
        "spark.executor.extraClassPath": f"{ROOT}/jars/*",
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
    }
    confs = [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
    submit = [f"{installed_spark()}/bin/spark-submit", *confs, "--py-files", str(built.folder / package.code)]
    own = str(shutil.copy(program, folder))
    with (folder / "stderr").open("wb") as stderr:
        return subprocess.Popen(
            cluster.command("driver", [*submit, own, *arguments]),
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )


class ExecutorKiller:
    """Kills an executor in each job that `jobs_in_turn` announces.

    In most as soon as one runs a task of it; in those that are `exchanging` once its tasks have left rows there for the
    next step's, again until such a task is started again: a step may have had its rows just in time.
    """

    def __init__(self, cluster: Cluster, driver: subprocess.Popen[str], exchanging: Collection[str]) -> None:
        self._cluster = cluster
        self._driver = driver
        self._exchanging = exchanging
        self._announced: list[str] = []
        self._spared: set[int] = set()
        self.output: list[str] = []
        self.killed: list[str] = []
        #: Of the jobs that are exchanging, those in which tasks that had ended were started again.
        self.made_again: list[str] = []

    def run(self) -> int:
        """Watch until the driver ends; return its exit status."""
        reader = threading.Thread(target=self._read)
        reader.start()
        job, again, tasks, files = "", 0, {}, set[Path]()
        while self._driver.poll() is None:
            if self._announced and self._announced[-1] != job:
                self._note_made_again(job, again)
                job, again = self._announced[-1], self._cluster.tasks_made_again()
                tasks = {one.process: one.tasks() for one in self._cluster.executors()}
                files = {file for one in self._cluster.executors() for file in one.rows_on_their_way()}
                self._spared.clear()
            if job in self._exchanging:
                self._kill_amid_exchange(job, again, files)
            elif job and job not in self.killed:
                self._kill(job, tasks)
            time.sleep(0.005 if job in self._exchanging else 0.02)
        self._note_made_again(job, again)
        reader.join()
        return self._driver.wait()

    def _kill(self, job: str, before: dict[int, int]) -> None:
        for executor in self._cluster.executors():
            if executor.tasks() > before.get(executor.process, 0):
                executor.kill()
                self.killed.append(job)
                return

    def _kill_amid_exchange(self, job: str, again: int, before: set[Path]) -> None:
        """Kill an executor that has new files, if that is still to be done.

        The next time it is one that was started since: until then, tasks of the killed one are started elsewhere.
        """
        if self.killed.count(job) == _MOST_KILLS:
            return
        executors = list(self._cluster.executors())
        for executor in executors:
            if executor.process in self._spared or not executor.rows_on_their_way() - before:
                continue
            if self._cluster.tasks_made_again() == again:
                executor.kill()
                self.killed.append(job)
                self._spared |= {one.process for one in executors}
            return

    def _note_made_again(self, job: str, before: int) -> None:
        if job in self._exchanging and self._cluster.tasks_made_again() > before:
            self.made_again.append(job)

    def _read(self) -> None:
        assert self._driver.stdout is not None
        with self._driver.stdout as lines:
            for line in lines:
                self.output.append(line)
                if line.startswith("job "):
                    self._announced.append(line.removeprefix("job ").strip())
