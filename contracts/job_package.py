"""What Spark's jobs run from on a cluster: the parts of a package, and its version, which follows from the checkout.

`make package` builds it, `make publish` writes it into the code bucket under its version, and Airflow's tasks start
exactly the version of the checkout that they run from. So a job's code is always that of its DAG, and nobody types a
version. The same version is the same content: sources and hashed requirements decide it, nothing else does.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parents[1]

#: EMR's release emr-spark-8.0.0 has Python 3.11 to 3.13; native packages are built for one of them.
PYTHON_VERSION: Final = "3.11"
#: As EMR Serverless names them, in lower case.
ARCHITECTURES: Final = ("arm64", "x86_64")
#: The packages of our own that a job imports, and the requirements of its environment.
CODE_FOLDERS: Final = ("contracts", "storage", "spark_jobs")
REQUIREMENTS: Final = "spark_jobs/requirements.lock"
#: Raise this when a package of the same sources is built in another way.
_FORMAT: Final = 1
_VERSION_DIGITS: Final = 16


class PackageError(Exception):
    """There is no such package; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class JobPackage:
    """A package by its version, and the names of its parts in the folder of that name."""

    version: str

    #: The Python environment: `bin/python`, `site-packages`.
    environment = "environment.tar.gz"
    #: Our own packages.
    code = "clickstream.zip"
    #: The size and the SHA-256 of each part; it is written last, so a package that has it is whole.
    manifest = "package.json"

    @classmethod
    def of_checkout(cls, architecture: str, root: Path = _ROOT) -> "JobPackage":
        """Return the package of the checkout that this module lies in; raise `PackageError` if that can't be one."""
        if architecture not in ARCHITECTURES:
            raise PackageError(f"there is no architecture {architecture!r}: take one of {', '.join(ARCHITECTURES)}")
        digest = hashlib.sha256(f"{_FORMAT} {PYTHON_VERSION} {architecture}\n".encode())
        for name in (*code_files(root), REQUIREMENTS):
            digest.update(f"{name} {hashlib.sha256((root / name).read_bytes()).hexdigest()}\n".encode())
        return cls(version=f"{digest.hexdigest()[:_VERSION_DIGITS]}-{architecture}")

    def uri(self, code_uri: str, part: str) -> str:
        """Return where a part lies below the folder of all packages."""
        return f"{code_uri}/{self.version}/{part}"


def code_files(root: Path = _ROOT) -> Iterator[str]:
    """Yield the files of our own that a package holds, sorted; raise `PackageError` if the checkout has none."""
    for folder in CODE_FOLDERS:
        found = sorted(path.relative_to(root).as_posix() for path in (root / folder).rglob("*.py"))
        if not found:
            raise PackageError(
                f"{root} holds no {folder}/*.py: a package is made from, and found by, a whole checkout; "
                "deploy all of it to Airflow's services"
            )
        yield from found


def entry_point(name: str) -> str:
    """Return the part of a package that runs a job, such as `run_transform_events`."""
    return f"spark_jobs/{name}.py"
