"""Athena's workgroups, one JSON document each: where results go, and how much a query may scan."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from local.cloud import files
from local.cloud.emulator import Scope
from local.cloud.json_protocol import AwsError, Payload

PRIMARY: Final = "primary"
ENGINE: Final = "Athena engine version 3"
ENGINE_VERSION: Final = {"EngineVersion": {"SelectedEngineVersion": ENGINE, "EffectiveEngineVersion": ENGINE}}
INVALID: Final = "InvalidRequestException"


@dataclass(frozen=True, kw_only=True)
class WorkGroup:
    """Where results go and how much a query may scan. Times are epoch seconds.

    If `enforced`, the location that a query asks for is ignored.
    """

    name: str
    description: str = ""
    state: str = "ENABLED"
    output_location: str | None = None
    encryption: str | None = None
    enforced: bool = True
    bytes_limit: int | None = None
    created: float = 0.0
    tags: dict[str, str] = field(default_factory=dict)

    def described(self) -> Payload:
        """Return it as GetWorkGroup does."""
        location = {"OutputLocation": self.output_location} if self.output_location else {}
        configuration: Payload = {
            "ResultConfiguration": {**location, **encryption(self.encryption)},
            "EnforceWorkGroupConfiguration": self.enforced,
            "PublishCloudWatchMetricsEnabled": False,
            **ENGINE_VERSION,
        }
        if self.bytes_limit is not None:
            configuration["BytesScannedCutoffPerQuery"] = self.bytes_limit
        return {"WorkGroup": {**self.summary(), "Configuration": configuration}}

    def summary(self) -> Payload:
        """Return it as ListWorkGroups does."""
        return {"Name": self.name, "State": self.state, "Description": self.description, "CreationTime": self.created}


def encryption(option: str | None) -> Payload:
    """Return the part of a result configuration that says how results are encrypted."""
    return {"EncryptionConfiguration": {"EncryptionOption": option}} if option else {}


class WorkGroups:
    """The workgroups of every account and region; each has `primary` from the start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for path in folder.glob("*/*/workgroups/*.json"):  # a broken one ends the start, not a query
            files.read_state(path, WorkGroup)

    def get(self, owner: Scope, name: str) -> WorkGroup:
        """Return a workgroup; raise `AwsError` if there is none of that name."""
        path = self._path(owner, name)
        if path.exists():
            return files.read_state(path, WorkGroup)
        if name == PRIMARY:
            return WorkGroup(name=PRIMARY, enforced=False)
        raise AwsError(INVALID, f"WorkGroup {name} is not found.")

    def all(self, owner: Scope) -> Iterator[WorkGroup]:
        """Yield the scope's workgroups, by name."""
        names = {PRIMARY, *(path.stem for path in self._path(owner, PRIMARY).parent.glob("*.json"))}
        return (self.get(owner, name) for name in sorted(names))

    def create(self, owner: Scope, group: WorkGroup) -> None:
        """Add a workgroup; raise `AwsError` if there is one of its name."""
        if self._path(owner, group.name).exists() or group.name == PRIMARY:
            raise AwsError(INVALID, f"WorkGroup {group.name} already exists")
        self._save(owner, group)

    def update(self, owner: Scope, group: WorkGroup) -> None:
        """Replace a workgroup's configuration."""
        self._save(owner, replace(group, created=self.get(owner, group.name).created))

    def delete(self, owner: Scope, name: str) -> None:
        """Remove a workgroup, if there is one."""
        path = self._path(owner, name)
        path.unlink(missing_ok=True)
        files.sync_folders([path.parent])

    def _save(self, owner: Scope, group: WorkGroup) -> None:
        files.write_state(self._path(owner, group.name), group)

    def _path(self, owner: Scope, name: str) -> Path:
        return self._folder / owner.account / owner.region / "workgroups" / f"{name}.json"
