"""The tables and raw objects of a lake as another lake's, in milliseconds: what many tests start from is made once.

Only the current metadata of each table is copied. It names data files and manifests by their full paths, which stay
where they are; what the copy writes goes to its own directory. So no test may expire snapshots of a copy: that deletes
files of the lake that it was copied from.
"""

import json
import shutil
from pathlib import Path

from spark_jobs.lake.lake import Lake


def copy_lake(made: Lake, empty: Lake) -> Lake:
    """Fill an empty lake with another's raw objects and tables as they are now; return it."""
    shutil.copytree(made.raw_uri, empty.raw_uri, dirs_exist_ok=True)
    source, target = _tables(made), _tables(empty)
    for table in source.iterdir():
        version = (table / "metadata" / "version-hint.text").read_text().strip()
        metadata = json.loads((table / "metadata" / f"v{version}.metadata.json").read_text())
        metadata["location"] = metadata["location"].replace(f"{source}/", f"{target}/")
        own = target / table.name / "metadata"
        own.mkdir(parents=True)
        (own / f"v{version}.metadata.json").write_text(json.dumps(metadata | {"metadata-log": []}))
        (own / "version-hint.text").write_text(version)
    return empty


def _tables(lake: Lake) -> Path:
    return Path(lake.warehouse_uri).resolve() / lake.database
