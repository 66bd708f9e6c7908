"""What the demo does while Airflow starts: the template is deployed; past hours, live events and a spike are sent.

Each runs in a thread of its own; the demo asks what is missing, and a failure in a thread ends its waits.
"""

import math
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from local.cloud.errors import LocalCloudError
from local.demo.commands import Commands, Manifest
from local.demo.lake import StackOutputs, local_pipeline_variables
from local.demo.scaling import EventStream, Verdict
from local.waits import Waiter


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much the demo sends: events in `past_hours` hours of history, live ones, and whether there is a spike."""

    past_hours: int
    past_events: int
    live_events: int
    spike: bool


class Background:
    """Deploys and sends; `span` is `[start, end)` of the past hours. As a context, it does not outlive the block."""

    def __init__(self, commands: Commands, endpoint_url: str, size: Size, *, span: tuple[datetime, datetime]) -> None:
        self._commands = commands
        self._endpoint_url = endpoint_url
        self._size = size
        self._span = span
        # The demo has the bound on the wait for the spike: how long Airflow takes to start does not count.
        self._waiter = Waiter(note=self._note_spike, standstill=math.inf)
        self._threads = ThreadPoolExecutor()
        self._deployment: Future[tuple[StackOutputs, EventStream]] = self._threads.submit(self._deploy)
        self._sending: dict[str, Future[Manifest]] = {
            "past": self._threads.submit(self._send_past_hours),
            "live": self._threads.submit(self._send_live),
        }
        if size.spike:
            self._sending["spike"] = self._threads.submit(self._send_spike)
        self._spike_note = ""
        #: What became of the spike.
        self.verdict = Verdict.GO_ON

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiter.cancel()
        self._commands.kill()
        self._threads.shutdown()

    @property
    def outputs(self) -> StackOutputs:
        """The stack's outputs; waits until it is deployed."""
        return self._deployment.result()[0]

    @property
    def stream(self) -> EventStream:
        """The stack's stream, of one shard; waits until it is deployed."""
        return self._deployment.result()[1]

    def check(self) -> None:
        """Raise what ended a thread, if one has failed."""
        if self._deployment.done():
            self._deployment.result()
        for sending in self._sending.values():
            if sending.done():
                sending.result()

    def past_hours_missing(self) -> str:
        """Return what keeps the past hours from being there; nothing once they are."""
        if not self._deployment.done():
            return "the template is deployed"
        return "" if self._sending["past"].done() else "past events are written"

    def missing(self) -> str:
        """Return what is still going on, or what the spike waits for; nothing once everything is accepted."""
        if "spike" in self._sending and not self._sending["spike"].done():
            return self._spike_note or "the spike begins"
        sent = (name for name, sending in self._sending.items() if not sending.done())
        return " and ".join(f"{name} events are sent" for name in sent)

    def manifests(self) -> dict[str, Manifest]:
        """Return the manifest of each kind of traffic, once everything is sent."""
        return {name: sending.result() for name, sending in self._sending.items()}

    def _deploy(self) -> tuple[StackOutputs, EventStream]:
        outputs = self._commands.deploy()
        if outputs.pipeline_variables() != local_pipeline_variables():
            raise LocalCloudError(
                f"the stack has other names than Airflow was started with: {outputs.pipeline_variables()}; "
                "mend local_pipeline_variables"
            )
        stream = EventStream(self._endpoint_url, outputs.stream_name)
        stream.shrink_to_one(self._waiter)
        return outputs, stream

    def _send_past_hours(self) -> Manifest:
        return self._commands.lay_down_history(self.outputs.raw_uri, *self._span, self._size.past_events)

    def _send_live(self) -> Manifest:
        return self._commands.send_live_traffic(self.outputs.api_url, self._size.live_events)

    def _send_spike(self) -> Manifest:
        """Send more than a shard takes until the stream has grown for it, or until it is plainly no spike."""
        stream, began = self.stream, datetime.now(tz=UTC)

        def missing() -> str:
            self.verdict, state = stream.spike_verdict(began)
            return state if self.verdict is Verdict.GO_ON else ""

        with self._commands.start_spike(self.outputs.api_url) as spike:
            self._waiter.add_check(spike.check_running)
            self._waiter.until("the stream has not grown under the spike", missing)
            spike.interrupt()
            return spike.manifest()

    def _note_spike(self, text: str) -> None:
        self._spike_note = text
