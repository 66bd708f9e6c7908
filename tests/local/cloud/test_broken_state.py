"""State as a power cut may leave it: a start names the file and the way out, or goes on with nothing lost."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cloud_attacks.broken_state import DAMAGES, harm
from local.cloud import files, s3
from local.cloud.errors import BrokenStateError, Shutdown
from local.cloud.firehose.service import DeliveryStreams, FirehoseService
from local.cloud.kinesis.record_log import RecordLog
from local.cloud.settings import LocalCloudSettings
from local.cloud.snapshots import Snapshots
from tests.local.cloud.firehose.firehose_in_process import CONFIGURATION, Delivery, KilledError
from tests.local.cloud.kinesis.kinesis_in_process import put, read_stream, service_in

ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
FOLDER = "kinesis/000000000000/us-east-1/s"


def state_in(folder: Path) -> None:
    """A stream with two records, delivered; a table in the catalog; an object."""
    kinesis = service_in(folder)
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    streams = DeliveryStreams(LocalCloudSettings(state_dir=folder), kinesis)
    create_delivery(streams)
    put(kinesis, "s", "a", b"1\n", b"2\n")
    checkpoint = folder / "firehose/000000000000/us-east-1/d/checkpoint.json"
    document = json.loads(checkpoint.read_bytes())
    files.write_json(checkpoint, document | {"positions": {"0": 2}})
    services = folder / "services"
    files.write_json(services / "glue.json", {"__ministack_format__": 3, "payload": {}})
    files.write_json(services / "documents.json", {"documents": ["glue"]})
    files.replace_together(
        {
            folder / "s3/000000000000/lake/a=1/b": b"body",
            folder / "s3/000000000000/lake/a=1/b.meta.json": b'{"size": 4, "etag": "\\"x\\"", "key": "a=1/b"}',
        }
    )


def create_delivery(streams: DeliveryStreams) -> None:
    FirehoseService(streams).call(
        "CreateDeliveryStream",
        {
            "DeliveryStreamName": "d",
            "DeliveryStreamType": "KinesisStreamAsSource",
            "KinesisStreamSourceConfiguration": {
                "KinesisStreamARN": ARN,
                "RoleARN": "arn:aws:iam::000000000000:role/r",
            },
            "ExtendedS3DestinationConfiguration": CONFIGURATION,
        },
    )


def start(folder: Path) -> Any:
    """What a start reads, in its order; the Kinesis service."""
    s3.check(folder / "s3")
    kinesis = service_in(folder)
    DeliveryStreams(LocalCloudSettings(state_dir=folder), kinesis)
    Snapshots(folder / "services", Shutdown()).load()
    return kinesis


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    "document",
    [
        "services/documents.json",
        "services/glue.json",
        f"{FOLDER}/stream.json",
        "firehose/000000000000/us-east-1/d/stream.json",
        "firehose/000000000000/us-east-1/d/checkpoint.json",
        "s3/000000000000/lake/a=1/b",
    ],
)
def test_a_document_that_is_not_what_was_written_ends_the_start_with_its_name_and_the_way_out(
    tmp_path: Path, document: str, damage: str
) -> None:
    state_in(tmp_path)
    path = tmp_path / document
    harm(path, damage)
    if document.startswith("s3") and damage == "garbage":
        return  # of the same size: no document, and as S3 would give it back
    with pytest.raises(BrokenStateError, match=re.escape(str(path))) as raised:
        start(tmp_path)
    assert "bring it back from a copy" in str(raised.value)


@pytest.mark.parametrize("damage", ["empty", "half", "garbage"])
def test_a_broken_sidecar_ends_the_start(tmp_path: Path, damage: str) -> None:
    state_in(tmp_path)
    sidecar = tmp_path / "s3/000000000000/lake/a=1/b.meta.json"
    harm(sidecar, damage)
    with pytest.raises(BrokenStateError, match=f"or remove {re.escape(str(sidecar))} to go on"):
        start(tmp_path)


def test_bytes_without_a_sidecar_stay_an_object_and_the_start_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state_in(tmp_path)
    (tmp_path / "s3/000000000000/lake/a=1/b.meta.json").unlink()
    start(tmp_path)
    assert "a=1/b has no sidecar: it stays an object" in caplog.text


def test_a_put_that_a_kill_interrupted_between_its_two_files_is_finished(tmp_path: Path) -> None:
    state_in(tmp_path)
    path = tmp_path / "s3/000000000000/lake/a=1/b"
    path.write_bytes(b"newer")
    partial, sidecar = path.with_name("b.meta.json.tmp"), path.with_name("b.meta.json")
    partial.write_text(json.dumps({"size": 5, "etag": f'"{hashlib.md5(b"newer").hexdigest()}"', "key": "a=1/b"}))
    s3.check(tmp_path / "s3")
    assert (json.loads(sidecar.read_bytes())["size"], partial.exists()) == (5, False)


def test_a_put_that_a_kill_interrupted_before_its_files_leaves_the_old_object(tmp_path: Path) -> None:
    state_in(tmp_path)
    path = tmp_path / "s3/000000000000/lake/a=1/b"
    for partial in (path.with_name("b.tmp"), path.with_name("b.meta.json.tmp")):
        partial.write_bytes(b"half")
    s3.check(tmp_path / "s3")
    assert path.read_bytes() == b"body"
    assert list(path.parent.glob("*.tmp")) == []


def log_of(folder: Path) -> Path:
    (path,) = (folder / FOLDER / "shardId-000000000000").glob("*.log")
    return path


def cut_everything(path: Path) -> None:
    path.write_bytes(b"")


def cut_the_last_record(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(("cut", "left"), [(cut_everything, []), (cut_the_last_record, [b"1\n"])])
def test_a_log_shorter_than_its_checkpoint_goes_on_with_numbers_that_were_not_given_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, cut: Callable[[Path], None], left: list[bytes]
) -> None:
    state_in(tmp_path)
    cut(log_of(tmp_path))
    kinesis = start(tmp_path)
    put(kinesis, "s", "a", b"3\n")
    kinesis = start(tmp_path)
    assert [data for _, data in read_stream(kinesis, "s")] == [*left, b"3\n"]
    stream = kinesis.streams.get({"StreamName": "s"})
    assert stream.log(stream.state.shards.shards[0]).end == 3
    assert f"ends at record {len(left)}, but 2 were delivered" in caplog.text


def test_new_records_land_though_the_log_lost_those_that_were_delivered(tmp_path: Path) -> None:
    service_in(tmp_path).call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    delivery = Delivery(tmp_path).start()
    put(delivery.kinesis, "s", "a", b"1\n", b"2\n")
    assert delivery.step()
    cut_everything(log_of(tmp_path))
    delivery.start()
    delivery.pump.skip_lost_records()
    put(delivery.kinesis, "s", "a", b"3\n")
    assert delivery.step()
    assert sorted(delivery.bucket.lines()) == [b"1", b"2", b"3"]


def test_a_planned_object_whose_records_were_cut_never_replaces_the_whole_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service_in(tmp_path).call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    delivery = Delivery(tmp_path).start()
    put(delivery.kinesis, "s", "a", b"1\n", b"2\n")
    delivery.bucket.dies = 1
    with pytest.raises(KilledError):
        delivery.step()
    cut_the_last_record(log_of(tmp_path))
    delivery.start()
    delivery.pump.skip_lost_records()
    assert delivery.step()
    assert sorted(delivery.bucket.lines()) == [b"1", b"1", b"2"]
    assert "of the planned object are gone" in caplog.text


def test_a_shard_without_any_file_ends_the_start(tmp_path: Path) -> None:
    state_in(tmp_path)
    log_of(tmp_path).unlink()
    with pytest.raises(BrokenStateError, match="shardId-000000000000 has no records file"):
        start(tmp_path)


def test_a_damaged_record_before_whole_ones_ends_the_start_and_cuts_nothing(tmp_path: Path) -> None:
    state_in(tmp_path)
    path = log_of(tmp_path)
    harm(path, "garbage")
    content = path.read_bytes()
    with pytest.raises(BrokenStateError, match=r"is damaged at byte 0, with records behind that: .*truncate -s 0"):
        start(tmp_path)
    assert path.read_bytes() == content


def test_a_missing_file_in_the_middle_of_a_log_ends_the_start_and_is_accepted_by_hand(tmp_path: Path) -> None:
    RecordLog.create(tmp_path / "log")
    log = RecordLog(tmp_path / "log", segment_bytes=1)
    for number in range(3):
        log.append([(b"k", b"%d" % number)], arrived=1)
    log.close()
    sorted((tmp_path / "log").glob("*.log"))[1].unlink()
    with pytest.raises(BrokenStateError, match=r"has no records 1 to 1: .*'touch (.*)' to go on") as raised:
        RecordLog(tmp_path / "log", segment_bytes=1)
    Path(re.findall(r"touch (.*)'", str(raised.value))[0]).touch()
    assert [one.data for one in RecordLog(tmp_path / "log", segment_bytes=1).read(0, max_records=9, max_bytes=99)] == [
        b"0",
        b"2",
    ]


def test_what_a_kill_leaves_of_a_stream_being_made_or_deleted_is_swept(tmp_path: Path) -> None:
    state_in(tmp_path)
    for name in (".new-1", ".deleted-2"):
        (tmp_path / FOLDER).with_name(name).mkdir()
        (tmp_path / "firehose/000000000000/us-east-1" / name).mkdir()
    start(tmp_path)
    assert [path for path in tmp_path.glob("*/*/*/.*") if path.is_dir()] == []
