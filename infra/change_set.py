"""CloudFormation's description of a change set → what will happen, in words, and what of it loses something."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

#: What goes with a resource of the type if it is removed, or replaced by a new one.
_LOST: Final[Mapping[str, str]] = {
    "AWS::S3::Bucket": "its objects",
    "AWS::Kinesis::Stream": "the events in it that are not in S3 yet",
    "AWS::Glue::Database": "the tables' entries in the catalog",
    "AWS::ApiGateway::RestApi": "the address to which clients send",
    "AWS::KMS::Key": "everything that it encrypts",
    "AWS::CloudFront::Distribution": "the address to which the shop's DNS points",
}
_SIGNS: Final = {"Add": "+", "Modify": "~", "Remove": "-", "Import": "<", "Dynamic": "?"}
_VERBS: Final = {
    "Add": "add",
    "Modify": "change",
    "Remove": "remove",
    "Import": "take over",
    "Dynamic": "perhaps change",
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """What happens to one resource; `replacement` is True, False or Conditional, as CloudFormation says it."""

    action: str
    kind: str
    logical_id: str
    replacement: str = "False"
    properties: tuple[str, ...] = ()
    retained: bool = False

    @classmethod
    def of(cls, change: Mapping[str, Any]) -> "Change":
        """Return a member of DescribeChangeSet's `Changes`."""
        found = change["ResourceChange"]
        targets = [detail["Target"] for detail in found.get("Details", ())]
        return cls(
            action=found["Action"],
            kind=found["ResourceType"],
            logical_id=found["LogicalResourceId"],
            replacement=found.get("Replacement", "False"),
            properties=tuple(sorted({target.get("Name") or target["Attribute"] for target in targets})),
            retained="Retain" in found.get("PolicyAction", ""),
        )

    @property
    def loss(self) -> str | None:
        """What is lost by it; None if nothing is."""
        gone = self.action == "Remove" or self.replacement in ("True", "Conditional")
        return _LOST.get(self.kind) if gone and not self.retained else None

    def __str__(self) -> str:
        named = f"{self.kind} {self.logical_id}"
        sign, verb = _SIGNS[self.action], _VERBS[self.action]
        if self.action != "Modify":
            text = f"{sign} {verb} {named}"
        elif self.replacement == "True":
            text = f"! REPLACE {named} by a new one, because of {self._reasons}"
        elif self.replacement == "Conditional":
            text = f"! perhaps REPLACE {named} by a new one, because of {self._reasons}"
        else:
            text = f"{sign} {verb} {named}: {self._reasons}"
        return f"{text}; with it goes: {self.loss}" if self.loss else text

    @property
    def _reasons(self) -> str:
        return ", ".join(self.properties) or "what it refers to"


@dataclass(frozen=True, kw_only=True)
class ChangeSet:
    """What CloudFormation would do to a stack, and the name under which it can be told to."""

    name: str
    creates: bool
    changes: tuple[Change, ...]

    @property
    def losses(self) -> list[Change]:
        """Return the changes by which something is lost."""
        return [change for change in self.changes if change.loss]

    def lines(self) -> Iterable[str]:
        """Yield a line for each change, what is lost first, and a sum at the end."""
        ordered = sorted(self.changes, key=lambda one: (one.loss is None, one.action, one.kind, one.logical_id))
        yield from (f"  {change}" for change in ordered)
        counts = {verb: sum(change.action == action for change in self.changes) for action, verb in _VERBS.items()}
        yield "  " + ", ".join(f"{count} to {verb}" for verb, count in counts.items() if count)
