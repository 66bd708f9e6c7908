"""A Spark cluster on one machine: a master and two workers with folders and an environment of their own.

The environment of a worker has Java, a plain Python and the address of S3: no virtual environment, no home, no
PYTHONPATH. Spark and Iceberg are the release's, so their jars are on the class path. Where the kernel lets a process
have a view of the disk of its own (Linux, by default), nobody sees the folders of the others, nor the checkout's code.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
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
            for folder in ("tmp", "local"):
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

    def executors(self) -> Iterator[tuple[int, Path]]:
        """Yield the process and the log of each executor that runs."""
        for number, worker in enumerate(self._processes[1:]):
            with contextlib.suppress(psutil.NoSuchProcess):
                for child in psutil.Process(worker.pid).children():
                    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                        command = " ".join(child.cmdline())
                        if match := re.search(r"--executor-id (\d+) .*--app-id (\S+)", command):
                            executor, app = match.groups()
                            yield child.pid, self.folder / f"worker-{number}" / "work" / app / executor / "stderr"

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
    cluster: Cluster, built: BuiltPackage, programs: Sequence[Path], arguments: Sequence[str]
) -> subprocess.Popen[str]:
    """Start the first program on the cluster, from a package and the others alone; its standard output is a pipe."""
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
    own, *_ = (str(shutil.copy(program, folder)) for program in programs)
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
    """Kills an executor in each job that `jobs_in_turn` announces, but the spared, as soon as one runs a task of it."""

    def __init__(self, cluster: Cluster, driver: subprocess.Popen[str], spared: Collection[str]) -> None:
        self._cluster = cluster
        self._driver = driver
        self._spared = spared
        self._announced: list[str] = []
        self.output: list[str] = []
        self.killed: list[str] = []

    def run(self) -> int:
        """Watch until the driver ends; return its exit status."""
        reader = threading.Thread(target=self._read)
        reader.start()
        job, before = "", {}
        while self._driver.poll() is None:
            if self._announced and self._announced[-1] != job:
                job, before = self._announced[-1], dict(self._tasks())
            if job and job not in self.killed and job not in self._spared:
                self._kill(job, before)
            time.sleep(0.02)
        reader.join()
        return self._driver.wait()

    def _kill(self, job: str, before: dict[int, int]) -> None:
        for process, tasks in self._tasks():
            if tasks > before.get(process, 0):
                os.kill(process, signal.SIGKILL)
                self.killed.append(job)
                return

    def _tasks(self) -> Iterator[tuple[int, int]]:
        """Yield how many tasks each executor has started."""
        for process, log in self._cluster.executors():
            if log.exists():
                yield process, log.read_bytes().count(b"Running task ")

    def _read(self) -> None:
        assert self._driver.stdout is not None
        with self._driver.stdout as lines:
            for line in lines:
                self.output.append(line)
                if line.startswith("job "):
                    self._announced.append(line.split()[1])
