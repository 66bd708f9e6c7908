"""How the service reaches AWS: under the process's own credentials, or under a role that it takes with them."""

from typing import Any, Final

import boto3
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError
from botocore.session import get_session
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.glue import GlueCatalog

from live.errors import LiveStorageError
from storage.bucket import iceberg_s3_properties

#: How the role's use is named in CloudTrail.
SESSION_NAME: Final = "clickstream-live"


def work_under(role_arn: str) -> None:
    """Let every client of this process work under a role; its credentials are renewed before they expire.

    The environment's own credentials, such as a machine's, must be allowed to take the role.
    """
    own = get_session()
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=own.create_client,
        source_credentials=own.get_credentials(),
        role_arn=role_arn,
        extra_args={"RoleSessionName": SESSION_NAME},
    )
    under_role: Any = get_session()
    under_role._credentials = DeferredRefreshableCredentials(
        method="assume-role", refresh_using=fetcher.fetch_credentials
    )
    boto3.setup_default_session(botocore_session=under_role)


def glue_catalog(role_arn: str | None = None) -> Catalog:
    """Return the catalog of tables, whose files are read the way boto3 reaches AWS."""
    try:
        properties, glue = iceberg_s3_properties(), boto3.client("glue")
    except (BotoCoreError, ValueError) as error:
        raise LiveStorageError(
            f"can't reach AWS: {error}; set AWS_DEFAULT_REGION and credentials, and AWS_ENDPOINT_URL for a local cloud"
        ) from error
    if role_arn is not None:
        properties |= {"s3.role-arn": role_arn, "s3.role-session-name": SESSION_NAME}
    return GlueCatalog("glue", client=glue, **properties)
