"""The table `erased_users` → the hashes of users whose lines job 1 refuses, and so the live minutes."""

from datetime import datetime, timedelta
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

from contracts.tables import ERASED_USERS
from live.errors import LiveStorageError

#: How often the catalog is asked for a newer snapshot; a user's lines of the meantime are taken out again.
INTERVAL: Final = timedelta(minutes=1)


class ErasedUsersTable:
    """Reads the table when it has changed; before the first job has made it, nobody is erased."""

    def __init__(self, catalog: Catalog, database: str) -> None:
        self._catalog = catalog
        self._identifier = (database, ERASED_USERS.name)
        self._asked_at: datetime | None = None
        self._snapshot: int | None = None
        self._hashes: frozenset[str] = frozenset()

    def hashes(self, now: datetime) -> frozenset[str]:
        """Return the hashes as they are, or were a minute ago; raise `LiveStorageError` if the catalog refuses."""
        if self._asked_at is None or now - self._asked_at >= INTERVAL:
            try:
                self._ask()
            except (BotoCoreError, ClientError, OSError) as error:
                raise LiveStorageError(
                    f"can't read the table {'.'.join(self._identifier)}, which says whose lines must not be counted: "
                    f"{error}; check CLICKSTREAM_DATABASE, the credentials and the rights to it"
                ) from error
            self._asked_at = now
        return self._hashes

    def _ask(self) -> None:
        try:
            table: Any = self._catalog.load_table(self._identifier)
        except NoSuchTableError:
            self._require_database()
            self._snapshot, self._hashes = None, frozenset()
            return
        snapshot = table.current_snapshot()
        if snapshot is None:
            self._snapshot, self._hashes = None, frozenset()
        elif snapshot.snapshot_id != self._snapshot:
            rows = table.scan(selected_fields=("user_id_sha256",)).to_arrow()
            self._hashes = frozenset(rows.column("user_id_sha256").to_pylist())
            self._snapshot = snapshot.snapshot_id

    def _require_database(self) -> None:
        database = self._identifier[0]
        try:
            self._catalog.load_namespace_properties(database)
        except NoSuchNamespaceError:
            raise LiveStorageError(
                f"there is no database {database!r} in the catalog; CLICKSTREAM_DATABASE must be the stack's Database "
                "(make outputs prints it)"
            ) from None
