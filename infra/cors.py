"""The origins that may send events → the headers by which a browser lets a page of theirs do it, and read the reply.

Without them on an error a browser reports a network error, and the page never sees the status or `Retry-After`. So
every reply has them. The replies of integrations compare the request's `Origin` with the list, in Velocity. The replies
that API Gateway gives by itself (gateway responses) know no condition: with one origin they name it; with more they
name every origin (`*`), because such a reply says nothing that depends on who asks. A page that sends a request with
cookies cannot read those.

Any origin (`*`) is for requests without cookies, as browsers demand. A list allows cookies, because
`navigator.sendBeacon` always sends them; the API reads none.
"""

from typing import Final

from infra.settings import CorsSettings

ALLOW_ORIGIN: Final = "Access-Control-Allow-Origin"
ALLOW_CREDENTIALS: Final = "Access-Control-Allow-Credentials"
EXPOSE_HEADERS: Final = "Access-Control-Expose-Headers"

#: HTTP/2 spells header names in lower case, and `get` compares letter by letter.
_ECHO_LISTED: Final = """\
#set($origin = "$!input.params().header.get('Origin')")
#if($origin == "")
#set($origin = "$!input.params().header.get('origin')")
#end
#if(@@LISTED@@)
#set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)
#set($context.responseOverride.header.Access-Control-Allow-Credentials = "true")
#end
#set($context.responseOverride.header.Vary = "Origin")
"""
_ANY: Final = '#set($context.responseOverride.header.Access-Control-Allow-Origin = "*")\n'
_EXPOSE: Final = '#set($context.responseOverride.header.Access-Control-Expose-Headers = "Retry-After")\n'


def origin_template(cors: CorsSettings) -> str:
    """Return the Velocity that allows the request's origin; a reply's template begins with it."""
    if cors.any_origin:
        return _ANY
    listed = " || ".join(f'$origin == "{origin}"' for origin in cors.origins)
    return _ECHO_LISTED.replace("@@LISTED@@", listed)


def reply_template(cors: CorsSettings) -> str:
    """Return `origin_template` for the reply to a POST, of which a page may read `Retry-After`."""
    return origin_template(cors) + _EXPOSE


def preflight_headers(cors: CorsSettings) -> dict[str, str]:
    """Return the headers of the reply to OPTIONS that are the same for every origin."""
    return {
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": ",".join(cors.headers),
        "Access-Control-Max-Age": str(cors.max_age_seconds),
    }


def gateway_headers(cors: CorsSettings) -> dict[str, str]:
    """Return the headers of every gateway response."""
    if len(cors.origins) == 1 and not cors.any_origin:
        return {ALLOW_ORIGIN: cors.origins[0], ALLOW_CREDENTIALS: "true", EXPOSE_HEADERS: "Retry-After"}
    return {ALLOW_ORIGIN: "*", EXPOSE_HEADERS: "Retry-After"}
