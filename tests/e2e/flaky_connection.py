"""A bad mobile network on this machine: a TCP proxy that is slow, cuts connections anywhere, and is down at times."""

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

#: The share of connections that are cut, and after how many bytes at the latest, in each direction.
_CUT: Final = 0.3
_LONGEST: Final = {"up": 150_000, "down": 20_000}
_PIECE: Final = 8_192


class FlakyConnection:
    """Passes bytes on to one address, at `bytes_per_second` each way and connection. While it is `down`, nothing is."""

    def __init__(self, upstream: tuple[str, int], *, bytes_per_second: int, seed: int) -> None:
        self.cut = 0
        self._upstream = upstream
        self._rate = bytes_per_second
        self._random = random.Random(seed)
        self._down = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()

    @property
    def port(self) -> int:
        """The port of 127.0.0.1 that stands for the other address."""
        return int(self._listener.getsockname()[1])

    @property
    def down(self) -> bool:
        """Whether there is no network."""
        return self._down.is_set()

    @down.setter
    def down(self, down: bool) -> None:
        if not down:
            self._down.clear()
            return
        self._down.set()
        for end in list(self._open):
            _shut(end)

    def serve(self) -> None:
        """Pass connections on until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.down:
                    client.close()
                    continue
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Take no more connections, and end those that are open."""
        # Closing alone would not wake the thread that waits in accept.
        _shut(self._listener)
        self._listener.close()
        self.down = True

    def _connect(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._upstream) as server:
            ends = {client, server}
            self._open |= ends
            limits = {way: self._limit(longest) for way, longest in _LONGEST.items()}
            up = threading.Thread(target=self._pass_on, args=(client, server, limits["up"]), daemon=True)
            up.start()
            self._pass_on(server, client, limits["down"])
            up.join()
            self._open -= ends

    def _limit(self, longest: int) -> float:
        return self._random.uniform(0, longest) if self._random.random() < _CUT else float("inf")

    def _pass_on(self, source: socket.socket, target: socket.socket, limit: float) -> None:
        passed = 0
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                time.sleep(len(piece) / self._rate)
                passed += len(piece)
                if passed > limit:
                    self.cut += 1
                    break
                target.sendall(piece)
        _shut(source)
        _shut(target)


def _shut(end: socket.socket) -> None:
    """Wake whoever reads or writes; the socket is closed by its owner."""
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def flaky_connection(upstream: tuple[str, int], *, bytes_per_second: int, seed: int) -> Iterator[FlakyConnection]:
    """Serve one in a thread."""
    connection = FlakyConnection(upstream, bytes_per_second=bytes_per_second, seed=seed)
    thread = threading.Thread(target=connection.serve, daemon=True)
    thread.start()
    try:
        yield connection
    finally:
        connection.close()
        thread.join()
