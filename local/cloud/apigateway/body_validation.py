"""A JSON Schema (the part of draft-04 that our models use) + a value → every way in which the value breaks it.

Worded like `$context.error.validationErrorString`, which AWS takes from its Java validator. `minItems` and `maxItems`
are not checked, because API Gateway does not reliably: what must hold has to hold without them.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

Json = Any
Schema = Mapping[str, Any]

_KNOWN: Final = frozenset(
    {"$schema", "title", "description", "type", "required", "properties", "items"}
    | {"minLength", "maxLength", "minItems", "maxItems"}
)
#: A reply names so many faults at most: a client sees from the first few what it does wrong.
_MOST_ERRORS: Final = 20

_IS: Final[dict[str, Callable[[Json], bool]]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


def unsupported_keywords(schema: Schema) -> list[str]:
    """Return the keywords, at any depth, that this validator does not know; a model that has one must not deploy."""
    unknown = set(schema) - _KNOWN
    children = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    for child in children:
        unknown.update(unsupported_keywords(child))
    return sorted(unknown)


def validation_errors(schema: Schema, value: Json) -> list[str]:
    """Return what is wrong with a value, at most the first twenty faults; nothing if it is valid."""
    found: list[str] = []
    for error in _errors(schema, value, ""):
        found.append(error)
        if len(found) == _MOST_ERRORS:
            break
    return found


def _errors(schema: Schema, value: Json, path: str) -> Iterator[str]:
    types = schema.get("type")
    allowed = types if isinstance(types, list) else [types] if types else []
    if allowed and not any(_IS[name](value) for name in allowed):
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
    return next(name for name in ("null", "boolean", "integer", *_IS) if _IS[name](value))
