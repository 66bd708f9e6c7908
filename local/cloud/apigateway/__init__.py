"""API Gateway's data plane: deployed REST APIs that call Kinesis, with the meaning AWS gives their templates.

The control plane (what deploys an API) is ministack's. Left out, and refused where it would matter: other integrations
than Kinesis, authorizers, API keys, caching, binary media types. Left out in silence: WAF (a web ACL deploys, but
filters nothing here), and the picture that a deployment takes of an API (a stage serves the API as it now is).
"""

from local.cloud.apigateway.front import RestApiFront


def install() -> None:
    """Put our data plane before the emulator's routing, and let no request reach the emulator's own."""
    from ministack import app
    from ministack.services import apigateway_v1

    app.app = RestApiFront(app.app)
    apigateway_v1.handle_execute = _refused


async def _refused(*_request: object, **_options: object) -> tuple[int, dict[str, str], bytes]:
    body = b'{"message":"the local API Gateway serves /restapis/<api>/<stage>/_user_request_/... only"}'
    return 501, {"Content-Type": "application/json"}, body
