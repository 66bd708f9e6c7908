"""What the stack engine asks of a resource type, as functions; and what they answer with."""

from collections.abc import Callable
from typing import Any

Properties = dict[str, Any]
#: The physical id (what `Ref` gives) and the attributes (what `Fn::GetAtt` gives).
Made = tuple[str, dict[str, Any]]
Create = Callable[[str, Properties, str], Made]
Update = Callable[[str, Properties, Properties, str], Made]
Delete = Callable[[str, Properties], None]
Handlers = dict[str, Any]


class ResourceError(ValueError):
    """A resource cannot be made as its properties say; the stack's event carries the text."""


def handlers(*, create: Create, update: Update, delete: Delete) -> Handlers:
    """The engine's record of a resource type; its updates say by a new physical id that they replaced the resource."""
    return {"create": create, "update": update, "delete": delete}


def tags_of(properties: Properties) -> dict[str, str]:
    """The `Tags` list as a mapping."""
    return {tag["Key"]: tag["Value"] for tag in properties.get("Tags") or []}


def checked(kind: str, response: tuple[int, Any, bytes | str]) -> None:
    """Raise what a service of the emulator answered, if it refused."""
    status, _headers, body = response
    if status >= 400:
        raise ResourceError(f"{kind}: {body!r}")
