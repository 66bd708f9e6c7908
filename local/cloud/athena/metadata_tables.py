"""`"table$history"` and `"table$snapshots"`: a table's commits as rows, which is how a time to travel to is found."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from local.cloud.athena.dialect import no_rows
from local.cloud.athena.errors import QueryError
from local.cloud.athena.iceberg import IcebergTable

Columns = Mapping[str, str]

_HISTORY: Final = {
    "made_current_at": "timestamp with time zone",
    "snapshot_id": "bigint",
    "parent_id": "bigint",
    "is_current_ancestor": "boolean",
}
_SNAPSHOTS: Final = {
    "committed_at": "timestamp with time zone",
    "snapshot_id": "bigint",
    "parent_id": "bigint",
    "operation": "varchar",
    "manifest_list": "varchar",
    "summary": "map(varchar, varchar)",
}


def columns_of(kind: str) -> Columns:
    """Return a metadata table's columns; `QueryError` for one that the local cloud lacks."""
    try:
        return _KINDS[kind][0]
    except KeyError:
        raise QueryError(f"NOT_SUPPORTED: the local cloud's Athena does not have the metadata table ${kind}") from None


def rows_sql(kind: str, table: IcebergTable) -> str:
    """Return DuckDB's SQL for a metadata table's rows."""
    columns, rows = _KINDS[kind]
    found = [f"SELECT {', '.join(row)}" for row in rows(table)]
    # The empty part gives names and types, also where nothing follows.
    return " UNION ALL ".join([no_rows(columns), *found])


def _history(table: IcebergTable) -> Iterable[list[str]]:
    ancestors = set()
    snapshot = table.snapshot(table.current_snapshot_id)
    while snapshot is not None:
        ancestors.add(snapshot.snapshot_id)
        snapshot = table.snapshot(snapshot.parent_id)
    for made_current, snapshot_id in table.history:
        kept = table.snapshot(snapshot_id)
        parent = None if kept is None else kept.parent_id
        yield [_time(made_current), str(snapshot_id), _number(parent), str(snapshot_id in ancestors)]


def _snapshots(table: IcebergTable) -> Iterable[list[str]]:
    for one in table.snapshots:
        summary = ", ".join(f"{_text(key)}: {_text(value)}" for key, value in one.summary.items())
        texts = [_text(one.operation), _text(one.manifest_list), f"MAP {{{summary}}}"]
        yield [_time(one.committed_ms), str(one.snapshot_id), _number(one.parent_id), *texts]


def _time(epoch_ms: int) -> str:
    return f"to_timestamp({epoch_ms} / 1000)"


def _number(value: int | None) -> str:
    return "NULL" if value is None else str(value)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


_KINDS: Final[Mapping[str, tuple[Columns, Callable[[IcebergTable], Iterable[list[str]]]]]] = {
    "history": (_HISTORY, _history),
    "snapshots": (_SNAPSHOTS, _snapshots),
}
