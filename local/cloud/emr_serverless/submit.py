"""A StartJobRun request → the command, files and environment of a `spark-submit` on this machine, as EMR would read it.

The job gets what a worker of EMR has: the release's Spark and Iceberg, its own files, and nothing of this checkout. So
what a job would miss on AWS it misses here. What only sizes EMR's workers is left out; the job takes two cores.
"""

import os
import platform
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from local.cloud.emulator import Scope
from local.cloud.json_protocol import AwsError, Payload

ROOT: Final = Path(__file__).resolve().parents[3]
#: As EMR's release has it, below the path that jobs name there.
_RELEASE_ICEBERG: Final = "/usr/share/aws/iceberg/lib/"
_DRIVER_VARIABLE: Final = "spark.emr-serverless.driverEnv."
#: The sizes of EMR's workers, and where EMR keeps their state.
_SIZES: Final = (
    "spark.driver.cores",
    "spark.driver.memory",
    "spark.driver.memoryOverhead",
    "spark.dynamicAllocation.",
    "spark.emr-serverless.",
    "spark.executor.cores",
    "spark.executor.instances",
    "spark.executor.memory",
)
#: A job of this machine is short: these halve its CPU and memory, and so does the archive of classes of `make setup`.
_JVM_OPTIONS: Final = (
    "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:ReservedCodeCacheSize=240m"
    f' "-XX:SharedArchiveFile={ROOT}/jars/classes.jsa" -Xlog:disable -Xlog:all=error:stderr'
)
_ARCHITECTURES: Final = {"x86_64": "X86_64", "amd64": "X86_64", "aarch64": "ARM64", "arm64": "ARM64"}
#: What spark-submit takes, and its setting.
_OPTIONS: Final = {"--py-files": "spark.submit.pyFiles", "--archives": "spark.archives", "--name": "spark.app.name"}


class SubmitError(ValueError):
    """The job can't be run; the text is the details of its state."""


@dataclass(frozen=True, kw_only=True)
class Submit:
    """A job's own part of a `spark-submit`: URIs are as the request has them, and have to be fetched."""

    entry_point: str
    arguments: tuple[str, ...]
    configuration: dict[str, str]
    variables: dict[str, str]
    code: tuple[str, ...]
    archives: tuple[tuple[str, str], ...]

    def command(self, spark_home: Path, entry_point: Path, code: list[Path]) -> list[str]:
        """Return the command, for files that lie on this machine by now."""
        settings = {
            "spark.master": "local[2]",
            "spark.driver.memory": "1g",
            "spark.driver.extraClassPath": f"{ROOT}/jars/*",
            "spark.driver.extraJavaOptions": _JVM_OPTIONS,
            "spark.ui.enabled": "false",
            **self.configuration,
        }
        confs = [part for key, value in settings.items() for part in ("--conf", f"{key}={value}")]
        files = ["--py-files", ",".join(map(str, code))] if code else []
        return [f"{spark_home}/bin/spark-submit", *confs, *files, str(entry_point), *self.arguments]


def parse_submit(request: Payload) -> Submit:
    """Return what a request asks for; raise AwsError for what EMR, or this stand-in, does not take."""
    driver = request.get("jobDriver", {}).get("sparkSubmit")
    if driver is None or "entryPoint" not in driver:
        raise AwsError("ValidationException", "jobDriver.sparkSubmit.entryPoint is missing: jobs of Spark only.")
    settings = {**_defaults(request), **dict(_settings(driver.get("sparkSubmitParameters", "")))}
    variables = {
        name.removeprefix(_DRIVER_VARIABLE): value
        for name, value in settings.items()
        if name.startswith(_DRIVER_VARIABLE)
    }
    code, archives = settings.pop("spark.submit.pyFiles", ""), settings.pop("spark.archives", "")
    _check_jars(settings.pop("spark.jars", ""))
    return Submit(
        entry_point=driver["entryPoint"],
        arguments=tuple(driver.get("entryPointArguments", ())),
        configuration={name: value for name, value in settings.items() if not name.startswith(_SIZES)},
        variables=variables,
        code=tuple(filter(None, code.split(","))),
        archives=tuple(_archive(one) for one in filter(None, archives.split(","))),
    )


def job_environment(owner: Scope, *, port: int, home: Path) -> dict[str, str]:
    """Return the environment of a job: Java, this machine's plain Python, this cloud; nothing that a shell had."""
    kept = {name: os.environ[name] for name in ("JAVA_HOME", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "PATH": f"{sys.base_prefix}/bin{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_REGION": owner.region,
        "AWS_DEFAULT_REGION": owner.region,
        "AWS_ACCESS_KEY_ID": owner.account,  # the account is known by a key of twelve digits
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def check_machine(architecture: str) -> None:
    """Raise SubmitError if this machine can't run what is built for the application's workers."""
    machine = _ARCHITECTURES.get(platform.machine().lower(), platform.machine())
    if sys.platform != "linux" or machine != architecture:
        raise SubmitError(
            f"The application's workers are Linux on {architecture}; the local cloud runs jobs itself, and is "
            f"{platform.system()} on {machine}."
        )


def installed_spark() -> Path:
    """Return the folder of this environment's Spark."""
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _defaults(request: Payload) -> dict[str, str]:
    """Return the properties that the request has in the place of the application's."""
    settings: dict[str, Any] = {}
    for one in request.get("configurationOverrides", {}).get("applicationConfiguration", ()):
        if one["classification"] != "spark-defaults":
            raise AwsError("ValidationException", f"The local cloud does not have {one['classification']}.")
        settings.update(one.get("properties", {}))
    return settings


def _settings(parameters: str) -> Iterator[tuple[str, str]]:
    """Yield the settings in spark-submit's parameters."""
    words = iter(shlex.split(parameters))
    for word in words:
        value = next(words, None)
        if value is None or (word != "--conf" and word not in _OPTIONS):
            raise AwsError("ValidationException", f"sparkSubmitParameters: the local cloud does not have {word!r}.")
        if word == "--conf":
            name, _, text = value.partition("=")
            yield name, text
        else:
            yield _OPTIONS[word], value


def _check_jars(jars: str) -> None:
    """Refuse jars other than the release's Iceberg, which is on the class path here."""
    others = [jar for jar in filter(None, jars.split(",")) if not jar.startswith(_RELEASE_ICEBERG)]
    if others:
        raise AwsError("ValidationException", f"spark.jars: the local cloud does not have {', '.join(others)}.")


def _archive(text: str) -> tuple[str, str]:
    uri, _, name = text.partition("#")
    return uri, name or uri.rpartition("/")[2]
