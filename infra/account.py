"""Credentials and a region → the account that a command works on, and AWS's refusals in plain words."""

import difflib
import re
from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from infra.errors import AccountError

_SIGN_IN: Final = "sign in (aws sso login, or aws configure) and name the profile in AWS_PROFILE"
_EXPIRED: Final = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
_UNKNOWN_KEY: Final = ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "AuthFailure")
_NO_RIGHT: Final = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403")
_REFUSED_RIGHT: Final = re.compile(r"(?P<who>arn:\S+) is not authorized to perform: (?P<right>[\w:*-]+)")


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account and region of AWS, or of the local cloud at `endpoint_url`, as `caller` may use them."""

    endpoint_url: str | None
    region: str
    number: str
    caller: str

    def client(self, service: str) -> Any:
        """Return boto3's client of a service."""
        return boto3.client(service, endpoint_url=self.endpoint_url, region_name=self.region)

    def __str__(self) -> str:
        where = f" at {self.endpoint_url}" if self.endpoint_url else ""
        return f"account {self.number}, region {self.region}{where}"


def account_at(endpoint_url: str | None) -> Account:
    """Return the account of the environment's credentials; raise `AccountError` if they are missing or refused."""
    try:
        session = boto3.Session()
        region = session.region_name
        if region is None:
            raise NoRegionError
        if endpoint_url is None:
            _check_region(session, region)
        identity = boto3.client("sts", endpoint_url=endpoint_url, region_name=region).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise AccountError(in_plain_words(error)) from error
    return Account(endpoint_url=endpoint_url, region=region, number=identity["Account"], caller=identity["Arn"])


def _check_region(session: boto3.Session, region: str) -> None:
    known = [
        name
        for partition in session.get_available_partitions()
        for name in session.get_available_regions("cloudformation", partition_name=partition)
    ]
    if region not in known:
        alike = difflib.get_close_matches(region, known, n=1)
        hint = f"did you mean {alike[0]}?" if alike else "take one such as eu-west-1"
        raise AccountError(f"AWS has no region {region!r}: {hint} Set AWS_REGION and AWS_DEFAULT_REGION")


def in_plain_words(error: BotoCoreError | ClientError) -> str:
    """Return what is wrong and what to do about it; AWS's own words where we know no better ones."""
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return f"there are no AWS credentials here: {_SIGN_IN}"
    if isinstance(error, ProfileNotFound):
        return f"{error}: AWS_PROFILE must name a profile of ~/.aws/config (aws configure list-profiles)"
    if isinstance(error, SSOError | TokenRetrievalError):
        return f"the sign-in has ended: {_SIGN_IN}"
    if isinstance(error, NoRegionError):
        return "no region is set: set AWS_REGION and AWS_DEFAULT_REGION, e.g. to eu-west-1"
    if isinstance(error, EndpointConnectionError):
        return f"{error} Is the region right, is a local cloud meant that is not up, or is there no network?"
    if isinstance(error, ClientError):
        return _of_a_refusal(error)
    return str(error)


def _of_a_refusal(error: ClientError) -> str:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if code in _EXPIRED:
        return f"the credentials have expired: {_SIGN_IN}"
    if code in _UNKNOWN_KEY:
        return f"AWS does not know these credentials ({message}): another account, or a region that it has not enabled?"
    if code in _NO_RIGHT:
        if match := _REFUSED_RIGHT.search(message):
            return missing_right(match["who"], match["right"])
        return f"{error.operation_name} was refused: {message} ({_ASK})"
    return f"{error.operation_name} was refused: {message}"


_ASK: Final = "ask who administers the account; docs/deployment.md says which rights a deployment needs"


def missing_right(who: str, right: str) -> str:
    """Return that somebody lacks a right, and whom to ask."""
    return f"{who} lacks the right {right}: {_ASK}"


def hint(reason: str) -> str:
    """Return what to do about a reason of CloudFormation's, in brackets; nothing if we know nothing better."""
    if match := _REFUSED_RIGHT.search(reason):
        return f" ({missing_right(match['who'], match['right'])})"
    if "already exists" in reason or "AlreadyExists" in reason:
        return (
            " (what an earlier stack left, or another one has: take it over with ADOPT=1 if it is this environment's, "
            "or delete it if its data may go)"
        )
    if "LimitExceeded" in reason or "quota" in reason.lower():
        return " (raise the quota in the console of Service Quotas, then deploy again)"
    return ""
