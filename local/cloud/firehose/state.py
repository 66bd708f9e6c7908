"""What a delivery stream is: one frozen value ↔ one JSON document on disk."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from local.cloud import files
from local.cloud.emulator import Scope
from local.cloud.firehose.destination import Destination


@dataclass(frozen=True, kw_only=True)
class DeliveryStreamState:
    """A delivery stream from Kinesis to S3. Times are epoch seconds; a new destination makes a new version."""

    scope: Scope
    name: str
    source_arn: str
    source_role: str
    destination: Destination
    created: float
    updated: float
    version: int = 1
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return f"arn:aws:firehose:{self.scope.region}:{self.scope.account}:deliverystream/{self.name}"


def save(path: Path, state: DeliveryStreamState) -> None:
    """Durable on return."""
    files.write_json(path, asdict(state) | {"destination": state.destination.wire})


def load(path: Path) -> DeliveryStreamState:
    """The state that `save` wrote; BrokenStateError when it is not there whole."""
    return files.read_json(path, _parse)


def _parse(document: dict[str, Any]) -> DeliveryStreamState:
    return DeliveryStreamState(
        scope=Scope(**document.pop("scope")), destination=Destination.parse(document.pop("destination")), **document
    )
