"""What botocore raises → a `StreamError` that a person must put right, or that a later try may not meet."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from kinesis_scaling.errors import AwsUnavailableError, NotAllowedError, StreamError, UnknownStreamError

_DENIED: Final = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnrecognizedClientException")
_EXPIRED: Final = ("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "InvalidSignatureException")
_BUSY: Final = ("Throttling", "ThrottlingException", "RequestLimitExceeded", "LimitExceededException")
_SERVER_ERROR: Final = 500


@contextmanager
def translate_aws_errors(call: str, stream_name: str) -> Iterator[None]:
    """Turn what `call` (`kinesis:DescribeLimits`) raises into a `StreamError` that says what to do."""
    try:
        yield
    except ClientError as error:
        raise _translated(error, call, stream_name) from error
    except (NoCredentialsError, NoRegionError) as error:
        raise NotAllowedError(
            f"{call} for stream {stream_name}: {error}; give Airflow credentials and region"
        ) from error
    except BotoCoreError as error:
        raise AwsUnavailableError(f"{call} for stream {stream_name}: {error}") from error


def code_of(error: ClientError) -> str:
    """Return AWS's code of an error, such as `LimitExceededException`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def message_of(error: ClientError) -> str:
    """Return what AWS says of an error, with its code."""
    return f"{code_of(error)}: {error.response.get('Error', {}).get('Message', '')}"


def was_repeated(error: ClientError) -> bool:
    """Return whether botocore made the call more than once, so that its own first call may have caused the error."""
    return bool(error.response.get("ResponseMetadata", {}).get("RetryAttempts"))


def _translated(error: ClientError, call: str, stream_name: str) -> StreamError:
    code, said = code_of(error), message_of(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code == "ResourceNotFoundException":
        return UnknownStreamError(
            f"there is no stream {stream_name} ({said}): correct its name in the file that CLICKSTREAM_SCALING names, "
            "or Airflow's region and account"
        )
    if code in _DENIED:
        return NotAllowedError(f"{call} is not allowed for stream {stream_name} ({said}): grant it to Airflow's role")
    if code in _EXPIRED:
        return NotAllowedError(f"{call} for stream {stream_name}: the credentials are not valid ({said}); renew them")
    if code in _BUSY or status >= _SERVER_ERROR or code == "InternalFailure":
        return AwsUnavailableError(f"{call} for stream {stream_name}: {said}")
    return StreamError(f"{call} for stream {stream_name} failed: {said}")
