"""Every process of Airflow reads this file as it starts; two of them load here what they would load again and again.

LocalExecutor forks each task from the scheduler, and each DAG file is parsed in a process that is forked from the DAG
processor: what DAG files and tasks import is loaded once before the forks, and is much of what a small task costs.
Where tasks are started in another way (another executor, macOS) they import as usual. What changes in plugins/ is seen
once these two processes are started again, as with all plugins of Airflow.
"""

import os
import sys
from importlib import import_module
from typing import Final

__all__: list[str] = []

#: Each with what it imports; of the places where Spark runs, only the one in use.
_OF_DAGS: Final = (
    "airflow.providers.standard.decorators.short_circuit",
    "kinesis_scaling.tasks.operators",
    "pipeline.approvals",
    "pipeline.held_back_sensor",
    "pipeline.lake_status.hours",
    "pipeline.lake_status.reconcile",
    "pipeline.sensor",
    "pipeline.spark_task",
    "pipeline.stage_tasks",
    "pipeline.emr_serverless" if os.environ.get("CLICKSTREAM_SPARK") == "emr-serverless" else "pipeline.local_spark",
)
#: What reads the ledger's files.
_OF_TASKS: Final = "pyiceberg.io.pyarrow"


def _load_service_descriptions() -> None:
    """Let boto3's own session read some megabytes of JSON, for clients that nobody uses; it asks for no credentials."""
    import boto3
    import botocore.session

    session = botocore.session.get_session()
    boto3.setup_default_session(botocore_session=session)
    unused = {"region_name": "us-east-1", "aws_access_key_id": "none", "aws_secret_access_key": "none"}
    for service in ("cloudwatch", "glue", "s3"):
        session.create_client(service, **unused)


_SERVICE: Final = {"scheduler", "dag-processor"}.intersection(sys.argv[1:])
if _SERVICE:
    for _module in _OF_DAGS:
        import_module(_module)
if "scheduler" in _SERVICE:
    import_module(_OF_TASKS)
    _load_service_descriptions()
