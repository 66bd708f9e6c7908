"""A home for Airflow in tests: it reads its configuration, and writes one, as soon as it is imported."""

import os
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: What the DAGs need in order to be parsed.
PIPELINE_ENVIRONMENT = {
    "CLICKSTREAM_ENVIRONMENT": "test",
    "CLICKSTREAM_RAW_URI": "s3://raw-bucket/raw",
    "CLICKSTREAM_WAREHOUSE_URI": "s3://warehouse-bucket/warehouse",
    "CLICKSTREAM_DATABASE": "clickstream_test",
    "CLICKSTREAM_PROJECT": "/opt/clickstream",
    "CLICKSTREAM_SPARK_SLOTS": "2",
}


def set_up_airflow_home() -> None:
    """Point Airflow at a folder of this test run; to be called before the first import of it."""
    if "AIRFLOW_HOME" not in os.environ:
        os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-home-")
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(ROOT / "dags")
    os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(ROOT / "plugins")
