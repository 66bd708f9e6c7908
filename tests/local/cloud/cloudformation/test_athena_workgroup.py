"""The stack's workgroup: its location and its limit are those that a query gets, whatever it asks for."""

import pytest

from contracts.partitions import QUERY_RESULT_PREFIX
from local.cloud.process import LocalCloud
from tests.local.cloud.conftest import Clients
from tests.local.cloud.deployed_pipeline import deployed

pytestmark = [pytest.mark.cdk, pytest.mark.cloud]


def test_the_stacks_workgroup_says_where_results_go(local_cloud: LocalCloud, clients: Clients) -> None:
    outputs = deployed(clients, local_cloud.endpoint_url, "workgroup").outputs
    group = clients.athena.get_work_group(WorkGroup=outputs["WorkGroup"])["WorkGroup"]["Configuration"]
    location = f"s3://{outputs['WarehouseBucket']}/{QUERY_RESULT_PREFIX}"
    assert group["ResultConfiguration"]["OutputLocation"] == location
    assert group["BytesScannedCutoffPerQuery"] == 100 * 2**30
    started = clients.athena.start_query_execution(
        QueryString="SELECT 1",
        WorkGroup=outputs["WorkGroup"],
        ResultConfiguration={"OutputLocation": "s3://elsewhere/"},
    )["QueryExecutionId"]
    execution = clients.athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]
    assert execution["ResultConfiguration"]["OutputLocation"] == f"{location}{started}.csv"
