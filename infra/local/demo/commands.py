"""The project's own commands, run as a person would: deploy, lay down past hours, send live traffic."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from contracts.partitions import hour_key
from infra.local.demo.lake import StackOutputs
from infra.local.errors import LocalCloudError

#: Few late events: each one outside the hours at hand is one more event hour to make.
_DEFECTS: Final = ("--defects", "default", "--late", "0.0005")
#: None late in the spike: it is many events, and shall be about the stream.
_SPIKE_DEFECTS: Final = ("--duplicates", "0.005", "--malformed", "0.002")
#: Events per second: well within one shard, and half as much again as one takes.
_LIVE_RATE: Final = 400
_SPIKE_RATE: Final = 1_500


class CommandFailedError(LocalCloudError):
    """One of the project's commands ended with an error; the message has the end of what it said."""


@dataclass(frozen=True, kw_only=True)
class Commands:
    """Runs commands with the variables of one local cloud; logs and manifests go to `folder`."""

    folder: Path
    environment: Mapping[str, str]

    def deploy(self) -> StackOutputs:
        """Deploy the template; return the stack's outputs."""
        printed = self._run("deploy", ["-m", "infra.deploy", "--environment", "local"])
        return StackOutputs.of(json.loads(printed))

    def lay_down_history(self, raw_uri: str, start: datetime, end: datetime, events: int) -> dict[str, Any]:
        """Write past hours straight to the raw prefix; return the manifest."""
        span = ["--from", hour_key(start), "--to", hour_key(end), "--events", str(events)]
        return self._simulate("history", ["history", "--raw", raw_uri, *span, "--seed", "1", *_DEFECTS])

    def send_live_traffic(self, api_url: str, events: int) -> dict[str, Any]:
        """Send events over HTTP, in batches; return the manifest of what was accepted."""
        size = ["--events", str(events), "--rate", str(_LIVE_RATE)]
        return self._simulate("stream", ["stream", "--api-url", api_url, *size, "--seed", "2", *_DEFECTS])

    def send_spike(self, api_url: str, events: int) -> dict[str, Any]:
        """Send more than one shard takes; what is throttled is sent again. Return the manifest of what was accepted."""
        size = ["--events", str(events), "--rate", str(_SPIKE_RATE)]
        return self._simulate("spike", ["stream", "--api-url", api_url, *size, "--seed", "3", *_SPIKE_DEFECTS])

    def _simulate(self, name: str, arguments: Sequence[str]) -> dict[str, Any]:
        manifest = self.folder / f"{name}-manifest.json"
        self._run(name, ["-m", "simulator", *arguments, "--manifest", str(manifest)])
        return dict(json.loads(manifest.read_text()))

    def _run(self, name: str, arguments: Sequence[str]) -> str:
        log = self.folder / f"{name}.log"
        with log.open("w") as errors:
            done = subprocess.run(
                [sys.executable, *arguments],
                cwd=Path(__file__).parents[3],
                env=dict(self.environment),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                check=False,
            )
        if done.returncode:
            raise CommandFailedError(
                f"python {' '.join(arguments)} ended with status {done.returncode}:\n{log.read_text()[-2000:]}"
            )
        return done.stdout
