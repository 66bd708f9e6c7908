"""A driver that dies between two calls to the JVM: from then on, none of its calls gets there.

That is all that others ever see of a dead driver. The JVM lives on, so that a death costs no start of Spark; what dies
within a call (a task, a commit) is for real kills. `phase` says what the thread is at, for the report of either.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from py4j.java_gateway import GatewayClient  # type: ignore[import-untyped]

_CALL: Final = "c\n"
_COMMITS: Final = frozenset({"overwrite", "commit"})


class DeathError(BaseException):
    """The driver is dead; no `except Exception` stops it."""


@dataclass(kw_only=True)
class Life:
    """A thread's run of a job: what it is, what it has done (`calls` to the JVM, `commits`), and when it is to die."""

    job: str
    calls_left: int | None = None
    commits_left: int | None = None
    calls: int = 0
    commits: int = 0
    committing: bool = False
    dead: bool = False

    @property
    def phase(self) -> str:
        if self.committing:
            return f"{self.job}, in a commit"
        return f"{self.job}, {'after' if self.commits else 'before'} its first commit"


class Drivers(threading.local):
    """The life of each thread; one without is immortal."""

    life: Life | None = None


@dataclass
class Watch:
    """Stands between this process and its JVM; `note` is told of each thread's phase when it changes."""

    note: Callable[[str], None] = lambda _phase: None
    drivers: Drivers = field(default_factory=Drivers)

    def __enter__(self) -> "Watch":
        self._send: Callable[..., Any] = GatewayClient.send_command
        watch = self

        def send(client: Any, command: str, *more: Any, **options: Any) -> Any:
            return watch._sent(lambda: watch._send(client, command, *more, **options), command)

        GatewayClient.send_command = send
        return self

    def __exit__(self, *_: object) -> None:
        GatewayClient.send_command = self._send

    def live(self, life: Life, job: Callable[[], object]) -> bool:
        """Run a job as a driver that may die; return whether it did."""
        self.drivers.life = life
        self.note(life.phase)
        try:
            job()
        except DeathError:
            return True
        finally:
            self.drivers.life = None
        return life.dead

    def _sent(self, send: Callable[[], Any], command: str) -> Any:
        life = self.drivers.life
        if life is None or not command.startswith(_CALL):
            return send()
        if life.dead or life.calls_left == 0:
            life.dead = True
            raise DeathError(life.phase)
        life.calls += 1
        if life.calls_left is not None:
            life.calls_left -= 1
        if command.split("\n", 3)[2] not in _COMMITS:
            return send()
        return self._commit(life, send)

    def _commit(self, life: Life, send: Callable[[], Any]) -> Any:
        life.committing = True
        self.note(life.phase)
        answer = send()
        life.committing, life.commits = False, life.commits + 1
        self.note(life.phase)
        if life.commits_left is not None:
            life.commits_left -= 1
            if life.commits_left == 0:
                life.dead = True
                raise DeathError(life.phase)
        return answer
