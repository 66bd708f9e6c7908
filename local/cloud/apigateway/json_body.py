"""Bytes of a body → one parsed JSON document, shared by the validator and `$input`, and its parts as JSON text again.

As strict as API Gateway's parser: UTF-8, no NaN or Infinity, nothing after the value. A number beyond a double's range
is refused too, because it could not be written out again.
"""

import functools
import json
import math
import re
from functools import cached_property
from typing import Any, Final

from local.cloud.apigateway.faults import TemplateError

Json = Any
#: API Gateway refuses deeper bodies before it looks at the model; Python's parser may give up earlier.
MAX_DEPTH: Final = 1000
_TOO_DEEP: Final = f"the body nests too deep: more than {MAX_DEPTH} levels"
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_STEP: Final = re.compile(r"\.?\[(\d+)\]|\[['\"]([^'\"]+)['\"]\]|\.([A-Za-z_][\w-]*)")


class NotJsonError(ValueError):
    """The bytes are not one JSON value; the text says why."""


class JsonBody:
    """A body, parsed when somebody first asks."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def text(self) -> str:
        """`$input.body`: the raw text; an empty body reads `{}`, as on AWS."""
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
        """The value at a JSONPath of names and indexes; None where there is nothing."""
        value = self.document
        for step in _steps(path):
            if isinstance(step, int):
                value = value[step] if isinstance(value, list) and step < len(value) else None
            else:
                value = value.get(step) if isinstance(value, dict) else None
        return value


def compact(value: Json) -> str:
    """`$input.json()`: a value as JSON text on one line."""
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
