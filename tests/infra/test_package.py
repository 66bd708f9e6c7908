"""The parts of a package are the same bytes for the same files, and it is published under its version, once."""

import json
import os
import re
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from boto3.exceptions import S3UploadFailedError

from contracts.job_package import REQUIREMENTS, JobPackage
from infra.errors import InfraError
from infra.package import ROOT, BuiltPackage, write_tar, write_zip
from infra.publish import code_uri_of, main, publish

FILES = {"site-packages/b.py": b"b", "site-packages/a/native.so": b"\x7fELF", "bin/python": b"#!/bin/sh\n"}


def environment(folder: Path, names: list[str], *, modified: int) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(FILES[name])
        path.chmod(0o755 if name.startswith("bin/") else 0o600)
        os.utime(path, (modified, modified))
    return folder


def test_the_same_files_give_the_same_archive_whatever_their_order_age_and_owner_s_mask(tmp_path: Path) -> None:
    one = environment(tmp_path / "one", list(FILES), modified=1)
    other = environment(tmp_path / "other", list(reversed(FILES)), modified=2_000_000_000)
    (other / "site-packages" / "b.py").chmod(0o644)

    write_tar(tmp_path / "one.tar.gz", one)
    write_tar(tmp_path / "other.tar.gz", other)

    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "other.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "one.tar.gz") as archive:
        assert {entry.name: oct(entry.mode) for entry in archive} == {
            "bin/python": "0o755",
            "site-packages/a/native.so": "0o644",
            "site-packages/b.py": "0o644",
        }


def test_the_same_code_gives_the_same_zip(tmp_path: Path) -> None:
    write_zip(tmp_path / "one.zip", FILES)
    write_zip(tmp_path / "other.zip", dict(reversed(FILES.items())))

    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()


def test_what_packages_bring_beside_their_code_is_left_out(tmp_path: Path) -> None:
    for name in ("site-packages/pyarrow/include/a.h", "site-packages/bin/jp.py", "site-packages/a.py", "bin/python"):
        (tmp_path / "one" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "one" / name).touch()
    write_tar(tmp_path / "one.tar.gz", tmp_path / "one")

    with tarfile.open(tmp_path / "one.tar.gz") as archive:
        assert archive.getnames() == ["bin/python", "site-packages/a.py"]


def test_the_environment_has_the_versions_that_everything_else_is_tested_with() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9-]+==\S+", (ROOT / name).read_text(), flags=re.MULTILINE))

    assert pins(REQUIREMENTS)
    assert pins(REQUIREMENTS) <= pins("requirements.lock")


class Bucket:
    """Keeps the names of what is put into it, in their order."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def list_objects_v2(self, Bucket: str, Prefix: str) -> dict[str, Any]:  # noqa: N803
        return {"KeyCount": sum(name.startswith(f"{Bucket}/{Prefix}") for name in self.names)}

    def upload_file(self, _file: str, bucket: str, key: str) -> None:
        self.names.append(f"{bucket}/{key}")


@pytest.fixture
def built(tmp_path: Path) -> BuiltPackage:
    package = JobPackage(version="0123-arm64")
    for name in ("spark_jobs/run_it.py", "package.json", "clickstream.zip", "environment.tar.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps({"parts": {}}))
    return BuiltPackage(package=package, folder=tmp_path)


@pytest.mark.parametrize(("code_uri", "folder"), [("s3://code", "code"), ("s3://code/jobs", "code/jobs")])
def test_the_manifest_is_uploaded_last_so_that_what_it_stands_for_is_whole(
    built: BuiltPackage, code_uri: str, folder: str
) -> None:
    bucket = Bucket()

    assert publish(built, code_uri, bucket)
    assert bucket.names == [
        f"{folder}/0123-arm64/{name}"
        for name in ("clickstream.zip", "environment.tar.gz", "spark_jobs/run_it.py", "package.json")
    ]
    assert not publish(built, code_uri, bucket)
    assert len(bucket.names) == 4


def target(**outputs: str) -> Any:
    """Return the environment `dev`, with a stack of these outputs."""
    return SimpleNamespace(
        deployment=lambda: SimpleNamespace(stack_name="clickstream-dev", outputs=lambda: outputs),
    )


def test_packages_lie_where_the_stack_says_unless_a_folder_is_given() -> None:
    assert code_uri_of(target(CodeUri="s3://of-the-stack"), None) == "s3://of-the-stack"
    assert code_uri_of(target(CodeUri="s3://of-the-stack"), "s3://given/jobs/") == "s3://given/jobs"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param(
            "/tmp/code", "CLICKSTREAM_CODE_URI is '/tmp/code'; it must be s3://", id="a-folder-that-is-not-in-s3"
        ),
        pytest.param(
            None, "stack clickstream-dev has no output CodeUri: deploy it again", id="a-stack-without-a-bucket"
        ),
    ],
)
def test_what_names_no_folder_says_what_to_do(given: str | None, said: str) -> None:
    with pytest.raises(InfraError, match=re.escape(said)):
        code_uri_of(target(), given)


def test_an_unknown_environment_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--environment", "staging"]) == 1
    assert "no environment 'staging'" in capsys.readouterr().err


def test_an_upload_that_breaks_off_leaves_no_manifest_and_says_to_publish_again(built: BuiltPackage) -> None:
    class Full(Bucket):
        def upload_file(self, file: str, bucket: str, key: str) -> None:
            if self.names:
                raise S3UploadFailedError("no connection")
            super().upload_file(file, bucket, key)

    bucket = Full()
    with pytest.raises(InfraError, match=r"no connection; publish again"):
        publish(built, "s3://code", bucket)
    assert bucket.names == ["code/0123-arm64/clickstream.zip"]
