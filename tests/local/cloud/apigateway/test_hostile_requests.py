"""What attackers and careless clients send: nothing of it is executed, nothing is lost, and no template fails.

The same requests in larger numbers: `python -m tests.proofs.hostile_requests`.
"""

import httpx
import pytest

from tests.local.cloud.deployed_pipeline import StreamTail
from tests.proofs.hostile_requests import attack, documented_requests

pytestmark = [pytest.mark.cloud, pytest.mark.cdk, pytest.mark.e2e, pytest.mark.timeout(900)]


def test_nothing_hostile_is_executed_lost_or_answered_by_an_error_of_a_template(
    crowded_api: httpx.Client, crowded_tail: StreamTail
) -> None:
    outcome = attack(crowded_api, crowded_tail.new, requests=1_500, seed=7)
    assert outcome.wrong == []
    assert outcome.requests == 1_500
    assert outcome.statuses.keys() == {200, 400, 404, 413, 415}


def test_what_the_openapi_document_allows_and_what_it_does_not_has_a_documented_reply(
    crowded_api: httpx.Client,
) -> None:
    outcome = documented_requests(crowded_api, examples=60)
    assert outcome.wrong == []
    assert 200 in outcome.statuses
