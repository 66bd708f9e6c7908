"""The pipeline's own template, deployed to a running local cloud under a name of the test's choice."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

from infra.deploy import usable_outputs
from infra.deployment import Deployment
from infra.settings import settings_of
from infra.synth import synthesized
from infra.template_bucket import TemplateBucket


def template_named(environment: str, *, behind_proxy: bool = False) -> str:
    """The template of the environment `local` under other names, so that several fit into one cloud."""
    settings = settings_of("local")
    text = synthesized(replace(settings, api=replace(settings.api, behind_proxy=behind_proxy)))
    return text.replace("clickstream-local", f"clickstream-{environment}").replace(
        "clickstream_local", f"clickstream_{environment}"
    )


def deployment_of(clients: Any, environment: str, template: str) -> Deployment:
    return Deployment(
        client=clients.cloudformation,
        stack_name=f"clickstream-{environment}",
        template=template,
        tags={"application": "clickstream"},
        large_templates=TemplateBucket(client=clients.s3, name="templates", region="us-east-1"),
        timeout_seconds=60,
        poll_seconds=0.1,
    )


@dataclass(frozen=True, kw_only=True)
class DeployedPipeline:
    """A stack that stands, and clients of its cloud."""

    outputs: dict[str, str]
    clients: Any

    @property
    def api_url(self) -> str:
        return self.outputs["ApiUrl"]

    @property
    def stream_name(self) -> str:
        return self.outputs["StreamName"]


def deployed(clients: Any, endpoint_url: str, environment: str, *, behind_proxy: bool = False) -> DeployedPipeline:
    outputs = deployment_of(clients, environment, template_named(environment, behind_proxy=behind_proxy)).deploy()
    return DeployedPipeline(outputs=usable_outputs(outputs, endpoint_url=endpoint_url), clients=clients)


class StreamTail:
    """Reads what is put into a stream from now on, line by line: a record may have several lines, of one visitor."""

    def __init__(self, kinesis: Any, stream_name: str) -> None:
        self._kinesis = kinesis
        self._iterators = [
            kinesis.get_shard_iterator(StreamName=stream_name, ShardId=shard["ShardId"], ShardIteratorType="LATEST")[
                "ShardIterator"
            ]
            for shard in kinesis.list_shards(StreamName=stream_name)["Shards"]
        ]

    def read(self, count: int) -> list[dict[str, Any]]:
        """The next `count` lines, each as a record, of all shards; fails when they do not come within ten seconds."""
        found: list[dict[str, Any]] = []
        deadline = time.monotonic() + 10
        while len(found) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} lines came"
            found += self.new()
        return found

    def new(self) -> list[dict[str, Any]]:
        """What came since the last look."""
        return list(self._records())

    def _records(self) -> Iterator[dict[str, Any]]:
        for place, iterator in enumerate(self._iterators):
            answer = self._kinesis.get_records(ShardIterator=iterator)
            self._iterators[place] = answer["NextShardIterator"]
            for record in answer["Records"]:
                yield from ({**record, "Data": line} for line in BytesIO(record["Data"]))


def envelopes(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The envelope in each record."""
    return [json.loads(record["Data"]) for record in records]
