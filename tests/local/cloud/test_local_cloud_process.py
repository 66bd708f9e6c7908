"""The local cloud as a process: it starts with one line, refuses in one sentence, and survives SIGKILL."""

import gzip
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest

from local.cloud.errors import LocalCloudError, NotReadyError
from local.cloud.process import LocalCloud
from local.cloud.server import listen
from tests.local.cloud.conftest import Clients

pytestmark = pytest.mark.cloud

ROLE = "arn:aws:iam::000000000000:role/delivery"
ROOT = Path(__file__).parents[3]


def test_a_port_in_use_is_one_sentence_with_the_remedy(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "local.cloud", "serve", "--port", str(port), "--state", str(tmp_path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"port {port} on 127.0.0.1 is already in use: stop the process" in done.stderr
    assert "--port" in done.stderr


def test_a_state_folder_that_cannot_be_made_is_one_sentence_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    command = [sys.executable, "-m", "local.cloud", "serve", "--port", "0", "--state", str(tmp_path / "file" / "state")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "Not a directory; choose another with --state" in done.stderr


def test_an_address_that_is_not_ours_is_one_sentence_with_the_remedy() -> None:
    with pytest.raises(LocalCloudError, match=r"can't listen on 192\.0\.2\.1:0: .*; choose others with --host"):
        listen("192.0.2.1", 0)


def test_two_clouds_on_one_state_folder_are_refused(tmp_path: Path) -> None:
    with LocalCloud(tmp_path), pytest.raises(NotReadyError, match="in use by another local cloud: stop that one"):
        LocalCloud(tmp_path).start()


def test_a_process_that_cannot_start_is_reported_with_its_log(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(NotReadyError, match="already in use"):
            LocalCloud(tmp_path, port=taken.getsockname()[1]).start()


def test_sigterm_ends_it_with_status_0(tmp_path: Path) -> None:
    cloud = LocalCloud(tmp_path).start()
    process = cloud._process
    assert process is not None
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    cloud.stop()


def test_what_was_answered_is_there_after_a_sigkill(tmp_path: Path, clients_of: type[Clients]) -> None:
    with LocalCloud(tmp_path) as cloud:
        clients = clients_of(cloud)
        clients.glue.create_database(DatabaseInput={"Name": "lake"})
        clients.glue.create_table(
            DatabaseName="lake", TableInput={"Name": "t", "Parameters": {"metadata_location": "1"}}
        )
        clients.glue.update_table(
            DatabaseName="lake", TableInput={"Name": "t", "Parameters": {"metadata_location": "2"}}
        )
        clients.iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")
        clients.s3.create_bucket(Bucket="kept")
        clients.s3.put_object(Bucket="kept", Key="a=1/b", Body=b"body")
        clients.kinesis.create_stream(StreamName="s", ShardCount=3, Tags={"k": "v"})
        template = {"Resources": {"Lake": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "from-stack"}}}}
        clients.cloudformation.create_stack(StackName="stack", TemplateBody=json.dumps(template))
        clients.cloudformation.get_waiter("stack_create_complete").wait(StackName="stack", WaiterConfig={"Delay": 1})
        cloud.kill()
        cloud.start()
        assert clients.glue.get_table(DatabaseName="lake", Name="t")["Table"]["Parameters"] == {
            "metadata_location": "2"
        }
        assert clients.iam.get_role(RoleName="r")["Role"]["RoleName"] == "r"
        assert clients.s3.get_object(Bucket="kept", Key="a=1/b")["Body"].read() == b"body"
        assert len(clients.kinesis.list_shards(StreamName="s")["Shards"]) == 3
        assert clients.kinesis.list_tags_for_stream(StreamName="s")["Tags"] == [{"Key": "k", "Value": "v"}]
        assert clients.cloudformation.describe_stacks()["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
        assert {one["Name"] for one in clients.s3.list_buckets()["Buckets"]} == {"kept", "from-stack"}


class Writer(threading.Thread):
    """Puts numbered lines without pause or retry; what was answered is accepted, what was not is unknown."""

    def __init__(self, kinesis: Any) -> None:
        super().__init__()
        self.kinesis = kinesis
        self.accepted: list[int] = []
        self.unknown: set[int] = set()
        self.enough = threading.Event()

    def run(self) -> None:
        for first in itertools.count(0, 100):
            if self.enough.is_set():
                return
            numbers = range(first, first + 100)
            records = [{"Data": f"{n} {'x' * 300}\n".encode(), "PartitionKey": f"user-{n % 97}"} for n in numbers]
            try:
                results = self.kinesis.put_records(StreamName="s", Records=records)["Records"]
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                self.unknown.update(numbers)
                self.enough.wait(0.05)
                continue
            self.accepted += [n for n, one in zip(numbers, results, strict=True) if "SequenceNumber" in one]


def test_every_accepted_record_is_in_s3_once_though_the_cloud_is_killed_while_records_come_in(
    tmp_path: Path, clients_of: type[Clients]
) -> None:
    with LocalCloud(tmp_path) as cloud:
        clients = clients_of(cloud, retries={"total_max_attempts": 1})
        set_up_delivery(clients)
        writer = Writer(clients.kinesis)
        writer.start()
        for target in (2_000, 4_000, 6_000):
            await_true(lambda target=target: len(writer.accepted) > target)
            cloud.kill()
            cloud.start()
            if target == 2_000:
                asked = {"StreamName": "s", "TargetShardCount": 6, "ScalingType": "UNIFORM_SCALING"}
                clients.kinesis.update_shard_count(**asked)
        await_true(lambda: len(writer.accepted) > 8_000)
        writer.enough.set()
        writer.join()
        await_true(lambda: len(lines(clients)) >= len(writer.accepted))
        delivered = Counter(lines(clients))
    assert [n for n in writer.accepted if delivered[n] != 1] == []
    assert delivered.keys() - set(writer.accepted) <= writer.unknown


def await_true(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def set_up_delivery(clients: Clients) -> None:
    clients.s3.create_bucket(Bucket="raw")
    clients.kinesis.create_stream(StreamName="s", ShardCount=4)
    arn = clients.kinesis.describe_stream_summary(StreamName="s")["StreamDescriptionSummary"]["StreamARN"]
    clients.firehose.create_delivery_stream(
        DeliveryStreamName="d",
        DeliveryStreamType="KinesisStreamAsSource",
        KinesisStreamSourceConfiguration={"KinesisStreamARN": arn, "RoleARN": ROLE},
        ExtendedS3DestinationConfiguration={
            "BucketARN": "arn:aws:s3:::raw",
            "RoleARN": ROLE,
            "Prefix": "raw/",
            "CompressionFormat": "GZIP",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1},
        },
    )


def lines(clients: Clients) -> Any:
    pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket="raw", Prefix="raw/")
    keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
    objects = [gzip.decompress(clients.s3.get_object(Bucket="raw", Key=key)["Body"].read()) for key in keys]
    return [int(line.split()[0]) for body in objects for line in body.splitlines()]
