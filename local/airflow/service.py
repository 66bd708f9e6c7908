"""Airflow on this machine, without Docker: four processes on SQLite that are up and healthy, or all ended.

Every process leads a session of its own and is killed with it: a scheduler that is killed alone would leave its
workers behind.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final, Self

import psutil

from local.airflow.api import AirflowApi, AirflowApiError
from local.cloud.errors import NotReadyError, PortInUseError
from local.cloud.settings import HOST
from local.waits import STANDSTILL_SECONDS, StandstillError, Waiter

ROOT: Final = Path(__file__).resolve().parents[2]
#: A migrated database without runs; the first start writes it, and the first start after an upgrade. `airflow db
#: migrate` takes seven seconds of a start and writes the same file each time, so it is copied for every further home.
EMPTY_DATABASE: Final = ROOT / "var" / f"airflow-{version('apache-airflow-core')}.db"
COMPONENTS: Final = ("api-server", "scheduler", "dag-processor", "triggerer")
#: The pool from which the DAGs' Spark tasks take a slot: it limits how many Spark sessions run at a time.
SPARK_POOL: Final = "spark"
_HEALTH: Final = ("metadatabase", "scheduler", "dag_processor", "triggerer")
_LOG_TAIL: Final = 30


class LocalAirflow:
    """Airflow with the repository's DAGs, its database and logs under `home`, its UI and API on 127.0.0.1.

    `environment` is added to this process's own for all four services: the pipeline's settings and the AWS endpoint.
    `check` is called again and again while Airflow starts; an error that it raises ends the start. `command` starts a
    service whose name follows it. `empty_database` is copied, or written if it does not exist.
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
        empty_database: Path = EMPTY_DATABASE,
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

    def __exit__(self, *_: object) -> None:
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
        """Kill one of the four services and all that it started: no handler of theirs runs."""
        process = self._processes.pop(component)
        _kill_session(process.pid)
        process.wait()

    def revive(self, component: str) -> None:
        """Start a service again that was killed; its log begins again, too."""
        self._spawn(component)

    def service_log(self, component: str) -> str:
        """Return what a service has logged since it was started last."""
        return self._log(component).read_text(errors="replace")

    def check(self) -> None:
        """Raise `NotReadyError`, with the end of its log, if a process has ended."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise NotReadyError(f"airflow {name} ended with status {process.returncode}:\n{self._tail(name)}")

    def _start(self) -> None:
        (self._home / "services").mkdir(parents=True, exist_ok=True)
        connection = self._environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
        provide_database(connection, self._empty_database, self._migrate)
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
        """Wait until nothing is missing; after a standstill, raise `NotReadyError` with the end of each log."""

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
        """Return a reporter of progress that does not report the same text twice in a row."""
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
        return "\n".join(self.service_log(name).splitlines()[-_LOG_TAIL:])


def _kill_session(leader: int) -> None:
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(pid) == leader:
                os.kill(pid, signal.SIGKILL)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def free_port() -> int:
    """Return a port of 127.0.0.1 on which no program listens."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def check_port_is_free(port: int) -> None:
    """Raise `PortInUseError` if a program listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PortInUseError(HOST, port) from error


def airflow_environment(home: Path, port: int, added: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for all of Airflow's processes: this process's own, Airflow's settings, and `added`."""
    base_url = f"http://{HOST}:{port}"
    return {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}",
        "PYSPARK_PYTHON": sys.executable,
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        # A changed file is parsed at once anyway; without this, every file is parsed again each half minute.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
        # This idle time is half of the pause between a task and the next one.
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{base_url}/execution/",
        # One person, one machine, 127.0.0.1: no login.
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": base_url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW_CONN_SPARK_LOCAL": "spark://local%5B2%5D",
        "CLICKSTREAM_PROJECT": str(ROOT),
        **added,
    }


def provide_database(connection: str, empty: Path, migrate: Callable[[], None]) -> None:
    """Copy the empty database to where `connection` says; if there is none yet, migrate, and keep a copy of the result.

    A database that exists already, and any other kind than SQLite, is migrated as it is.
    """
    kind, _, place = connection.partition(":///")
    database = Path(place)
    if kind != "sqlite" or database.exists():
        migrate()
    elif empty.exists():
        shutil.copyfile(empty, database)
    else:
        migrate()
        _keep(database, empty)


def _keep(database: Path, empty: Path) -> None:
    empty.parent.mkdir(parents=True, exist_ok=True)
    partial = empty.with_name(f"{empty.name}.{os.getpid()}")  # other programs may write the same file now
    shutil.copyfile(database, partial)
    partial.replace(empty)
