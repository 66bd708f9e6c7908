"""The bytes of a body → one JSON document, its parts as JSON text again, and the ways in which it breaks a model.

The parser is as strict as API Gateway's: UTF-8, no NaN or Infinity, nothing after the value. It also refuses a number
beyond a double's range, because that could not be written again.

The validator knows the part of JSON Schema draft-04 that our models use. Its errors are worded like
`$context.error.validationErrorString`, which AWS takes from its Java validator. It does not check `minItems` and
`maxItems`, because API Gateway does not check them reliably: what must hold has to hold without them.
"""

import functools
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import Any, Final

from local.cloud.apigateway.faults import TemplateError

Json = Any
Schema = Mapping[str, Any]
#: API Gateway refuses deeper bodies before it reads the model; Python's parser may refuse earlier.
MAX_DEPTH: Final = 1000

_TOO_DEEP: Final = f"the body nests too deep: more than {MAX_DEPTH} levels"
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_STEP: Final = re.compile(r"\.?\[(\d+)\]|\[['\"]([^'\"]+)['\"]\]|\.([A-Za-z_][\w-]*)")

_KEYWORDS: Final = frozenset(
    {"$schema", "title", "description", "type", "required", "properties", "items"}
    | {"minLength", "maxLength", "minItems", "maxItems"}
)
#: A reply lists at most this many faults; the first few tell a client what it does wrong.
_MOST_ERRORS: Final = 20
_IS_TYPE: Final[dict[str, Callable[[Json], bool]]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


class NotJsonError(ValueError):
    """The bytes are not one JSON value; the text says why."""


class JsonBody:
    """A body; it is parsed at the first use of its document, once."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def text(self) -> str:
        """The raw text, `$input.body`; an empty body reads `{}`, as on AWS."""
        return self._content.decode("utf-8", errors="replace") or "{}"

    @cached_property
    def document(self) -> Json:
        """The parsed value; `NotJsonError` if there is none."""
        try:
            text = self._content.decode("utf-8") or "{}"
            document = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        except UnicodeDecodeError as error:
            raise NotJsonError(f"the body is not UTF-8: byte {error.start}") from error
        except RecursionError as error:
            raise NotJsonError(_TOO_DEEP) from error
        except ValueError as error:
            raise NotJsonError(f"the body is not JSON: {error}") from error
        if text.count("[") + text.count("{") > MAX_DEPTH and _depth(document) > MAX_DEPTH:
            raise NotJsonError(_TOO_DEEP)
        return document

    def at(self, path: str) -> Json:
        """Return the value at a JSONPath of names and indexes; None where there is nothing."""
        value = self.document
        for step in _steps(path):
            if isinstance(step, int):
                value = value[step] if isinstance(value, list) and step < len(value) else None
            else:
                value = value.get(step) if isinstance(value, dict) else None
        return value


def compact(value: Json) -> str:
    """Return a value as JSON text on one line, as `$input.json()` does."""
    try:
        return _encode(value)
    except RecursionError as error:
        raise NotJsonError(_TOO_DEEP) from error


def _depth(document: Json) -> int:
    depth = 0
    level = [document]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return depth


@functools.lru_cache(maxsize=4096)
def _steps(path: str) -> tuple[int | str, ...]:
    if not path.startswith("$"):
        raise TemplateError(f"the JSONPath {path!r} does not start with $")
    steps: list[int | str] = []
    position = 1
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            raise TemplateError(f"the local API Gateway knows names and indexes in a JSONPath only, not {path!r}")
        steps.append(int(match[1]) if match[1] is not None else match[2] or match[3])
        position = match.end()
    return tuple(steps)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:40]} is out of range")
    return number


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON value")


def unsupported_keywords(schema: Schema) -> list[str]:
    """Return the keywords, at any depth, that the validator does not know; a model that has one must not deploy."""
    unknown = set(schema) - _KEYWORDS
    children = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    for child in children:
        unknown.update(unsupported_keywords(child))
    return sorted(unknown)


def validation_errors(schema: Schema, value: Json) -> list[str]:
    """Return what is wrong with a value, at most the first twenty faults; nothing if it is valid."""
    return list(islice(_errors(schema, value, ""), _MOST_ERRORS))


def _errors(schema: Schema, value: Json, path: str) -> Iterator[str]:
    types = schema.get("type")
    allowed = types if isinstance(types, list) else [types] if types else []
    if allowed and not any(_IS_TYPE[name](value) for name in allowed):
        yield _at(path, f"instance type ({_type_name(value)}) does not match any allowed primitive type", allowed)
        return
    if isinstance(value, str):
        yield from _length_errors(schema, value, path)
    elif isinstance(value, dict):
        missing = [name for name in schema.get("required", ()) if name not in value]
        if missing:
            yield _at(path, "object has missing required properties", sorted(missing))
        for name, child in schema.get("properties", {}).items():
            if name in value:
                yield from _errors(child, value[name], f"{path}/{name}")
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from _errors(schema["items"], item, f"{path}/{index}")


def _length_errors(schema: Schema, value: str, path: str) -> Iterator[str]:
    if len(value) < schema.get("minLength", 0):
        yield _at(path, f"string is too short (length: {len(value)}, required minimum: {schema['minLength']})")
    if len(value) > schema.get("maxLength", len(value)):
        yield _at(path, f"string is too long (length: {len(value)}, maximum allowed: {schema['maxLength']})")


def _at(path: str, what: str, names: list[str] | None = None) -> str:
    listed = "" if names is None else " ([" + ",".join(f'"{name}"' for name in names) + "])"
    return f"{path}: {what}{listed}" if path else f"{what}{listed}"


def _type_name(value: Json) -> str:
    return next(name for name in ("null", "boolean", "integer", *_IS_TYPE) if _IS_TYPE[name](value))
