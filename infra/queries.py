"""A workgroup's name and a result location → the Athena workgroup in which people query the tables.

Its configuration is enforced: no query can write its answer elsewhere, unencrypted, or scan more than the limit.
"""

from aws_cdk import aws_athena as athena
from aws_cdk import aws_kms as kms
from constructs import Construct


class Queries(Construct):
    """The workgroup; its callers bring the rights to use it, to read the tables and to write the results."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        workgroup_name: str,
        result_uri: str,
        bytes_limit: int,
        key: kms.IKey | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.workgroup_name = workgroup_name
        encryption = athena.CfnWorkGroup.EncryptionConfigurationProperty(
            encryption_option="SSE_S3" if key is None else "SSE_KMS", kms_key=None if key is None else key.key_arn
        )
        self.workgroup = athena.CfnWorkGroup(
            self,
            "WorkGroup",
            name=workgroup_name,
            description="Queries of the clickstream tables; docs/queries.md has the usual ones.",
            recursive_delete_option=True,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                bytes_scanned_cutoff_per_query=bytes_limit,
                publish_cloud_watch_metrics_enabled=False,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=result_uri,
                    encryption_configuration=encryption,
                ),
            ),
        )
