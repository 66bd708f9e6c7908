"""A driver that is killed between two calls to the JVM: from then on, none of its calls reaches the JVM.

Other programs see no more than that of a killed driver. The JVM lives on, so that a kill costs no start of Spark. Kills
within a call (of a task, of a commit) need a SIGKILL of the process. `phase` says what a thread does, for the report.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from py4j.java_gateway import GatewayClient  # type: ignore[import-untyped]

_CALL: Final = "c\n"
_COMMITS: Final = frozenset({"overwrite", "commit"})


class DriverKilledError(BaseException):
    """The driver is killed; no `except Exception` catches this."""


@dataclass(kw_only=True)
class DriverRun:
    """A thread's run of a job: its `calls` to the JVM and its `commits` so far, and after how many it is killed."""

    job: str
    calls_left: int | None = None
    commits_left: int | None = None
    calls: int = 0
    commits: int = 0
    committing: bool = False
    killed: bool = False

    @property
    def phase(self) -> str:
        if self.committing:
            return f"{self.job}, in a commit"
        return f"{self.job}, {'after' if self.commits else 'before'} its first commit"


class ThreadRuns(threading.local):
    """The run of each thread; a thread without one is never killed."""

    run: DriverRun | None = None


@dataclass
class DriverKiller:
    """Stands between this process and its JVM; `note` gets each thread's phase when it changes."""

    note: Callable[[str], None] = lambda _phase: None
    threads: ThreadRuns = field(default_factory=ThreadRuns)

    def __enter__(self) -> "DriverKiller":
        self._send: Callable[..., Any] = GatewayClient.send_command
        killer = self

        def send(client: Any, command: str, *more: Any, **options: Any) -> Any:
            return killer._sent(lambda: killer._send(client, command, *more, **options), command)

        GatewayClient.send_command = send
        return self

    def __exit__(self, *_: object) -> None:
        GatewayClient.send_command = self._send

    def run(self, run: DriverRun, job: Callable[[], object]) -> bool:
        """Run a job as a driver that may be killed; return whether it was."""
        self.threads.run = run
        self.note(run.phase)
        try:
            job()
        except DriverKilledError:
            return True
        finally:
            self.threads.run = None
        return run.killed

    def _sent(self, send: Callable[[], Any], command: str) -> Any:
        run = self.threads.run
        if run is None or not command.startswith(_CALL):
            return send()
        if run.killed or run.calls_left == 0:
            run.killed = True
            raise DriverKilledError(run.phase)
        run.calls += 1
        if run.calls_left is not None:
            run.calls_left -= 1
        if command.split("\n", 3)[2] not in _COMMITS:
            return send()
        return self._commit(run, send)

    def _commit(self, run: DriverRun, send: Callable[[], Any]) -> Any:
        run.committing = True
        self.note(run.phase)
        answer = send()
        run.committing, run.commits = False, run.commits + 1
        self.note(run.phase)
        if run.commits_left is not None:
            run.commits_left -= 1
            if run.commits_left == 0:
                run.killed = True
                raise DriverKilledError(run.phase)
        return answer
