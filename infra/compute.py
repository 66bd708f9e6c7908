"""Sizes and names → where Spark runs: an EMR Serverless application, a bucket of code and logs, and who works there.

The application costs nothing while no job runs, unless workers are kept warm. A job starts it, and it stops by itself.
The bucket's root holds the packages of jobs, one folder for each version, which `make publish` writes and nothing ever
replaces; `logs/` holds what jobs print, and expires.

The roles are here without rights; `infra/rights.py` says what each of them may do.
"""

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_emrserverless as emr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.buckets import BucketPolicy, closed_bucket, expiry
from infra.service_role import service_role
from infra.settings import ComputeSettings, WarmWorkers

LOG_PREFIX: Final = "logs/"
#: By where Airflow runs: the service that gives its processes the role.
_HOSTS: Final = {"ec2": "ec2.amazonaws.com", "ecs": "ecs-tasks.amazonaws.com", "eks": "pods.eks.amazonaws.com"}


class Compute(Construct):
    """The application and its bucket; the roles of Spark's jobs, Airflow, the live minutes, and people who ask."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        application_name: str,
        code_bucket_name: str,
        account: str,
        settings: ComputeSettings,
        buckets: BucketPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        self.code_bucket: s3.Bucket = closed_bucket(
            self,
            "Code",
            code_bucket_name,
            # Code can be published again, so this bucket goes with its stack.
            policy=buckets.without_data(),
            rules=[expiry("job-logs", prefix=LOG_PREFIX, days=settings.log_days)],
        )
        self.application = emr.CfnApplication(
            self,
            "Application",
            name=application_name,
            type="Spark",
            release_label=settings.release,
            architecture=settings.architecture,
            auto_start_configuration=emr.CfnApplication.AutoStartConfigurationProperty(enabled=True),
            auto_stop_configuration=emr.CfnApplication.AutoStopConfigurationProperty(
                enabled=True, idle_timeout_minutes=settings.idle_minutes
            ),
            maximum_capacity=emr.CfnApplication.MaximumAllowedResourcesProperty(
                cpu=f"{settings.maximum_vcpu} vCPU",
                memory=f"{settings.maximum_memory_gb} GB",
                disk=f"{settings.maximum_disk_gb} GB",
            ),
            initial_capacity=_warm(settings.warm) or None,
        )
        self.spark_role = service_role(self, service="emr-serverless", account=account, construct_id="Spark")
        self.airflow_role = iam.Role(
            self,
            "Airflow",
            assumed_by=_host(settings.airflow_runs_on, account),
            description="Airflow's services: starts jobs, reads ledgers, scales the stream.",
        )
        self.airflow_profile = iam.CfnInstanceProfile(self, "AirflowProfile", roles=[self.airflow_role.role_name])
        self.live_role = iam.Role(
            self,
            "Live",
            assumed_by=self._live_host(settings.airflow_runs_on, account),
            description="The live minutes: reads raw objects, publishes one document and metrics.",
        )
        self.analyst_role = iam.Role(
            self,
            "Analyst",
            assumed_by=iam.AccountPrincipal(account),
            description="People who ask the tables with Athena.",
            max_session_duration=Duration.hours(8),
        )

    def _live_host(self, runs_on: str, account: str) -> iam.PrincipalBase:
        """Return who may take the role of the live minutes: their own task or pod, or the machine that is Airflow's.

        A machine has one role, so the service on it takes its own with that of Airflow.
        """
        return iam.ArnPrincipal(self.airflow_role.role_arn) if runs_on == "ec2" else _host(runs_on, account)

    @property
    def log_uri(self) -> str:
        """Where jobs leave their logs."""
        return f"s3://{self.code_bucket.bucket_name}/{LOG_PREFIX.rstrip('/')}"

    @property
    def application_arn(self) -> str:
        """The application's ARN, which its job runs' ARNs begin with."""
        return self.application.attr_arn


def _host(runs_on: str, account: str) -> iam.PrincipalBase:
    """Return who may take Airflow's role: tasks and pods of this account, or its machines."""
    # EC2 hands a role to machines of its own account only, and sends no source account.
    conditions = {} if runs_on == "ec2" else {"StringEquals": {"aws:SourceAccount": account}}
    service = iam.ServicePrincipal(_HOSTS[runs_on], conditions=conditions)
    return service if runs_on != "eks" else service.with_session_tags()


def _warm(warm: WarmWorkers | None) -> list[emr.CfnApplication.InitialCapacityConfigKeyValuePairProperty]:
    """Return the workers that wait for jobs, and are paid for, from the application's start until it stops."""
    if warm is None:
        return []
    size = emr.CfnApplication.WorkerConfigurationProperty(cpu="4 vCPU", memory="16 GB", disk="40 GB")
    return [
        emr.CfnApplication.InitialCapacityConfigKeyValuePairProperty(
            key=kind,
            value=emr.CfnApplication.InitialCapacityConfigProperty(worker_count=count, worker_configuration=size),
        )
        for kind, count in (("Driver", warm.drivers), ("Executor", warm.executors))
    ]
