"""Why the server must end: set by any part of it, from any thread, looked at by the loop that serves."""

import threading


class Ending:
    """The first reason, or none yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reason: str | None = None

    @property
    def reason(self) -> str | None:
        return self._reason

    def because(self, reason: str) -> None:
        """End the server soon; later reasons follow from the first one."""
        with self._lock:
            self._reason = self._reason or reason
