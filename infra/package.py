"""`make package`: the checkout → a package of jobs that EMR Serverless runs: an archive with a Python environment.

EMR takes an image or an archive (`spark.archives`). An archive needs neither Docker nor a registry, and the release
brings everything else: Spark, Iceberg, the AWS SDK. Native packages come as wheels of the cluster's architecture, so
any machine builds for any other, from the hashed lock.

The same checkout gives the same bytes: parts are sorted, and have neither owner nor time.
"""

import argparse
import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.job_package import (
    PYTHON_VERSION,
    REQUIREMENTS,
    JobPackage,
    PackageError,
    code_files,
    entry_point,
)
from infra.errors import InfraError, PackageBuildError
from infra.settings import ENVIRONMENTS, settings_of

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGES: Final = ROOT / "var" / "packages"

#: Wheels for a C library at least as old as Amazon Linux 2023's, 2.34.
_PLATFORMS: Final = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
#: What an environment has that no job needs.
_LEFT_OUT: Final = ("__pycache__", "bin", "include", "tests")
#: A higher level takes thrice the time for a tenth of the size.
_GZIP_LEVEL: Final = 1
_ZIP_DATE: Final = (1980, 1, 1, 0, 0, 0)

#: Not a link into a virtual environment, which would hold only where Python has the same path.
_PYTHON_SCRIPT: Final = f"""\
#!/bin/sh
# This machine's Python {PYTHON_VERSION}, with the packages beside this script before its own, and without its user's.
here=$(cd "$(dirname "$0")/.." && pwd) || exit
command -v python{PYTHON_VERSION} >/dev/null || {{
  echo "the jobs' package is for Python {PYTHON_VERSION}, and no python{PYTHON_VERSION} is on PATH ($PATH)" >&2
  exit 127
}}
PYTHONPATH="$here/site-packages${{PYTHONPATH:+:$PYTHONPATH}}" exec python{PYTHON_VERSION} -s "$@"
"""


@dataclass(frozen=True, kw_only=True)
class BuiltPackage:
    """A package in a folder of this machine, named by its version."""

    package: JobPackage
    folder: Path

    def parts(self) -> Iterator[str]:
        """Yield the names of its files; the manifest is the last."""
        found = sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())
        yield from (name for name in found if name != self.package.manifest)
        yield self.package.manifest

    def summary(self) -> str:
        """Return a line for the package and one for each large part."""
        manifest = json.loads((self.folder / self.package.manifest).read_bytes())
        lines = [
            f"  {name:<20} {part['bytes'] / 2**20:6.1f} MiB  sha256 {part['sha256']}"
            for name, part in manifest["parts"].items()
            if "/" not in name
        ]
        size = sum(part["bytes"] for part in manifest["parts"].values())
        return "\n".join([f"package {self.package.version}: {size / 2**20:.1f} MiB in {self.folder}", *lines])


def build(architecture: str, packages: Path = PACKAGES) -> BuiltPackage:
    """Return the checkout's package, built below `packages` unless it is there; raise `InfraError` if it can't be."""
    try:
        package = JobPackage.of_checkout(architecture, ROOT)
    except PackageError as error:
        raise PackageBuildError(str(error)) from error
    built = BuiltPackage(package=package, folder=packages / package.version)
    if not (built.folder / package.manifest).exists():
        packages.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=packages, prefix=".partial-") as partial:
            _write_parts(Path(partial), package, architecture)
            shutil.rmtree(built.folder, ignore_errors=True)
            (Path(partial) / "package").rename(built.folder)
    return built


def _write_parts(work: Path, package: JobPackage, architecture: str) -> None:
    environment, folder = work / "environment", work / "package"
    folder.mkdir()
    _install(environment / "site-packages", architecture)
    python = environment / "bin" / "python"
    python.parent.mkdir()
    python.write_text(_PYTHON_SCRIPT)
    python.chmod(0o755)
    write_tar(folder / package.environment, environment)
    sources = {name: (ROOT / name).read_bytes() for name in code_files(ROOT)}
    write_zip(folder / package.code, sources)
    (folder / "spark_jobs").mkdir()
    for script in sorted((ROOT / "spark_jobs").glob("run_*.py")):
        shutil.copyfile(script, folder / entry_point(script.stem))
    parts = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    manifest = {
        "version": package.version,
        "python": PYTHON_VERSION,
        "architecture": architecture,
        "parts": {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in sorted(parts.items())
        },
    }
    (folder / package.manifest).write_text(json.dumps(manifest, indent=2) + "\n")


def _install(site_packages: Path, architecture: str) -> None:
    """Install the locked wheels of the architecture, and nothing that this machine would have to compile."""
    command = ["uv", "pip", "install", "--quiet", "--target", str(site_packages), "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--python-version", PYTHON_VERSION, "--link-mode", "copy"]
    command += ["--python-platform", _PLATFORMS[architecture], "--requirements", str(ROOT / REQUIREMENTS)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise PackageBuildError("uv is not on PATH; activate .venv, which has it (`make setup`)") from error
    except subprocess.CalledProcessError as error:
        raise PackageBuildError(
            f"the packages of {REQUIREMENTS} cannot be installed for {architecture}: {error.stderr.strip()}"
        ) from error


def write_tar(path: Path, folder: Path) -> None:
    """Write a folder's files as a .tar.gz; equal files give equal bytes."""
    with (
        path.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=_GZIP_LEVEL, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for source, name in _kept_files(folder):
            entry = tarfile.TarInfo(name)
            entry.size = source.stat().st_size
            entry.mode = 0o755 if source.stat().st_mode & 0o100 else 0o644
            with source.open("rb") as content:
                archive.addfile(entry, content)


def _kept_files(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        installed = relative.parts[1:] if relative.parts[0] == "site-packages" else ()
        if path.is_file() and not set(_LEFT_OUT) & set(installed):
            yield path, relative.as_posix()


def write_zip(path: Path, contents: dict[str, bytes]) -> None:
    """Write files as a zip; equal files give equal bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(contents.items()):
            entry = zipfile.ZipInfo(name, _ZIP_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build; 0 with the package's version, size and hashes on standard output, 1 with what failed on standard error."""
    parser = argparse.ArgumentParser(prog="python -m infra.package", description="Build the package of Spark's jobs.")
    parser.add_argument(
        "--environment", default="prod", help=f"for its workers; one of {', '.join(sorted(ENVIRONMENTS))}"
    )
    given = parser.parse_args(arguments)
    try:
        print(build(settings_of(given.environment).compute.package_architecture).summary())
    except InfraError as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
