"""A whole pipeline for one test: local cloud, template, simulator and Spark jobs as processes, DuckDB to look."""

import gzip
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from local.cloud.process import LocalCloud
from local.duckdb_iceberg import load_iceberg, s3_secret

ROOT = Path(__file__).resolve().parents[2]


def wait_until(condition: Callable[[], bool], *, what: str, within: float = 600) -> None:
    """Poll until the condition holds; fail with what was waited for, long after the slowest machine has done it."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within:.0f} s: {what}"
        time.sleep(0.3)


@dataclass(frozen=True, kw_only=True)
class RunningPipeline:
    """A local cloud with the template deployed; `outputs` are the stack's."""

    cloud: LocalCloud
    outputs: dict[str, str]
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, **self.cloud.environment(), "PATH": path, "PYTHONPATH": str(ROOT)}

    def client(self, service: str) -> Any:
        return self.cloud.client(service)

    def simulate(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start the simulator; its report goes to standard output as JSON."""
        with (self.folder / "simulator.log").open("w") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "simulator", *arguments, "--json", "--quiet"],
                cwd=ROOT,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def spark_submit(self, job: str, *arguments: str) -> str:
        """Run a job under bare spark-submit, as the README says; return what it printed."""
        outputs = self.outputs
        lake = ["--raw-uri", outputs["RawUri"], "--warehouse-uri", outputs["WarehouseUri"]]
        command = ["spark-submit", "--conf", f"spark.driver.extraClassPath={ROOT}/jars/*", f"spark_jobs/{job}.py"]
        done = subprocess.run(
            [*command, *lake, "--database", outputs["Database"], *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def raw_lines(self) -> list[bytes]:
        """Return every line under raw/."""
        s3 = self.client("s3")
        lines: list[bytes] = []
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=self.outputs["RawBucket"], Prefix="raw/"):
            for item in page.get("Contents", ()):
                body = s3.get_object(Bucket=self.outputs["RawBucket"], Key=item["Key"])["Body"].read()
                lines += gzip.decompress(body).splitlines()
        return lines

    def landed_click_ids(self) -> Counter[str]:
        """Return how often each click_id lies under raw/."""
        return Counter(json.loads(line)["event"]["click_id"] for line in self.raw_lines())

    def landing_hours(self) -> tuple[str, str]:
        """Return the keys of the first and the last landing hour that hold objects."""
        listed = self.client("s3").list_objects_v2(Bucket=self.outputs["RawBucket"], Prefix="raw/")["Contents"]
        parts = sorted(item["Key"].split("/")[1:3] for item in listed)
        keys = [f"{day.removeprefix('landing_date=')}T{hour.removeprefix('landing_hour=')}" for day, hour in parts]
        return keys[0], keys[-1]

    def query(self, table: str, sql: str) -> list[tuple[Any, ...]]:
        """Run SQL over one Iceberg table, named `rows` in it, by DuckDB."""
        found = self.client("glue").get_table(DatabaseName=self.outputs["Database"], Name=table)
        metadata = found["Table"]["Parameters"]["metadata_location"]
        with duckdb.connect() as connection:
            load_iceberg(connection)
            where, keys = self.cloud.endpoint_url, {"access_key": "test", "secret_key": "test"}
            connection.execute(s3_secret(endpoint_url=where, region="us-east-1", **keys))
            connection.execute(f"CREATE VIEW rows AS SELECT * FROM iceberg_scan('{metadata}')")
            return connection.execute(sql).fetchall()


def deploy(cloud: LocalCloud, folder: Path) -> RunningPipeline:
    """Deploy the template to a cloud that runs; return the pipeline."""
    done = subprocess.run(
        [sys.executable, "-m", "infra.deploy", "--environment", "local"],
        cwd=ROOT,
        env={**os.environ, **cloud.environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return RunningPipeline(cloud=cloud, outputs=json.loads(done.stdout), folder=folder)
