"""JSON value → words for a rejection's `detail`: its type, and as much of its text as a person reads."""

from typing import Final

from spark_jobs.judging.json_text import dump_json
from spark_jobs.judging.strict_json import JsonNumber, JsonObject, JsonValue

#: Characters of a value that are quoted; the whole line is kept beside the detail.
MAX_QUOTED: Final = 200

ARTICLED: Final = {
    "null": "null",
    "boolean": "a boolean",
    "number": "a number",
    "string": "a string",
    "array": "an array",
    "object": "an object",
}


def json_type(value: JsonValue) -> str:
    """Return the name of a value's type as JSON Schema has it; every number is a `number`."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case JsonNumber():
            return "number"
        case str():
            return "string"
        case JsonObject():
            return "object"
        case _:
            return "array"


def type_name(value: JsonValue) -> str:
    """Return a value's type with its article, for a sentence."""
    return ARTICLED[json_type(value)]


def quoted(value: JsonValue) -> str:
    """Return a value as JSON text, cut."""
    return cut(dump_json(value))


def cut(text: str) -> str:
    """Return a text of at most `MAX_QUOTED` characters, marked if it was longer."""
    return text if len(text) <= MAX_QUOTED else text[: MAX_QUOTED - 1] + "…"
