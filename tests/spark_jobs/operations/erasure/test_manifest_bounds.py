"""Rules of manifests: a table that is declared today keeps no bound of an id; one that kept some is found out."""

import io
from pathlib import Path

import pytest

from contracts.tables import USER_DAYS
from spark_jobs.lake.evolution import ensure_tables
from spark_jobs.lake.lake import Lake
from spark_jobs.operations.erasure.manifest_bounds import manifest_holds
from spark_jobs.raw.raw_lines import UnreadableObjectError

pytestmark = pytest.mark.spark

ROW = "SELECT DATE'2026-11-22', '35', TIMESTAMP'2026-11-22 10:00:00', TIMESTAMP'2026-11-22 10:00:00', 1L, NULL"


def manifests(lake: Lake) -> list[bytes]:
    rows = lake.spark.sql(f"SELECT path FROM {lake.table(USER_DAYS.name)}.manifests").collect()
    return [Path(row.path.removeprefix("file:")).read_bytes() for row in rows]


def test_bounds_of_ids_are_not_kept_and_those_of_an_older_table_are_found(lake: Lake) -> None:
    ensure_tables(lake, [USER_DAYS])
    name = lake.table(USER_DAYS.name)
    lake.spark.sql(f"INSERT INTO {name} {ROW}")
    assert not any(manifest_holds(io.BytesIO(manifest), {b"35"}) for manifest in manifests(lake))

    lake.spark.sql(f"ALTER TABLE {name} UNSET TBLPROPERTIES ('write.metadata.metrics.column.user_id')")
    lake.spark.sql(f"INSERT INTO {name} {ROW}")
    held = [manifest_holds(io.BytesIO(manifest), {b"35"}) for manifest in manifests(lake)]
    assert sorted(held) == [False, True]
    assert not any(manifest_holds(io.BytesIO(manifest), {b"3", b"1357"}) for manifest in manifests(lake))

    ensure_tables(lake, [USER_DAYS])
    assert lake.handle(USER_DAYS).properties()["write.metadata.metrics.column.user_id"] == "counts"


@pytest.mark.parametrize("content", [b"", b"PAR1", b"Obj\x01", b"Obj\x01\x02\x7f"])
def test_what_is_no_whole_avro_file_cant_be_searched(content: bytes) -> None:
    with pytest.raises(UnreadableObjectError):
        manifest_holds(io.BytesIO(content), {b"35"})
