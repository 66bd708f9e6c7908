"""A lake's location → a Spark session that knows its catalog, the same on a laptop and on EMR.

Spark is started in two ways. Under `spark-submit` (a terminal, Airflow, EMR Serverless) the JVM is there before this
code runs: class path, memory and master are the caller's. Under bare `python` (tests, `make run`) pyspark starts the
JVM here, and this module says what it needs.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from py4j.java_gateway import java_import  # type: ignore[import-untyped]
from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from contracts.names import CATALOG, LakeLocation
from spark_jobs.errors import MissingJarsError
from storage.directory import local_directory

ROOT: Final = Path(__file__).resolve().parents[2]
JARS: Final = ROOT / "jars"

#: Classes as `make setup` found them loaded (local/class_archive.py): half of a job's start. A JVM that can't use
#: them goes on without, and says so; by default on standard output, which is the job's.
CLASS_ARCHIVE_OPTIONS: Final = (
    f'"-XX:SharedArchiveFile={JARS}/classes.jsa"',  # quoted: Spark splits at spaces
    "-Xlog:disable",
    "-Xlog:all=warning:stderr",
)

Setting = tuple[str, str]

#: What pyspark asks for by its bare name, for each column; unless told, it looks in ten packages of each jar for them.
_BARE_NAMES: Final = ("org.apache.spark.sql.functions", "org.apache.spark.api.python.PythonUtils")


@dataclass(frozen=True, kw_only=True)
class LocalSize:
    """How much of this machine a session may take that pyspark itself starts; `heap` as Java writes it, e.g. `1g`.

    `short_lived` trades the optimizing compiler for a start in half the time and memory: for tests.
    """

    cores: int | None = None
    heap: str = "2g"
    short_lived: bool = False


def spark_session(app_name: str, lake: LakeLocation, *, size: LocalSize | None = None) -> SparkSession:
    """Return the session of this process, started if need be, with the lake's catalog as `glue`.

    A warehouse at `s3://` is kept in the Glue catalog; any other is a directory with a Hadoop catalog.
    """
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    settings = [*_everywhere(), *_catalog(lake)]
    if submitted:
        SparkContext._ensure_initialized()  # so that SparkConf shows what spark-submit was told
        _quieten(SparkContext._jvm)
    else:
        settings += _own_jvm(size or LocalSize())
    told = SparkConf()
    if told.get("spark.master", "local").startswith("local"):
        settings += [(key, value) for key, value in _local() if not told.contains(key)]
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else workers take the first python3 on PATH
    return _started(app_name, settings)


def _started(app_name: str, settings: list[Setting]) -> SparkSession:
    builder = SparkSession.builder.appName(app_name)
    for key, value in settings:
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    _quieten(jvm(spark))
    for name in _BARE_NAMES:
        java_import(jvm(spark), name)
    # A checksum beside each file of a local warehouse would be a second file, and two more processes (chmod) for each.
    files = java_class(spark, "org.apache.hadoop.fs.FileSystem")
    files.getLocal(spark._jsc.hadoopConfiguration()).setWriteChecksum(False)
    # An absent class reads as a package.
    if type(java_class(spark, "org.apache.iceberg.spark.SparkCatalog")).__name__ == "JavaPackage":
        spark.stop()
        raise MissingJarsError(
            "Iceberg is not on Spark's class path; run `make setup`, then pass spark-submit "
            "--conf 'spark.driver.extraClassPath=jars/*'"
        )
    return spark


def _quieten(view: Any) -> None:
    """Log errors only."""
    log4j = "org.apache.logging.log4j"
    configurator, level = getattr(view, f"{log4j}.core.config.Configurator"), getattr(view, f"{log4j}.Level")
    configurator.setRootLevel(level.ERROR)


def jvm(spark: SparkSession) -> Any:
    """Return py4j's untyped view of the JVM, for what Iceberg offers in Java only."""
    return spark._jvm


def java_class(spark: SparkSession, name: str) -> Any:
    """Return a class by its full name; piece by piece, each package would be looked for as a class in 280 jars."""
    return getattr(jvm(spark), name)


