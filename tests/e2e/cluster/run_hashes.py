"""Two lakes in one catalog → a hash of all rows of each table, as JSON: an "entry point" for `jobs_in_turn`."""

import json
import sys
from pathlib import Path

from contracts.names import LakeLocation
from contracts.stages import TABLES
from spark_jobs.lake.lake import Lake
from tests.spark_jobs.table_rows import table_hashes

warehouse, written, *databases = sys.argv[1:]
hashes = {}
for database in databases:
    location = LakeLocation(raw_uri="s3://unread/raw", warehouse_uri=warehouse, database=database)
    hashes[database] = table_hashes(Lake.open("hashes", location), TABLES)
Path(written).write_text(json.dumps(hashes))
