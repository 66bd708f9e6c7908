"""The values that a mapping template sees, their methods and members, and `$input`, `$util`, `$context`.

Only the methods named here exist: an unknown one is an error of the API, never Python's attribute of that name.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_plus, unquote_plus

from local.cloud.apigateway.body import JsonBody, compact
from local.cloud.apigateway.faults import TemplateError

Names = dict[str, Any]


@dataclass(kw_only=True)
class ResponseOverride:
    """`$context.responseOverride`: the values that a response template sets, each at most once, as on AWS."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def put(self, path: list[str], value: Any) -> None:
        """Set `status` or `header.<name>`."""
        match path:
            case ["status"] if self.status is None:
                self.status = int(value)
            case ["header", name] if name not in self.headers:
                self.headers[name] = str(value)
            case ["status"] | ["header", _]:
                raise TemplateError(f"$context.responseOverride.{'.'.join(path)} is set twice")
            case _:
                raise TemplateError(f"there is no $context.responseOverride.{'.'.join(path)}")


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """The request's headers, whose names are in lower case as HTTP/2 sends them, and its query; our paths have none."""

    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)

    def by_place(self) -> Names:
        """Return `$input.params()`."""
        return {"path": {}, "querystring": dict(self.query), "header": dict(self.headers)}


class Input:
    """`$input`: the body of the request, or of the integration's answer; and the request's parameters, in both."""

    def __init__(self, body: JsonBody, parameters: Parameters | None = None) -> None:
        self._body = body
        self._parameters = parameters or Parameters()

    @property
    def body(self) -> str:
        """The raw text."""
        return self._body.text

    def json(self, path: str) -> str:
        """Return the value at a JSONPath as JSON text; `""` where there is nothing, as on API Gateway."""
        value = self._body.at(path)
        return '""' if value is None and path != "$" else compact(value)

    def path(self, path: str) -> Any:
        """Return the value at a JSONPath."""
        return self._body.at(path)

    def params(self) -> Names:
        """Return the parameters by place and name; the form with a name, which searches all places, is left out."""
        return self._parameters.by_place()


class Util:
    """`$util`."""

    def base64_encode(self, text: str) -> str:
        """Return base64 of the UTF-8 bytes; half a surrogate pair becomes `?`, as Java encodes it."""
        return base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")

    def base64_decode(self, text: str) -> str:
        """Return the text that was base64-encoded."""
        return base64.b64decode(text).decode("utf-8")

    def escape_java_script(self, text: str) -> str:
        """Escape as Apache Commons does: quotes (`'` too), slashes, control characters, all that is not ASCII."""
        return json.dumps(text)[1:-1].replace("/", "\\/").replace("'", "\\'")

    def parse_json(self, text: str) -> Any:
        """Return the value of a JSON text."""
        return JsonBody(text.encode("utf-8", "surrogatepass")).document

    def url_encode(self, text: str) -> str:
        """Return the text encoded as `application/x-www-form-urlencoded`."""
        return quote_plus(text)

    def url_decode(self, text: str) -> str:
        """Return the text that was form-encoded."""
        return unquote_plus(text)


def _java_length(text: str) -> int:
    """Return the length as Java counts it, in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _replace_all(text: str, pattern: str, replacement: str) -> str:
    if "\\" in replacement or "$" in replacement:
        raise TemplateError(f"the local API Gateway replaces by plain text only, not by {replacement!r}")
    return re.sub(pattern, replacement, text)


_METHODS: Final[dict[type, dict[str, Callable[..., Any]]]] = {
    Input: {"json": Input.json, "params": Input.params, "path": Input.path},
    Util: {
        "base64Encode": Util.base64_encode,
        "base64Decode": Util.base64_decode,
        "escapeJavaScript": Util.escape_java_script,
        "parseJson": Util.parse_json,
        "urlEncode": Util.url_encode,
        "urlDecode": Util.url_decode,
    },
    str: {
        "contains": lambda text, part: part in text,
        "isEmpty": lambda text: not text,
        "length": _java_length,
        "replaceAll": _replace_all,
        "startsWith": str.startswith,
        "toString": lambda text: text,
    },
    list: {"get": list.__getitem__, "isEmpty": lambda items: not items, "size": len},
    dict: {"containsKey": lambda entries, key: key in entries, "get": dict.get, "size": len},
}


def call(value: Any, method: str, arguments: tuple[Any, ...]) -> Any:
    """Call a method of a value; any method of null returns null."""
    if value is None:
        return None
    function = _METHODS.get(type(value), {}).get(method)
    if function is None:
        raise TemplateError(f"the local API Gateway knows no method {method}() of {type(value).__name__}")
    return function(value, *arguments)


def member(value: Any, name: str) -> Any:
    """Return `value.name`; null where there is nothing."""
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, Input) and name == "body":
        return value.body
    return None


def element(value: Any, index: Any) -> Any:
    """Return `value[index]`; null where there is nothing."""
    if isinstance(value, list):
        return value[index] if 0 <= index < len(value) else None
    return value.get(index) if isinstance(value, dict) else None


def assign(target: Any, path: list[str], value: Any) -> None:
    """Put a value at `target.path…`."""
    for position, name in enumerate(path):
        if isinstance(target, ResponseOverride):
            target.put(path[position:], value)
            return
        if not isinstance(target, dict):
            break
        if position == len(path) - 1:
            target[name] = value
            return
        target = target.get(name)
    raise TemplateError(f"nothing can be set at .{'.'.join(path)} here")


def java_text(value: Any) -> str:
    """Return a value as Velocity prints it; for lists and objects this is no JSON, and null prints as nothing."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case dict():
            return "{" + ", ".join(f"{key}={_nested_text(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_nested_text, value)) + "]"
    return str(value)


def _nested_text(value: Any) -> str:
    return "null" if value is None else java_text(value)
