"""Two schedulers that change one stream at once, step by step in any order: each call to AWS is a step.

What AWS gives: one reshard at a time; and none is as short as a call, so that nobody still writes what was read before
another one's reshard began when that reshard is over.
"""

import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from kinesis_scaling.stream.past_calls import note_call
from tests.plugins.kinesis_scaling.stream.stubbed_stream import STREAM
from tests.plugins.kinesis_scaling.stream.tagged_stream import TaggedStream

PATIENCE = 10.0


class Writer:
    """Notes its call, makes it, waits until the stream is ACTIVE, and notes it again; stops before each step."""

    def __init__(self, stream: TaggedStream, at: datetime) -> None:
        self.at = at
        #: The step that it stands before: `read`, `write`, `call`, `active`, or `end`.
        self.step = ""
        self.in_use = False
        self._stream = stream
        self._go, self._stands = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._wait()

    @property
    def has_read(self) -> bool:
        """Say whether it is about to write what it read."""
        return self.step == "write"

    def go(self) -> None:
        """Make the step, and stand before the next one."""
        self._go.release()
        self._wait()

    def list_tags_for_stream(self, **request: Any) -> dict[str, Any]:
        self._before("read")
        return self._stream.list_tags_for_stream(**request)

    def add_tags_to_stream(self, **request: Any) -> None:
        self._before("write")
        self._stream.add_tags_to_stream(**request)

    def _run(self) -> None:
        try:
            note_call(self, STREAM, self.at, self.at)
            self._before("call")
            if not self.in_use:
                self._before("active")
                note_call(self, STREAM, self.at, self.at)
        finally:
            self.step = "end"
            self._stands.release()

    def _before(self, step: str) -> None:
        self.step = step
        self._stands.release()
        self._go.acquire()

    def _wait(self) -> None:
        assert self._stands.acquire(timeout=PATIENCE)


def calls_taken(stream: TaggedStream, times: Sequence[datetime], turns: Sequence[bool]) -> set[datetime]:
    """Let two writers take turns until both are at the end; return the times of the calls that AWS took."""
    writers = [Writer(stream, at) for at in times]
    first, second = writers
    turn, taken = iter(turns), set()
    #: Who stood before a write, when a writer's reshard began: until then it is not over.
    slower: dict[int, bool] = {}
    while any(writer.step != "end" for writer in writers):
        chosen = _chosen(first, second, slower, turn)
        other = second if chosen is first else first
        if chosen.step == "call":
            chosen.in_use = other.step == "active"
            if not chosen.in_use:
                taken.add(chosen.at.replace(microsecond=0))
                slower[id(chosen)] = other.has_read
        if chosen.step == "write":
            slower[id(other)] = False
        chosen.go()
    return taken


def _chosen(first: Writer, second: Writer, slower: dict[int, bool], turn: Iterator[bool]) -> Writer:
    def may_go(writer: Writer) -> bool:
        return writer.step != "end" and not (writer.step == "active" and slower[id(writer)])

    able = [writer for writer in (first, second) if may_go(writer)]
    return able[0] if next(turn, True) else able[-1]
