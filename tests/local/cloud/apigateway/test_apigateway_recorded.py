"""API Gateway → Kinesis against what AWS answered, and against a stream that is not there: APIs made call by call."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.cloud_attacks.disk_full import NoMountError, fill, free, small_disk
from infra.api_templates import batch_templates, single_event_templates
from local.cloud.process import LocalCloud
from tests.infra.api_settings import api_settings
from tests.local.cloud.deployed_pipeline import StreamTail

pytestmark = pytest.mark.cloud

_RECORDED = json.loads(
    (Path(__file__).parents[1] / "aws_recorded" / "apigateway_kinesis.json").read_text(encoding="utf-8")
)
_ROLE = "arn:aws:iam::000000000000:role/api"


@dataclass
class HandMadeApi:
    """One resource with one POST that calls Kinesis; `responses` are (pattern, status, template)."""

    clients: Any
    endpoint_url: str
    action: str
    request: str
    responses: list[tuple[str, str, str]] = field(default_factory=lambda: [("", "200", "")])

    def deploy(self) -> str:
        """The URL to post to."""
        client = self.clients.apigateway
        api_id = client.create_rest_api(name=f"hand-made-{self.action}")["id"]
        root = client.get_resources(restApiId=api_id)["items"][0]["id"]
        resource = client.create_resource(restApiId=api_id, parentId=root, pathPart="put")["id"]
        there = {"restApiId": api_id, "resourceId": resource, "httpMethod": "POST"}
        client.put_method(**there, authorizationType="NONE")
        client.put_integration(
            **there,
            type="AWS",
            integrationHttpMethod="POST",
            uri=f"arn:aws:apigateway:us-east-1:kinesis:action/{self.action}",
            credentials=_ROLE,
            passthroughBehavior="NEVER",
            requestTemplates={"application/json": self.request},
        )
        for pattern, status, template in self.responses:
            client.put_integration_response(
                **there,
                statusCode=status,
                selectionPattern=pattern,
                responseTemplates={"application/json": template} if template else {},
            )
        client.create_deployment(restApiId=api_id, stageName="test")
        return f"{self.endpoint_url}/restapis/{api_id}/test/_user_request_/put"


def _stream(clients: Any, name: str) -> StreamTail:
    clients.kinesis.create_stream(StreamName=name, ShardCount=1)
    clients.kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    return StreamTail(clients.kinesis, name)


def _expected(case: str) -> tuple[Any, list[tuple[str, str]]]:
    recorded = _RECORDED[
        f"tests/aws/services/apigateway/test_apigateway_kinesis.py::test_apigateway_to_kinesis[{case}]"
    ]["recorded-content"]
    records = [
        (record["PartitionKey"], record["Data"].removeprefix("b'").removesuffix("'"))
        for record in recorded["kinesis_records"]["Records"]
    ]
    return recorded["apigateway_response"], records


def _shape(answer: Any) -> Any:
    """An answer with its numbers and shards as the recording has them: by first appearance."""
    seen: dict[str, dict[str, str]] = {"SequenceNumber": {}, "ShardId": {}}
    names = {"SequenceNumber": "sequence_number", "ShardId": "shard_id"}

    def placeholder(key: str, value: Any) -> str:
        return f"<{names[key]}:{seen[key].setdefault(value, str(len(seen[key]) + 1))}>"

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: placeholder(key, item) if key in names else walk(item) for key, item in value.items()}
        return [walk(item) for item in value] if isinstance(value, list) else value

    return walk(answer)


_PUT_RECORD = '{"StreamName":"%s","Data":"$util.base64Encode($input.body)","PartitionKey":"test"}'
_PUT_RECORDS = (
    '{"StreamName":"%s","Records":[#foreach($elem in $input.path(\'$.records\'))'
    '{"Data":"$util.base64Encode($elem.data)","PartitionKey":"$elem.partition-key"}'
    "#if($foreach.hasNext),#end#end]}"
)
_THREE = {"records": [{"data": json.dumps({"foo": f"bar{number}"}), "partition-key": "20"} for number in (1, 2, 3)]}


@pytest.mark.parametrize(
    ("action", "template", "body"),
    [("PutRecord", _PUT_RECORD, {"kinesis": "snapshot"}), ("PutRecords", _PUT_RECORDS, _THREE)],
    ids=["PutRecord", "PutRecords"],
)
def test_the_recorded_integration_answers_as_aws_did(
    local_cloud: LocalCloud, clients: Any, name: str, action: str, template: str, body: Any
) -> None:
    tail = _stream(clients, name)
    url = HandMadeApi(clients, local_cloud.endpoint_url, action, template % name).deploy()
    reply = httpx.post(url, content=json.dumps(body), headers={"Content-Type": "application/json"})
    answered, records = _expected(action)
    assert reply.status_code == 200
    assert _shape(reply.json()) == answered
    assert [(record["PartitionKey"], record["Data"].decode()) for record in tail.read(len(records))] == records


@pytest.mark.parametrize(
    ("templates", "body"),
    [(single_event_templates, {"user_id": "1"}), (batch_templates, [{"user_id": "1"}])],
    ids=["single", "batch"],
)
def test_an_absent_stream_is_503_and_names_neither_stream_nor_account(
    local_cloud: LocalCloud, clients: Any, name: str, templates: Any, body: Any
) -> None:
    made = templates(name, api_settings())
    responses = [("200", "200", made.stored), ("400", "400", made.refused), ("", "503", made.unavailable)]
    url = HandMadeApi(clients, local_cloud.endpoint_url, made.action, made.request, responses).deploy()
    reply = httpx.post(url, json=body)
    assert (reply.status_code, reply.json()["message"]) == (503, "the stream is not available")
    assert name not in reply.text
    assert "000000000000" not in reply.text


@pytest.mark.parametrize(
    ("templates", "body"),
    [(single_event_templates, {"user_id": "1"}), (batch_templates, [{"user_id": "1"}])],
    ids=["single", "batch"],
)
def test_a_full_disk_is_503_with_events_and_the_event_is_taken_when_there_is_room(
    tmp_path: Path, clients_of: Any, templates: Any, body: Any
) -> None:
    try:
        with small_disk(tmp_path / "state" / "kinesis", 1) as disk, LocalCloud(tmp_path / "state") as cloud:
            made = templates("s", api_settings())
            clients = clients_of(cloud)
            _stream(clients, "s")
            responses = [("200", "200", made.stored), ("400", "400", made.refused), ("", "503", made.unavailable)]
            url = HandMadeApi(clients, cloud.endpoint_url, made.action, made.request, responses).deploy()
            fill(disk, leave=0)
            refused = httpx.post(url, json=body)
            assert (refused.status_code, refused.json()["events"]) == (503, [{"status": "failed"}])
            free(disk)
            assert httpx.post(url, json=body).json()["accepted"] == 1
    except NoMountError as error:
        pytest.skip(str(error))


def test_a_status_that_no_response_is_for_is_500(local_cloud: LocalCloud, clients: Any, name: str) -> None:
    url = HandMadeApi(clients, local_cloud.endpoint_url, "PutRecord", _PUT_RECORD % name, [("200", "200", "")]).deploy()
    assert httpx.post(url, json={}).status_code == 500


def test_a_template_that_fails_is_500_not_the_clients_fault(local_cloud: LocalCloud, clients: Any, name: str) -> None:
    url = HandMadeApi(clients, local_cloud.endpoint_url, "PutRecord", "$input.json('$..x')").deploy()
    reply = httpx.post(url, json={})
    assert (reply.status_code, reply.json()) == (500, {"message": "Internal server error"})


def test_an_api_or_stage_that_is_not_deployed_is_refused(local_cloud: LocalCloud, clients: Any, name: str) -> None:
    url = HandMadeApi(clients, local_cloud.endpoint_url, "PutRecord", _PUT_RECORD % name).deploy()
    assert httpx.post(url.replace("/test/", "/other/"), json={}).status_code == 403
    assert (
        httpx.post(f"{local_cloud.endpoint_url}/restapis/00000000/test/_user_request_/put", json={}).status_code == 404
    )
