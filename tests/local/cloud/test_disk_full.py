"""Without room a request is refused and changes nothing; with room again it succeeds."""

import asyncio
import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest

from benchmarks.cloud_attacks import pipeline
from benchmarks.cloud_attacks.disk_full import PARTS, NoMountError, fill, free, small_disk
from local.cloud import files, snapshots
from local.cloud.errors import Shutdown
from local.cloud.kinesis.record_log import RecordLog
from local.cloud.process import LocalCloud
from tests.local.cloud.conftest import Clients
from tests.local.cloud.firehose.firehose_in_process import Delivery
from tests.local.cloud.kinesis.kinesis_in_process import put, read_stream, service_in

ROOT = Path(__file__).parents[3]


def no_room(*_arguments: Any, **_options: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def half_then_no_room(descriptor: int, content: bytes, *, offset: int = 0) -> None:
    os.pwrite(descriptor, content[: len(content) // 2], offset)
    no_room()


def attack(*arguments: str) -> None:
    command = [sys.executable, "-m", "benchmarks.cloud_attacks", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.cloud
@pytest.mark.parametrize(
    "full", ["all", *(pytest.param(part, marks=pytest.mark.e2e) for part in PARTS if part != "all")]
)
def test_what_was_accepted_lands_though_the_disk_was_full_and_the_cloud_was_killed(full: str) -> None:
    attack("disk-full", "--full", full, "--rounds", "2")


def test_the_attack_waits_for_what_was_accepted_though_more_has_landed(monkeypatch: pytest.MonkeyPatch) -> None:
    unanswered = 9
    seen = iter([{1, unanswered}, {1, 2, unanswered}])
    monkeypatch.setattr(pipeline, "landed", lambda _clients: next(seen))
    assert pipeline.await_landed(None, {1, 2}) == {1, 2, unanswered}  # type: ignore[arg-type]


def test_a_write_that_found_no_room_leaves_no_part_of_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RecordLog.create(tmp_path)
    log = RecordLog(tmp_path, segment_bytes=10_000)
    log.append([(b"k", b"first")], arrived=1)
    with monkeypatch.context() as patched:
        patched.setattr(files, "write_all", half_then_no_room)
        with pytest.raises(OSError, match="No space left"):
            log.append([(b"k", b"lost" * 100)], arrived=2)
    log.append([(b"k", b"second")], arrived=3)
    log.close()
    found = RecordLog(tmp_path, segment_bytes=10_000).read(0, max_records=9, max_bytes=9_999)
    assert [one.data for one in found] == [b"first", b"second"]


def test_records_of_a_shard_without_room_are_failed_entries_and_are_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinesis = service_in(tmp_path)
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    with monkeypatch.context() as patched:
        patched.setattr(files, "write_all", half_then_no_room)
        results = put(kinesis, "s", "a", b"1", b"2")
    assert [one["ErrorCode"] for one in results] == ["InternalFailure"] * 2
    assert "free some space and send it again" in results[0]["ErrorMessage"]
    put(kinesis, "s", "a", b"3")
    assert [data for _, data in read_stream(kinesis, "s")] == [b"3"]


def test_a_stream_that_cannot_be_made_is_not_there_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(files, "write_all", no_room)
        with pytest.raises(OSError, match="No space left"):
            service_in(tmp_path).call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    kinesis = service_in(tmp_path)
    assert kinesis.call("ListStreams", {})["StreamNames"] == []
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 1})


@pytest.mark.parametrize("write", ["plan", "delivered"])
def test_a_checkpoint_without_room_is_written_later_and_no_record_is_lost_or_doubled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: str
) -> None:
    service_in(tmp_path).call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    delivery = Delivery(tmp_path).start()
    put(delivery.kinesis, "s", "a", b"1\n", b"2\n")
    written = files.write_json

    def full(path: Path, document: Any) -> None:
        if (document["plan"] is not None) == (write == "plan"):
            no_room()
        written(path, document)

    with monkeypatch.context() as patched:
        patched.setattr(files, "write_json", full)
        assert not delivery.step()
    delivery.start()
    assert delivery.step()
    assert delivery.bucket.lines() == [b"1", b"2"]


class Service:
    """Takes the place of a service of ministack's: counts what it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def handle(self, *_request: Any) -> Any:
        self.asked += 1
        return 200, {}, b"{}"


def ask(service: Service, folder: Path, shutdown: Shutdown) -> int:
    handler = snapshots._saving(service.handle, "glue", snapshots.Snapshots(folder, shutdown))
    headers = {"x-amz-target": "AWSGlue.UpdateTable"}
    status: int = asyncio.run(handler("POST", "/", headers, b"{}", {}))[0]  # type: ignore[arg-type]
    return status


def test_a_request_whose_state_would_find_no_room_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service, shutdown = Service(), Shutdown()
    monkeypatch.setattr(os, "posix_fallocate", no_room)
    assert (ask(service, tmp_path, shutdown), service.asked, shutdown.reason) == (503, 0, None)
    assert list(tmp_path.iterdir()) == []


def test_a_state_that_cannot_be_written_after_its_request_ran_ends_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, shutdown = Service(), Shutdown()
    monkeypatch.setattr(snapshots, "_state", lambda _key: {"table": 1})
    monkeypatch.setattr(files, "overwrite_then_replace", no_room)
    assert (ask(service, tmp_path, shutdown), service.asked) == (503, 1)
    assert shutdown.reason == "the state of glue can't be written: No space left on device"


def test_files_that_belong_together_are_both_there_or_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_atomically(tmp_path / "a", b"old")
    monkeypatch.setattr(files, "write_all", half_then_no_room)
    with pytest.raises(OSError, match="No space left"):
        files.replace_together({tmp_path / "a": b"new", tmp_path / "b": b"new"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


@pytest.mark.cloud
def test_every_kind_of_s3_write_without_room_is_refused_and_is_done_again_with_room(
    tmp_path: Path, clients_of: type[Clients]
) -> None:
    try:
        with small_disk(tmp_path / "state" / "s3", 1) as disk, LocalCloud(tmp_path / "state") as cloud:
            s3 = clients_of(cloud, retries={"total_max_attempts": 1}).s3
            s3.create_bucket(Bucket="full")
            s3.put_bucket_versioning(Bucket="full", VersioningConfiguration={"Status": "Enabled"})
            first = s3.put_object(Bucket="full", Key="k", Body=b"old")["VersionId"]
            upload = {"Bucket": "full", "Key": "m"}
            upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
            part = s3.upload_part(**upload, PartNumber=1, Body=b"p" * 9_000)["ETag"]
            parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
            writes: list[Callable[[], Any]] = [
                lambda: s3.put_object(Bucket="full", Key="k", Body=b"n" * 9_000),
                lambda: s3.copy_object(Bucket="full", Key="c", CopySource="full/k"),
                lambda: s3.complete_multipart_upload(**upload, MultipartUpload=parts),
                lambda: s3.put_object_tagging(Bucket="full", Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]}),
                lambda: s3.delete_object(Bucket="full", Key="k"),
            ]
            fill(disk, leave=0)
            for write in writes:
                with pytest.raises(botocore.exceptions.ClientError, match="No space left on device"):
                    write()
            assert [one["VersionId"] for one in s3.list_object_versions(Bucket="full")["Versions"]] == [first]
            assert s3.get_object(Bucket="full", Key="k")["Body"].read() == b"old"
            assert s3.get_object_tagging(Bucket="full", Key="k")["TagSet"] == []
            free(disk)
            for write in writes:
                write()
            seen = []
            for _ in range(2):
                listed = s3.list_object_versions(Bucket="full")
                seen.append([(one["Key"], one["VersionId"], one["Size"]) for one in listed["Versions"]])
                assert [one["Key"] for one in listed["DeleteMarkers"]] == ["k"]
                assert s3.get_object(Bucket="full", Key="m")["Body"].read() == b"p" * 9_000
                cloud.kill()
                cloud.start()
            assert seen[0] == seen[1]
            assert sorted(size for _, _, size in seen[0]) == [3, 9_000, 9_000, 9_000]
    except NoMountError as error:
        pytest.skip(str(error))
