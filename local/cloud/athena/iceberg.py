"""A Glue table's Iceberg metadata file → its columns as Athena names their types, and its snapshots."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_TYPES: Final = {
    "boolean": "boolean",
    "int": "integer",
    "long": "bigint",
    "float": "real",
    "double": "double",
    "date": "date",
    "timestamp": "timestamp",
    "timestamptz": "timestamp with time zone",
    "string": "varchar",
    "binary": "varbinary",
}


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A commit; `bytes` is the size of all data files of the table as it left it."""

    snapshot_id: int
    parent_id: int | None
    committed_ms: int
    operation: str
    manifest_list: str
    summary: Mapping[str, str]

    @property
    def bytes(self) -> int:
        return int(self.summary.get("total-files-size", 0))


@dataclass(frozen=True, kw_only=True)
class IcebergTable:
    """A table as its metadata file describes it; the newest snapshot is the last."""

    metadata_location: str
    columns: Mapping[str, str]
    snapshots: tuple[Snapshot, ...]
    current_snapshot_id: int | None
    history: tuple[tuple[int, int], ...]  # (made current, in epoch milliseconds; snapshot), oldest first

    def snapshot(self, snapshot_id: int | None) -> Snapshot | None:
        """Return a snapshot by id."""
        return next((one for one in self.snapshots if one.snapshot_id == snapshot_id), None)

    def current_at(self, epoch_ms: int) -> Snapshot | None:
        """Return the snapshot that was current at a time; None before the first."""
        ids = [snapshot_id for made_current, snapshot_id in self.history if made_current <= epoch_ms]
        return self.snapshot(ids[-1]) if ids else None


def parse(metadata_location: str, text: str) -> IcebergTable:
    """Read a metadata file of Iceberg's format version 1 or 2."""
    document = json.loads(text)
    schema = next(one for one in document["schemas"] if one["schema-id"] == document["current-schema-id"])
    snapshots = sorted(document.get("snapshots") or [], key=lambda one: int(one["timestamp-ms"]))
    current = document.get("current-snapshot-id")
    return IcebergTable(
        metadata_location=metadata_location,
        columns={field["name"]: _type(field["type"]) for field in schema["fields"]},
        snapshots=tuple(_snapshot(one) for one in snapshots),
        current_snapshot_id=None if current in (None, -1) else current,
        history=tuple((one["timestamp-ms"], one["snapshot-id"]) for one in document.get("snapshot-log") or []),
    )


def _snapshot(document: dict[str, Any]) -> Snapshot:
    summary = dict(document["summary"])
    return Snapshot(
        snapshot_id=document["snapshot-id"],
        parent_id=document.get("parent-snapshot-id"),
        committed_ms=document["timestamp-ms"],
        operation=summary.pop("operation"),
        manifest_list=document["manifest-list"],
        summary=summary,
    )


def _type(iceberg: Any) -> str:
    if isinstance(iceberg, dict) and iceberg["type"] == "list":
        return f"array({_type(iceberg['element'])})"
    if isinstance(iceberg, dict) and iceberg["type"] == "map":
        return f"map({_type(iceberg['key'])}, {_type(iceberg['value'])})"
    if isinstance(iceberg, str) and iceberg.startswith("decimal"):
        return iceberg
    try:
        return _TYPES[iceberg]
    except (KeyError, TypeError):
        raise NotImplementedError(f"the local cloud's Athena does not have the Iceberg type {iceberg}") from None
