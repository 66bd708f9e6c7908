"""The classes that Spark jobs load → jars/classes.jsa, which the JVM maps into memory as they were.

Reading, checking and linking ten thousand classes from 280 jars takes half of a job's start. One job that runs a bit of
everything, over a local cloud of its own, writes the archive (Java's "application class data sharing"). A JVM of
another Java version or with other jars ignores the archive, and starts as slowly as without one.
"""

import gzip
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from contracts.envelope import Stamp, envelope_line, epoch_ms
from contracts.partitions import hour_key, landing_prefix
from local.cloud.process import LocalCloud

ROOT: Final = Path(__file__).resolve().parents[1]
ARCHIVE: Final = ROOT / "jars" / "classes.jsa"

_HOUR: Final = datetime(2026, 1, 5, 10, tzinfo=UTC)


def make_archive(archive: Path = ARCHIVE) -> None:
    """Run the job and write the classes that it loads; raise CalledProcessError if it fails."""
    with TemporaryDirectory(dir=archive.parent) as folder:
        written = Path(folder) / archive.name
        with LocalCloud(Path(folder) / "cloud") as cloud:
            _write_raw_events(cloud)
            _run_job(cloud, written)
        written.replace(archive)  # in one step: a JVM that maps half an archive dies


def _write_raw_events(cloud: LocalCloud) -> None:
    lines = []
    for number, name in enumerate(("Search", "ViewContent", "AddToCart", "Purchase", "no event")):
        happened = _HOUR + timedelta(minutes=number)
        event = {"timestamp": happened.isoformat(), "user_id": "1", "click_id": str(number), "event_name": name}
        if name == "Purchase":
            event["timestamp"] = "no time"
        stamp = Stamp(received_at=epoch_ms(happened), request_id="r", source_ip="192.0.2.1", user_agent="setup")
        lines.append(envelope_line(stamp, json.dumps(event).encode()))
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key=f"{landing_prefix(_HOUR)}a.gz", Body=gzip.compress(b"".join(lines)))


def _run_job(cloud: LocalCloud, archive: Path) -> None:
    options = f'"-XX:ArchiveClassesAtExit={archive}" -XX:TieredStopAtLevel=1 -Xlog:disable -Xlog:all=error:stderr'
    configuration = {
        "spark.master": "local[2]",
        "spark.driver.extraClassPath": f"{ROOT}/jars/*",
        "spark.driver.extraJavaOptions": options,
    }
    lake = ["--raw-uri", "s3://lake/raw", "--warehouse-uri", "s3://lake/warehouse", "--database", "lake"]
    # What a shell gives each JVM of Spark's may name an archive to read, which a JVM that writes one does not take.
    own = {name: value for name, value in os.environ.items() if name != "SPARK_SUBMIT_OPTS"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    subprocess.run(
        [
            "spark-submit",
            *(part for key, value in configuration.items() for part in ("--conf", f"{key}={value}")),
            *(str(ROOT / "spark_jobs" / "run_reconcile_hours.py"), *lake),
            *("--from", hour_key(_HOUR), "--to", hour_key(_HOUR + timedelta(days=2))),
        ],
        cwd=ROOT,
        env={**own, **cloud.environment(), "PATH": path, "PYTHONPATH": str(ROOT), "SPARK_LOCAL_IP": "127.0.0.1"},
        check=True,
    )


if __name__ == "__main__":
    make_archive()
