"""What the command says when the lake can't be reached: one sentence that names the place and the remedy."""

import signal
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from contracts.live_document import DOCUMENT_NAME, LIVE_PREFIX, LiveDocument
from live.__main__ import main
from local.cloud.process import LocalCloud
from storage.bucket import s3_client

LAKE = {
    "CLICKSTREAM_RAW_URI": "s3://live-raw/raw",
    "CLICKSTREAM_WAREHOUSE_URI": "s3://live-warehouse/warehouse",
    "CLICKSTREAM_DATABASE": "live",
    "CLICKSTREAM_BUFFER_SECONDS": "5",
}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with LocalCloud(Path(tmp_path_factory.mktemp("live_cloud"))) as running:
        for bucket in ("live-raw", "live-warehouse"):
            running.client("s3").create_bucket(Bucket=bucket)
        running.client("glue").create_database(DatabaseInput={"Name": "live"})
        yield running


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """An environment without any variable of ours, and clients that are made anew."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for name in (
        *LAKE,
        "AWS_ENDPOINT_URL",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    s3_client.cache_clear()
    yield monkeypatch
    s3_client.cache_clear()
    for number, handler in handlers.items():
        signal.signal(number, handler)


def set_to(variables: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    for name, value in values.items():
        variables.setenv(name, value)


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["--once", *arguments]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_without_variables_it_names_them_and_where_to_take_them_from(
    variables: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(capsys)
    assert said.startswith("live: CLICKSTREAM_RAW_URI, CLICKSTREAM_WAREHOUSE_URI, CLICKSTREAM_DATABASE not set")
    assert "make outputs" in said


def test_without_credentials_it_says_so(variables: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    set_to(variables, {**LAKE, "AWS_DEFAULT_REGION": "us-east-1", "HOME": "/nowhere"})
    assert "Unable to locate credentials" in refusal(capsys)


@pytest.mark.cloud
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"CLICKSTREAM_RAW_URI": "s3://other/raw"}, ["s3://other/raw", "NoSuchBucket", "check the bucket's name"]),
        ({"CLICKSTREAM_WAREHOUSE_URI": "s3://other/w"}, ["s3://other/live/minutes.json", "NoSuchBucket"]),
        ({"CLICKSTREAM_DATABASE": "other"}, ["no database 'other'", "CLICKSTREAM_DATABASE"]),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, ["127.0.0.1:1"]),
        ({"CLICKSTREAM_RAW_URI": "gs://other/raw"}, ["gs://other/raw", "s3://bucket/raw"]),
    ],
)
def test_a_place_that_can_t_be_reached_is_named(
    cloud: LocalCloud,
    variables: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, str],
    says: list[str],
) -> None:
    set_to(variables, {**cloud.environment(), **LAKE, **changes})
    said = refusal(capsys)
    assert [words for words in says if words not in said] == []


def test_without_a_region_it_says_which_variables_to_set(
    variables: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_to(variables, {**LAKE, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "HOME": "/nowhere"})
    assert "set AWS_DEFAULT_REGION" in refusal(capsys)


@pytest.mark.cloud
def test_with_a_role_it_works_under_the_role_alone(
    cloud: LocalCloud, variables: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_to(
        variables, {**cloud.environment(), **LAKE, "CLICKSTREAM_LIVE_ROLE_ARN": "arn:aws:iam::000000000000:role/live"}
    )
    assert main(["--once", "--json"]) == 0
    session = boto3.DEFAULT_SESSION
    assert session is not None
    credentials = session.get_credentials()
    assert credentials.method == "assume-role"
    assert credentials.access_key != cloud.environment()["AWS_ACCESS_KEY_ID"]


@pytest.mark.cloud
def test_one_look_publishes_a_document_and_a_look_alone_does_not(
    cloud: LocalCloud, variables: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    set_to(variables, {**cloud.environment(), **LAKE})
    place = {"Bucket": "live-warehouse", "Key": f"{LIVE_PREFIX}{DOCUMENT_NAME}"}
    s3 = cloud.client("s3")
    s3.delete_object(**place)
    assert main(["--once", "--json", "--no-publish"]) == 0
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(**place)
    assert main(["--once", "--json"]) == 0
    printed = capfdbinary.readouterr().out.splitlines()
    assert LiveDocument.from_json(printed[-1]) == LiveDocument.from_json(s3.get_object(**place)["Body"].read())


def test_a_wrong_interval_is_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--interval", "0"])
    assert ended.value.code == 2
    assert "'0' is not a whole number of seconds, 1–60" in capsys.readouterr().err
