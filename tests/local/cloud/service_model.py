"""Answers against botocore's service models: what an SDK would drop or trip over, as a list of sentences.

Hung into a boto3 client, it checks every answer that the client gets, byte for byte as it came over the wire.
"""

import json
from typing import Any

import botocore.model

#: Codes that every JSON service has besides those in its operations' lists.
COMMON_ERRORS = {"ValidationException", "UnknownOperationException", "SerializationException"}

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "boolean": (bool,),
    "timestamp": (int, float),
    "blob": (str,),
    "double": (int, float),
    "float": (int, float),
}


def violations(shape: botocore.model.Shape, value: Any, where: str = "answer") -> list[str]:
    """Where a JSON value is not what its shape says."""
    if shape.type_name == "structure":
        return _structure(shape, value, where)
    if shape.type_name == "list":
        if not isinstance(value, list):
            return [f"{where} is no list: {value!r}"]
        return [one for n, item in enumerate(value) for one in violations(shape.member, item, f"{where}[{n}]")]
    if shape.type_name == "map":
        return [one for key, item in value.items() for one in violations(shape.value, item, f"{where}.{key}")]
    if not isinstance(value, _TYPES[shape.type_name]) or (isinstance(value, bool) and shape.type_name != "boolean"):
        return [f"{where} is no {shape.type_name}: {value!r}"]
    if getattr(shape, "enum", None) and value not in shape.enum:
        return [f"{where} is none of {shape.enum}: {value!r}"]
    return []


def _structure(shape: Any, value: Any, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where} is no structure: {value!r}"]
    missing = [f"{where}.{name} is missing" for name in shape.required_members if name not in value]
    unknown = [f"{where}.{name} is unknown to {shape.name}" for name in value if name not in shape.members]
    inside = [
        one
        for name, item in value.items()
        if name in shape.members
        for one in violations(shape.members[name], item, f"{where}.{name}")
    ]
    return missing + unknown + inside


def check_every_answer(client: Any) -> None:
    """Make a boto3 client of a JSON service raise on an answer that its model does not describe."""

    def check(http_response: Any, parsed: Any, model: Any, **_: Any) -> None:
        wire = json.loads(http_response.content or b"{}")
        if http_response.status_code >= 300:
            codes = {shape.error_code for shape in model.error_shapes} | COMMON_ERRORS
            assert wire["__type"] in codes, f"{model.name} answers {wire}, which is none of {sorted(codes)}"
            assert wire["message"]
        elif model.output_shape is not None:
            assert violations(model.output_shape, wire) == []
        else:
            assert http_response.content == b""

    client.meta.events.register(f"after-call.{client.meta.service_model.endpoint_prefix}", check)
