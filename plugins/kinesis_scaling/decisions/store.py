"""Records of decisions ↔ rows of the Iceberg table `scaling_decisions`, by pyiceberg: a DAG starts no Spark for it.

A write is one commit upon the rows that it looked at: if another writer commits meanwhile, or the answer to our own
commit is lost, it looks again. So no decision has two rows, whoever writes it twice.
"""

import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import CommitFailedException, NoSuchNamespaceError, NoSuchTableError, TableAlreadyExistsError
from pyiceberg.expressions import AlwaysTrue, And, BooleanExpression, In, Reference
from pyiceberg.expressions.literals import literal
from pyiceberg.expressions.parser import parse
from pyiceberg.table import Table

from contracts.names import LakeLocation
from contracts.tables import SCALING_DECISIONS
from kinesis_scaling.decisions.decision_record import DecisionRecord
from kinesis_scaling.decisions.stored_table import OneCommit, create_table, missing_columns
from kinesis_scaling.errors import DecisionStoreError

#: How often a write is tried: each time but the last, somebody else's commit came between.
TRIES: Final = 10
FIRST_WAIT_SECONDS: Final = 0.1
_LONGEST_WAIT_SECONDS: Final = 5.0
_DAY: Final = timedelta(days=1)


class DecisionStore:
    """The decisions of one database; a table that is not there yet is an empty one.

    Every method raises `DecisionStoreError`, with the remedy, if the catalog or the table cannot be used.
    """

    def __init__(self, *, catalog: Catalog, database: str) -> None:
        self._catalog = catalog
        self._database = database

    def write(self, records: Sequence[DecisionRecord]) -> None:
        """Leave one row for each record, in one commit; the row that a decision has already becomes this one."""
        latest = {record.decision_id: record for record in records}
        if not latest:
            return
        for turn in range(TRIES):
            if self._committed(latest):
                return
            time.sleep(min(FIRST_WAIT_SECONDS * 2**turn, _LONGEST_WAIT_SECONDS) * random.uniform(0.5, 1))
        raise DecisionStoreError(
            f"{self._database}.{SCALING_DECISIONS.name}: others committed before us {TRIES} times in a row; "
            "run the task again"
        )

    def read(self, stream_name: str | None, since: datetime, until: datetime) -> list[DecisionRecord]:
        """Return the decisions of `[since, until)`, in order; of one stream, or (None) of all."""
        with _usable(self._database):
            found = _records(self._stored(), And(_between(since, until), _of_stream(stream_name)))
        return sorted(found, key=lambda record: (record.decided_at, record.stream_name))

    def decided(self) -> list[tuple[str, datetime]] | None:
        """Return stream and time of every decision, in order; None if the table was never made."""
        with _usable(self._database):
            stored = self._stored()
            if stored is None:
                return None
            found = stored.scan(selected_fields=("stream_name", "decided_at")).to_arrow()
        return sorted((row["stream_name"], row["decided_at"]) for row in _rows(found))

    def _committed(self, latest: Mapping[str, DecisionRecord]) -> bool:
        """Write what is not there yet; return False if another commit came between."""
        try:
            with _usable(self._database):
                self._commit(latest)
        except CommitFailedException:
            return False
        return True

    def _commit(self, latest: Mapping[str, DecisionRecord]) -> None:
        stored = self._stored() or self._made()
        times = [record.decided_at for record in latest.values()]
        # The ids alone would not tell which days and files to look at.
        theirs = And(_between(min(times), max(times) + timedelta(seconds=1)), _one_of("decision_id", latest))
        there = {record.decision_id: record for record in _records(stored, theirs)}
        rows = [asdict(record) for record in latest.values() if there.get(record.decision_id) != record]
        changed = [row["decided_at"] for row in rows if row["decision_id"] in there]
        with OneCommit(stored) as commit:
            commit.add_columns(missing_columns(stored))
            if changed:
                days = stored.scan(row_filter=_between(_midnight(min(changed)), _midnight(max(changed)) + _DAY))
                written = {row["decision_id"] for row in rows}
                kept = [row for row in _rows(days.to_arrow()) if row["decision_id"] not in written]
                commit.put([*kept, *rows], replaced=[task.file for task in days.plan_files()])
            else:
                commit.put(rows)

    def _stored(self) -> Table | None:
        try:
            return self._catalog.load_table((self._database, SCALING_DECISIONS.name))
        except NoSuchTableError:
            return None

    def _made(self) -> Table:
        try:
            return create_table(self._catalog, self._database)
        except NoSuchNamespaceError:
            self._catalog.create_namespace_if_not_exists(self._database)
            return self._made()
        except TableAlreadyExistsError:  # another writer was first
            return self._catalog.load_table((self._database, SCALING_DECISIONS.name))


@contextmanager
def _usable(database: str) -> Iterator[None]:
    """Say in one sentence what AWS, or what reads the files, says in its own way."""
    try:
        yield
    except (BotoCoreError, ClientError, OSError) as error:
        raise DecisionStoreError(
            f"the table {database}.{SCALING_DECISIONS.name} cannot be reached: {error}; check the warehouse, "
            "the database, the credentials and their rights, AWS_DEFAULT_REGION, and AWS_ENDPOINT_URL of a local cloud"
        ) from error


def _records(stored: Table | None, row_filter: BooleanExpression) -> list[DecisionRecord]:
    """Return the records of the rows; a declared column that the table lacks yet is null."""
    if stored is None:
        return []
    there = {field.name for field in stored.schema().fields}
    names = tuple(column.name for column in SCALING_DECISIONS.columns if column.name in there)
    found = stored.scan(row_filter=row_filter, selected_fields=names).to_arrow()
    return [DecisionRecord.from_row(row) for row in _rows(found)]


def _rows(found: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


def _between(since: datetime, until: datetime) -> BooleanExpression:
    return parse(f"decided_at >= '{since.isoformat()}' and decided_at < '{until.isoformat()}'")


def _of_stream(stream_name: str | None) -> BooleanExpression:
    return AlwaysTrue() if stream_name is None else _one_of("stream_name", [stream_name])


def _one_of(column: str, values: Iterable[str]) -> BooleanExpression:
    return In(term=Reference(column), values={literal(value) for value in values})


def _midnight(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def open_decision_store(lake: LakeLocation) -> DecisionStore:
    """Return the store of a lake in the Glue catalog, reached the way boto3 reaches AWS."""
    with _usable(lake.database):
        # boto3 knows of AWS_ENDPOINT_URL and profiles; pyiceberg's own file reader is told what it found.
        s3 = boto3.client("s3").meta
        found = {"s3.endpoint": s3.endpoint_url, "s3.region": s3.region_name, "warehouse": lake.warehouse_uri}
        catalog = GlueCatalog("glue", client=boto3.client("glue"), **found)
    return DecisionStore(catalog=catalog, database=lake.database)
