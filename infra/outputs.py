"""`python -m infra.outputs --environment prod`: the stack's outputs → the variables that Airflow's services need.

Each line is NAME=value, as docker-compose's `.env`, an ECS task and a shell read it. What a variable means is said
where it is read, in `plugins/pipeline/settings.py`; here is the one place that says which output it comes from.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Final

from infra.command import Target, parser_of, run
from infra.errors import DeploymentError

#: The variable of Airflow's services, and the output that has its value.
AIRFLOW: Final[Mapping[str, str]] = {
    "CLICKSTREAM_ENVIRONMENT": "Environment",
    "CLICKSTREAM_RAW_URI": "RawUri",
    "CLICKSTREAM_WAREHOUSE_URI": "WarehouseUri",
    "CLICKSTREAM_DATABASE": "Database",
    "CLICKSTREAM_BUFFER_SECONDS": "BufferSeconds",
    "CLICKSTREAM_RAW_RETENTION_DAYS": "RawExpiryDays",
    "CLICKSTREAM_ALARM_TOPIC": "AlarmTopic",
    "CLICKSTREAM_EMR_APPLICATION_ID": "SparkApplicationId",
    "CLICKSTREAM_EMR_ROLE_ARN": "SparkRoleArn",
    "CLICKSTREAM_LIVE_ROLE_ARN": "LiveRoleArn",
    "CLICKSTREAM_EMR_LOG_URI": "SparkLogUri",
    "CLICKSTREAM_CODE_URI": "CodeUri",
    "CLICKSTREAM_SCALING_MODE": "ScalingMode",
    "CLICKSTREAM_MINIMUM_SHARDS": "MinimumShards",
    "CLICKSTREAM_MAXIMUM_SHARDS": "MaximumShards",
}


def airflow_variables(outputs: Mapping[str, str]) -> dict[str, str]:
    """Return the variables; raise `DeploymentError` that names the outputs that an older stack does not have."""
    missing = sorted(set(AIRFLOW.values()) - outputs.keys())
    if missing:
        raise DeploymentError(
            f"the stack has no output {', '.join(missing)}: it is of an older version, deploy it again"
        )
    return {variable: outputs[output] for variable, output in AIRFLOW.items()}


def print_variables(target: Target) -> None:
    """Print the variables of an environment, its region among them."""
    variables = airflow_variables(target.deployment().outputs())
    # The local cloud's Airflow runs Spark on its own machine.
    variables["CLICKSTREAM_SPARK"] = "emr-serverless" if target.account.endpoint_url is None else "local"
    region = dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), target.account.region)
    for name, value in (variables | region).items():
        print(f"{name}={value}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the variables, one a line."""
    given = parser_of("outputs", "Print the variables that Airflow needs.").parse_args(arguments)
    return run("outputs", given, print_variables)


if __name__ == "__main__":
    sys.exit(main())
