"""Airflow's empty database on SQLite: migrated once by each version, and copied for every home after that.

`airflow db migrate` takes seven seconds of a start, and comes to the same file each time.
"""

import os
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Final

from local.airflow.environment import ROOT

#: Made by the first start, and again after an upgrade; may be removed at any time.
EMPTY_DATABASE: Final = ROOT / "var" / f"airflow-{version('apache-airflow-core')}.db"


def provide(connection: str, empty: Path, migrate: Callable[[], None]) -> None:
    """Copy the empty database to where `connection` says, or migrate and keep what came of it.

    A file that is there already, and any other kind of database, is migrated as it is.
    """
    kind, _, place = connection.partition(":///")
    database = Path(place)
    if kind != "sqlite" or database.exists():
        migrate()
    elif empty.exists():
        shutil.copyfile(empty, database)
    else:
        migrate()
        _keep(database, empty)


def _keep(database: Path, empty: Path) -> None:
    empty.parent.mkdir(parents=True, exist_ok=True)
    partial = empty.with_name(f"{empty.name}.{os.getpid()}")  # others may do the same at this moment
    shutil.copyfile(database, partial)
    partial.replace(empty)
