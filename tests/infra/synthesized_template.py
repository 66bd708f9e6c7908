"""A synthesized template, as tests ask it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Template:
    """A synthesized template, asked by resource type: logical ids are hashes that no test should know."""

    document: dict[str, Any]

    def properties(self, kind: str) -> list[dict[str, Any]]:
        return [one["Properties"] for one in self.document["Resources"].values() if one["Type"] == kind]

    def only(self, kind: str, **where: Any) -> dict[str, Any]:
        """The one resource of a type whose properties have these values."""
        (found,) = [
            properties
            for properties in self.properties(kind)
            if all(properties.get(name) == value for name, value in where.items())
        ]
        return found

    def resources(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.document["Resources"].values() if one["Type"] == kind]
