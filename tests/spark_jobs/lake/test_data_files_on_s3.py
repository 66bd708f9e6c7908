"""A data file is put where its table lies, whole."""

from io import BytesIO
from typing import Any
from urllib.parse import unquote

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.tables import Partition
from spark_jobs.lake import data_files
from spark_jobs.lake.data_files import FileTarget


class RecordingS3:
    """Keeps what is put, after boto3 has looked at the parameters as it does before a call."""

    def __init__(self) -> None:
        self.client: Any = boto3.client(
            "s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
        )
        self.client.meta.events.register("before-call.s3.PutObject", self._answer)
        self.objects: dict[str, bytes] = {}

    def _answer(self, params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
        body = params["body"]
        self.objects[params["url_path"]] = bytes(body.read() if hasattr(body, "read") else body)
        return _Done(), {}


class _Done:
    status_code = 200


def test_a_file_is_put_to_s3_as_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = RecordingS3()
    monkeypatch.setattr(data_files, "s3_client", lambda: s3.client)
    schema = pa.schema([("user_id", pa.string())])
    rows = pa.table({"user_id": ["ann", "ben"]}, schema=schema)
    target = FileTarget(
        table="events",
        data="s3://warehouse/events/data",
        schema=schema,
        partitions=(Partition(column="landing", transform="hours"),),
    )

    written = target.write(rows, ("1",))

    [(path, content)] = s3.objects.items()
    assert written.location == f"s3://warehouse{unquote(path)}"
    assert written.size == len(content)
    assert pq.read_table(BytesIO(content)).equals(rows)
