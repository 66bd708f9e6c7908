"""All jobs on a cluster, from the package alone, executors killed in each: the same tables as on one machine.

In most it is one that runs a task of the job; hours and days that are cut lose the rows of an exchange.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import boto3
import pytest

from contracts.tables import ERASED_USERS
from infra.package import BuiltPackage, build
from infra.settings import settings_of
from local.cloud.emr_serverless.submit import installed_spark
from local.cloud.process import LocalCloud
from tests.e2e.cluster.losing_rows import CUT, ended_again
from tests.e2e.cluster.standalone import JVM, ROOT, Cluster, ExecutorKiller, packaged_submit
from tests.proofs.kills.small_lake import START, SmallLake

pytestmark = [pytest.mark.spark, pytest.mark.cloud, pytest.mark.e2e, pytest.mark.timeout(1_800)]

WAREHOUSE: Final = "s3://warehouse/warehouse"
PROGRAMS: Final = ROOT / "tests" / "e2e" / "cluster"
HOURS: Final = [START + timedelta(hours=hour) for hour in (0, 1)]
LATE: Final = START + timedelta(hours=2)
SPAN: Final = ["--from", "2026-11-19T00", "--to", "2026-11-20T12"]
SETTLED: Final = ["--settled-before", "2027-01-01T00:00:00+00:00"]
#: All but `run_events_file`, which has a file and a folder of one machine as input and output.
JOBS: Final = [
    ("run_transform_events", ["--from", "2026-11-20T10", "--to", "2026-11-20T11", *SETTLED]),
    ("run_aggregate_hours", SPAN),
    ("run_aggregate_days", ["--from", "2026-11-19", "--to", "2026-11-20"]),
    ("run_aggregate_weeks", ["--week", "2026-11-16"]),
    ("run_replay_rejected", [*SPAN, "--apply", *SETTLED]),
    ("run_reconcile_hours", [*SPAN, *SETTLED]),
    ("run_erase_user", ["--user-id", "user-3", "--apply", "--alone"]),
    ("run_maintain_tables", ["--table", "received_events", "--table", "clean_events", "--table", "sessions"]),
]


def test_every_job_is_in_the_list() -> None:
    there = {path.stem for path in (ROOT / "spark_jobs").glob("run_*.py")}

    assert there - {name for name, _ in JOBS} == {"run_events_file"}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A local cloud with the same raw objects in two buckets: `reconcile_hours` finds an hour that nothing else did."""
    folder = tmp_path_factory.mktemp("cluster-cloud")
    objects = SmallLake(raw=folder / "raw", dice=random.Random(7))
    for hour in (*HOURS, LATE):
        objects.write(hour, lines=60)
    with LocalCloud(folder / "cloud") as cloud, pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.environment().items():
            patch.setenv(name, value)
        s3 = boto3.client("s3")
        for bucket in ("warehouse", "cluster", "local"):
            s3.create_bucket(Bucket=bucket)
        for path in objects.raw.rglob("*.gz"):
            for bucket in ("cluster", "local"):
                s3.upload_file(str(path), bucket, str(path.relative_to(folder)))
        yield cloud


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> BuiltPackage:
    return build(settings_of("local").compute.package_architecture)


def jobs(name: str) -> list[Any]:
    """Return the jobs of the lake of one bucket."""
    lake = ["--raw-uri", f"s3://{name}/raw", "--warehouse-uri", WAREHOUSE, "--database", name]
    return [(job, [*lake, *arguments]) for job, arguments in JOBS]


def test_jobs_on_a_cluster_that_loses_executors_make_the_tables_that_one_machine_makes(
    cloud: LocalCloud, package: BuiltPackage, tmp_path: Path
) -> None:
    (tmp_path / "cluster.json").write_text(json.dumps(jobs("cluster")))
    losses = tmp_path / "losses"
    losses.mkdir()
    with Cluster(folder=tmp_path / "machines", variables=cloud.environment()) as cluster:
        programs = [PROGRAMS / "losing_rows.py", PROGRAMS / "jobs_in_turn.py"]
        arguments = [str(package.folder / "spark_jobs"), str(tmp_path / "cluster.json"), str(losses)]
        driver = packaged_submit(cluster, package, programs, arguments)
        killer = ExecutorKiller(cluster, driver, spared=CUT)
        status = killer.run()
        errors = (cluster.folder / "driver" / "stderr").read_text()[-3000:]
    assert status == 0, "".join(killer.output) + errors
    assert killer.killed == [name for name, _ in JOBS if name not in CUT]
    for name in CUT:
        assert ended_again(losses, name), f"no rows of {name} were lost on their way: {sorted(losses.iterdir())}"

    hashes = tmp_path / "hashes.json"
    comparison = [("run_hashes", [WAREHOUSE, str(hashes), "cluster", "local"])]
    run_on_this_machine(tmp_path, jobs("local"), comparison)
    found = json.loads(hashes.read_text())
    for tables in found.values():
        del tables[ERASED_USERS.name]  # says when they were erased
    assert found["cluster"] == found["local"]
    assert len(set(found["local"].values())) > len(JOBS)  # not all of them are empty


def run_on_this_machine(folder: Path, of_the_checkout: list[Any], of_the_test: list[Any]) -> None:
    """Run jobs of the checkout, then programs of this test, in one session of `local[2]`."""
    both = folder / "entry_points"
    both.mkdir()
    for program in (*(ROOT / "spark_jobs").glob("run_*.py"), PROGRAMS / "run_hashes.py"):
        (both / program.name).symlink_to(program)
    (folder / "local.json").write_text(json.dumps([*of_the_checkout, *of_the_test]))
    settings = {
        "spark.master": "local[2]",
        "spark.driver.memory": "1g",
        "spark.driver.extraClassPath": f"{ROOT}/jars/*",
        "spark.driver.extraJavaOptions": JVM,
    }
    confs = [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
    in_turn = [str(PROGRAMS / "jobs_in_turn.py"), str(both), str(folder / "local.json")]
    done = subprocess.run(
        [f"{installed_spark()}/bin/spark-submit", *confs, *in_turn],
        env=os.environ | {"PYSPARK_PYTHON": sys.executable, "PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
