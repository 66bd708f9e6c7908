"""AWS's rule packs over the stack: each finding is one that we know, with the reason why it stands."""

from pathlib import Path

import pytest

from infra.node_runtime import put_node_on_path
from infra.settings import settings_of

pytestmark = pytest.mark.cdk

_PUBLIC = "events come from browsers, which hold no credentials: validation, throttling and WAF are what guards the API"
_ACCESS_LOG = (
    "every accepted request is in the stream with address, agent and time; the log would repeat it at its cost"
)
ACCEPTED = {
    "AwsSolutions-APIG1": _ACCESS_LOG,
    "AwsSolutions-APIG6": _ACCESS_LOG,
    "Serverless-APIGWAccessLogging": _ACCESS_LOG,
    "AwsSolutions-APIG4": _PUBLIC,
    "AwsSolutions-COG4": _PUBLIC,
    "AwsSolutions-KDF1": "Firehose refuses its own encryption for a source that is a stream: the stream is encrypted",
    "AwsSolutions-IAM5[Resource::<DataLakeRaw1F82835B.Arn>/raw/*]": "Firehose makes the keys below its prefix up",
    "AwsSolutions-IAM5[Resource::<DataLakeRaw1F82835B.Arn>/errors/*]": "Firehose makes the keys below its prefix up",
    "AwsSolutions-S1": "who reads the lake is seen in CloudTrail's data events; access logs would need a third bucket",
    "Serverless-APIGWXrayEnabled": "there is one hop, to Kinesis, and its latency is a metric of the stage",
}


def test_every_finding_is_known_and_none_is_known_in_vain(tmp_path: Path) -> None:
    put_node_on_path()
    import cdk_nag

    from infra.app import pipeline_app

    app, stack = pipeline_app(settings_of("prod"), outdir=str(tmp_path))
    packs = (cdk_nag.AwsSolutionsChecks(app), cdk_nag.ServerlessChecks(app))
    found = {violation.rule_name for pack in packs for violation in pack.validate_scope(stack).violations}
    assert found == set(ACCEPTED)