def _everywhere() -> list[Setting]:
    return [
        ("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"),
        ("spark.sql.session.timeZone", "UTC"),
        ("spark.sql.ansi.enabled", "true"),
        ("spark.log.level", "ERROR"),
        ("spark.sql.execution.arrow.pyspark.enabled", "true"),
        # Of rows that are pieces of files (spark_jobs.lake.exchange) ten thousand, the other limit, are too many: each
        # task has a batch, and twice that while its buffer grows, in memory that is as large as the heap for all tasks.
        ("spark.sql.execution.arrow.maxBytesPerBatch", str(4 * 1024 * 1024)),
        # Else each column that a job names is half a dozen questions to the JVM, for an error to know its line of code.
        ("spark.python.sql.dataFrameDebugging.enabled", "false"),
        # Of compiled queries: the default, 100, are fewer than a run has, and compiling costs more than running them.
        ("spark.sql.codegen.cache.maxEntries", "1000"),
        # Workers keep memory that they freed, up to 256 MiB, for the next chunk: to give it back and have it filled
        # with zeros again costs a twentieth of all validation.
        ("spark.executorEnv.MALLOC_MMAP_THRESHOLD_", str(32 * 1024 * 1024)),
        ("spark.executorEnv.MALLOC_TRIM_THRESHOLD_", str(256 * 1024 * 1024)),
    ]


def _catalog(lake: LakeLocation) -> list[Setting]:
    prefix = f"spark.sql.catalog.{CATALOG}"
    settings = [
        (prefix, "org.apache.iceberg.spark.SparkCatalog"),
        # What is current is decided by the catalog at each read, not by this session's memory of it.
        (f"{prefix}.cache-enabled", "false"),
    ]
    if lake.warehouse_uri.startswith("s3://"):
        return [
            *settings,
            (f"{prefix}.type", "glue"),
            (f"{prefix}.warehouse", lake.warehouse_uri),
            (f"{prefix}.io-impl", "org.apache.iceberg.aws.s3.S3FileIO"),
        ]
    directory = local_directory(lake.warehouse_uri).resolve()
    # Not as_uri(): Hadoop takes what follows the scheme as it stands, and would make a directory named `my%20data`.
    return [*settings, (f"{prefix}.type", "hadoop"), (f"{prefix}.warehouse", f"file://{directory}")]


def _local() -> list[Setting]:
    """Settings of a driver that is its own executor, and must be seen by nobody else."""
    return [
        ("spark.driver.host", "127.0.0.1"),
        ("spark.driver.bindAddress", "127.0.0.1"),
        ("spark.ui.enabled", "false"),
        ("spark.ui.showConsoleProgress", str(sys.stderr.isatty()).lower()),
        # The default, 200, is for a cluster: each of them costs a task here.
        ("spark.sql.shuffle.partitions", "4"),
        ("spark.python.daemon.module", "spark_jobs.lake.python_daemon"),
        # Python workers find our packages here; those of a cluster are given them by --py-files.
        ("spark.executorEnv.PYTHONPATH", str(ROOT)),
        # Where Hadoop's file API is used (removing orphan files), s3:// is S3A; EMR has its own.
        ("spark.hadoop.fs.s3.impl", "org.apache.hadoop.fs.s3a.S3AFileSystem"),
    ]


def _own_jvm(size: LocalSize) -> list[Setting]:
    options = [
        f"-Dlog4j2.configurationFile={(ROOT / 'spark_jobs' / 'log4j2.properties').as_uri()}",
        # Hadoop's local file system starts a chmod for each file and directory that it makes: let that cost less.
        "-Djdk.lang.Process.launchMechanism=VFORK",
        *CLASS_ARCHIVE_OPTIONS,
    ]
    if size.short_lived:
        # With one compiler the code cache is made small; once full, the JVM sweeps it and compiles the same code again.
        options += ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:ReservedCodeCacheSize=240m"]
    return [
        ("spark.master", f"local[{size.cores or '*'}]"),
        ("spark.driver.memory", size.heap),
        ("spark.driver.extraClassPath", f"{JARS}/*"),
        ("spark.driver.extraJavaOptions", " ".join(options)),
    ]
