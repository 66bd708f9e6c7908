"""Airflow on this machine, without Docker: four processes on SQLite, up and healthy, or down without a trace.

Every process leads a session of its own: a scheduler that is killed alone would leave its workers behind.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

from local.airflow import database
from local.airflow.api import AirflowApi, AirflowApiError
from local.airflow.environment import airflow_environment, check_port_is_free, free_port
from local.cloud.errors import NotReadyError
from local.waits import STANDSTILL_SECONDS, StandstillError, Waiter

COMPONENTS: Final = ("api-server", "scheduler", "dag-processor", "triggerer")
#: Sessions of Spark at a time: the pool that the DAGs' Spark tasks take a slot of.
SPARK_POOL: Final = "spark"
_HEALTH: Final = ("metadatabase", "scheduler", "dag_processor", "triggerer")
_LOG_TAIL: Final = 30


class LocalAirflow:
    """Airflow with the repository's DAGs, its database and logs under `home`, its UI and API on 127.0.0.1.

    `environment` is added to this process's own for all four services: the pipeline's settings and the AWS endpoint.
    `check` is called again and again while it starts; what it raises ends the start. `command` is what the names of the
    services are given to; `empty_database` is copied, or made if it is not there.
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int = 0,
        environment: Mapping[str, str],
        unpause: Sequence[str] = (),
        spark_slots: int = 1,
        standstill: float = STANDSTILL_SECONDS,
        stop_within: float = 15.0,
        progress: Callable[[str], None] = lambda _: None,
        check: Callable[[], None] = lambda: None,
        command: Sequence[str] = (sys.executable, "-m", "airflow"),
        empty_database: Path = database.EMPTY_DATABASE,
    ) -> None:
        self._home = home.resolve()
        self._port = port or free_port()
        check_port_is_free(self._port)
        self._environment = airflow_environment(
            self._home, self._port, {"CLICKSTREAM_SPARK_SLOTS": str(spark_slots), **environment}
        )
        self._unpause = tuple(unpause)
        self._spark_slots = spark_slots
        self._standstill = standstill
        self._stop_within = stop_within
        self._progress = progress
        self._starting_check = check
        self._command = tuple(command)  # by module: the environment of this Python, whatever PATH says
        self._empty_database = empty_database
        self._is_warm = False
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.api = AirflowApi(f"http://127.0.0.1:{self._port}")

    @property
    def url(self) -> str:
        """Address of the UI."""
        return self.api.base_url

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask every process to end, then kill what is left of its session."""
        for process in self._processes.values():
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + self._stop_within
        for process in self._processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
            # Also when the leader has ended: its workers have groups of their own, but stay in its session.
            _kill_session(process.pid)
            process.wait()
        self._processes.clear()

    def kill(self, component: str) -> None:
        """Kill one of the four services and all that it started: no handler runs, nothing is said goodbye to."""
        process = self._processes.pop(component)
        _kill_session(process.pid)
        process.wait()

    def revive(self, component: str) -> None:
        """Start a service that was killed; its log begins anew."""
        self._spawn(component)

    def check(self) -> None:
        """Raise `NotReadyError`, with the end of its log, if a process has ended."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise NotReadyError(f"airflow {name} ended with status {process.returncode}:\n{self._tail(name)}")

    def _start(self) -> None:
        (self._home / "services").mkdir(parents=True, exist_ok=True)
        connection = self._environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
        database.provide(connection, self._empty_database, self._migrate)
        self._progress("database is ready")
        for component in COMPONENTS:
            self._spawn(component)
        self._wait("healthy", self._unhealthy)
        self.api.create_pool(SPARK_POOL, self._spark_slots)
        self._wait("parsed", self._unparsed)
        for dag_id in self._unpause:
            self.api.unpause(dag_id)

    def _migrate(self) -> None:
        with self._log("db-migrate").open("wb") as log:
            done = subprocess.run(
                [*self._command, "db", "migrate"], env=self._environment, stdout=log, stderr=log, check=False
            )
        if done.returncode:
            raise NotReadyError(f"airflow db migrate failed:\n{self._tail('db-migrate')}")

    def _spawn(self, component: str) -> None:
        # Scheduler and triggerer would serve their logs on every interface.
        quiet = ["--skip-serve-logs"] if component in ("scheduler", "triggerer") else []
        with self._log(component).open("wb") as log:
            self._processes[component] = subprocess.Popen(
                [*self._command, component, *quiet],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait(self, what: str, missing: Callable[[], list[str]]) -> None:
        """Wait until nothing is missing; if that stands still, raise `NotReadyError` with the end of each log."""

        def waited_for() -> str:
            absent = missing()
            return f"waiting for {', '.join(absent)}" if absent else ""

        waiter = Waiter(checks=[self.check, self._starting_check], note=self._note_once(), standstill=self._standstill)
        try:
            waiter.until(f"Airflow is not {what}", waited_for)
        except StandstillError as error:
            logs = "\n".join(f"--- {name}\n{self._tail(name)}" for name in COMPONENTS)
            raise NotReadyError(f"{error}\n{logs}") from error

    def _note_once(self) -> Callable[[str], None]:
        """Return a reporter of progress that leaves out what it has just reported."""
        reported = ""

        def note(text: str) -> None:
            nonlocal reported
            if text != reported:
                self._progress(text)
                reported = text

        return note

    def _unhealthy(self) -> list[str]:
        try:
            status = self.api.component_health()
            if not self._is_warm:
                self.api.warm_up()
                self._is_warm = True
        except AirflowApiError:
            return ["api-server"]
        return [name for name in _HEALTH if status.get(name) != "healthy"]

    def _unparsed(self) -> list[str]:
        if not self._unpause:
            return []
        absent = sorted(set(self._unpause) - set(self.api.dag_ids()))
        if absent and (errors := self.api.import_errors()):
            raise NotReadyError("a DAG file cannot be parsed:\n" + "\n".join(errors))
        return absent

    def _log(self, name: str) -> Path:
        return self._home / "services" / f"{name}.log"

    def _tail(self, name: str) -> str:
        return "\n".join(self._log(name).read_text(errors="replace").splitlines()[-_LOG_TAIL:])


def _kill_session(leader: int) -> None:
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(pid) == leader:
                os.kill(pid, signal.SIGKILL)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
