"""The project's own commands, run as a person would: deploy, write past hours, send live traffic and a spike."""

import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from contracts.partitions import hour_key
from local.cloud.errors import LocalCloudError
from local.demo.pipeline import StackOutputs

#: The run of their landing hour publishes the hours of all late events, so none waits for reconcile_hours.
_DEFECTS: Final = ("--defects", "default", "--longest-delay", "2")
#: The spike has no late events: its many events only show how the stream scales.
_SPIKE_DEFECTS: Final = ("--duplicates", "0.005", "--malformed", "0.002")
#: Events per second. One shard takes 1,000: the live rate is well below that, the spike is half as much again.
_LIVE_RATE: Final = 700
_SPIKE_RATE: Final = 1_500

Manifest = dict[str, Any]


class CommandFailedError(LocalCloudError):
    """One of the project's commands ended with an error; the message has the end of its log."""


class Commands:
    """Runs commands with the variables of one local cloud; logs and manifests go to `folder`.

    `late` is the share of events (0–1) that happened hours before they arrive.
    """

    def __init__(self, *, folder: Path, environment: Mapping[str, str], late: float = 0.0) -> None:
        self._defects = (*_DEFECTS, "--late", str(late))
        self._folder = folder
        self._environment = environment
        self._commands: list[RunningCommand] = []

    def kill(self) -> None:
        """Kill the commands that still run."""
        for command in self._commands:
            command.kill()

    def deploy(self) -> StackOutputs:
        """Deploy the template; return the stack's outputs."""
        printed = self._started("deploy", ["-m", "infra.deploy", "--environment", "local"]).output()
        return StackOutputs.of(json.loads(printed))

    def write_history(self, raw_uri: str, start: datetime, end: datetime, events: int) -> Manifest:
        """Write past hours straight to the raw prefix; return the manifest."""
        span = ["--from", hour_key(start), "--to", hour_key(end), "--events", str(events)]
        return self._simulated(
            "history", ["history", "--raw", raw_uri, *span, "--seed", "1", *self._defects]
        ).manifest()

    def send_live_traffic(self, api_url: str, events: int) -> Manifest:
        """Send events over HTTP, in batches; return the manifest of what was accepted."""
        size = ["--events", str(events), "--rate", str(_LIVE_RATE)]
        return self._simulated(
            "live", ["stream", "--api-url", api_url, *size, "--seed", "2", *self._defects]
        ).manifest()

    def start_spike(self, api_url: str) -> "RunningCommand":
        """Start to send more than one shard takes, until it is interrupted; throttled events are sent again."""
        rate = ["--rate", str(_SPIKE_RATE)]
        return self._simulated("spike", ["stream", "--api-url", api_url, *rate, "--seed", "3", *_SPIKE_DEFECTS])

    def start_live_minutes(self, outputs: StackOutputs) -> "RunningCommand":
        """Start the service that publishes what arrives, by the minute; it goes on until the demo ends."""
        return self._started("live", ["-m", "live", "--interval", "2"], variables=outputs.pipeline_variables())

    def _simulated(self, name: str, arguments: Sequence[str]) -> "RunningCommand":
        manifest = self._folder / f"{name}-manifest.json"
        return self._started(name, ["-m", "simulator", *arguments, "--quiet", "--manifest", str(manifest)], manifest)

    def _started(
        self,
        name: str,
        arguments: Sequence[str],
        manifest: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> "RunningCommand":
        """Start a command; one that gets `variables` more prints into its log, since nobody waits for its output."""
        log = self._folder / f"{name}.log"
        with log.open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=Path(__file__).parents[2],
                env={**self._environment, **(variables or {})},
                stdout=subprocess.PIPE if variables is None else errors,
                stderr=errors,
                text=True,
                start_new_session=True,  # Ctrl-C in the terminal reaches this program only.
            )
        command = RunningCommand(f"python {' '.join(arguments)}", process, log, manifest)
        self._commands.append(command)
        return command


class RunningCommand:
    """A command that runs beside this program; as a context manager, it is killed at the block's end."""

    def __init__(self, line: str, process: "subprocess.Popen[str]", log: Path, manifest: Path | None) -> None:
        self._line = line
        self._process = process
        self._log = log
        self._manifest = manifest

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """Kill the command if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def interrupt(self) -> None:
        """Ask the simulator to end: it still delivers the events that are on their way."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def check_running(self) -> None:
        """Raise `CommandFailedError` if the command has ended already."""
        if self._process.poll() is not None:
            raise CommandFailedError(self._ended("too early, "))

    def output(self) -> str:
        """Wait for the end; return the standard output, or raise `CommandFailedError`."""
        with self:
            printed = self._process.communicate()[0]
        if self._process.returncode:
            raise CommandFailedError(self._ended(""))
        return printed

    def manifest(self) -> Manifest:
        """Wait for the end; return the manifest that the simulator wrote."""
        assert self._manifest is not None
        self.output()
        return dict(json.loads(self._manifest.read_text()))

    def _ended(self, how: str) -> str:
        return f"{self._line} ended {how}with status {self._process.returncode}:\n{self._log.read_text()[-2000:]}"
