"""The replies that API Gateway gives by itself, as exceptions; each names the gateway response that words it."""

from typing import Final

#: The statuses and messages of AWS's own gateway responses
#: (docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html).
DEFAULT_REPLIES: Final = {
    "API_CONFIGURATION_ERROR": (500, "Internal server error"),
    "BAD_REQUEST_BODY": (400, "Invalid request body"),
    "INTEGRATION_FAILURE": (504, "Internal server error"),
    "INTEGRATION_TIMEOUT": (504, "Endpoint request timed out"),
    "MISSING_AUTHENTICATION_TOKEN": (403, "Missing Authentication Token"),
    "REQUEST_TOO_LARGE": (413, "Request Too Long"),
    "THROTTLED": (429, "Too Many Requests"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "Unsupported Media Type"),
    "WAF_FILTERED": (403, "Forbidden"),
}


class GatewayError(Exception):
    """The gateway answers instead of the integration, with the status and message that AWS gives by default."""

    def __init__(self, response_type: str, *, validation_error: str = "", cause: str = "") -> None:
        self.response_type = response_type
        self.validation_error = validation_error
        self.status, self.message = DEFAULT_REPLIES[response_type]
        super().__init__(f"{response_type}: {validation_error or cause or self.message}")


class TemplateError(GatewayError):
    """A mapping template does what API Gateway's Velocity does not: a mistake in the API, never by the client."""

    def __init__(self, cause: str) -> None:
        super().__init__("API_CONFIGURATION_ERROR", cause=cause)
