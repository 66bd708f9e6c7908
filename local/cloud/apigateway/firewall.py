"""A stage's web ACL → whether WAF blocks a request, and by which rule.

It knows rate rules, header conditions, and of AWS's common rule set the rules whose conditions are documented: the
sizes, and a User-Agent that must be there
(docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html). What AWS keeps secret matches
nothing here: patterns of attacks, and its list of addresses. A statement of another kind is refused when it is
deployed.

AWS estimates rates every few seconds; here a request counts at once, in steps of ten seconds. Counts begin anew with
the process and with every change of the ACL, and no more than `_MOST_KEYS` addresses are counted in a step.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

from local.cloud.apigateway.faults import TemplateError

Json = Mapping[str, Any]

_STEP_SECONDS: Final = 10
_MOST_KEYS: Final = 100_000
_COMMON_RULES: Final = "AWSManagedRulesCommonRuleSet"
_SECRET_RULES: Final = frozenset({"AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesKnownBadInputsRuleSet"})


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What WAF sees of a request; header names are lower case."""

    address: str
    headers: Mapping[str, str]
    path: str
    query: str
    body_bytes: int


Condition = Callable[[Seen], bool]

_COMMON: Final[dict[str, Condition]] = {
    "NoUserAgent_HEADER": lambda seen: "user-agent" not in seen.headers,
    "SizeRestrictions_QUERYSTRING": lambda seen: len(seen.query) > 2_048,
    "SizeRestrictions_Cookie_HEADER": lambda seen: len(seen.headers.get("cookie", "")) > 10_240,
    "SizeRestrictions_BODY": lambda seen: seen.body_bytes > 8_192,
    "SizeRestrictions_URIPATH": lambda seen: len(seen.path) > 1_024,
}


class RateCounter:
    """How many requests of each key came in the last seconds."""

    def __init__(self, *, limit: int, seconds: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._steps = seconds // _STEP_SECONDS
        self._clock = clock
        self._counts: deque[tuple[int, Counter[str]]] = deque()

    def exceeds(self, key: str) -> bool:
        """Count a request; return whether the key now has more than the limit."""
        step = int(self._clock() // _STEP_SECONDS)
        while self._counts and self._counts[0][0] <= step - self._steps:
            self._counts.popleft()
        if not self._counts or self._counts[-1][0] != step:
            self._counts.append((step, Counter()))
        newest = self._counts[-1][1]
        if key in newest or len(newest) < _MOST_KEYS:
            newest[key] += 1
        return sum(counts[key] for _, counts in self._counts) > self._limit


@dataclass(frozen=True, kw_only=True)
class _Rule:
    name: str
    action: str
    matches: Condition


class Firewall:
    """The rules of one web ACL in their order; the counts of its rate rules."""

    def __init__(self, rules: Sequence[Json], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rules = [
            part for rule in sorted(rules, key=lambda rule: int(rule["Priority"])) for part in self._compiled(rule)
        ]

    def blocks(self, seen: Seen) -> str | None:
        """Return the name of the rule that blocks a request; None if it may pass."""
        for rule in self._rules:
            if rule.action != "Count" and rule.matches(seen):
                return rule.name if rule.action == "Block" else None
        return None

    def _compiled(self, rule: Json) -> list[_Rule]:
        statement = rule["Statement"]
        if "ManagedRuleGroupStatement" in statement:
            return _managed(rule, statement["ManagedRuleGroupStatement"])
        (action,) = rule["Action"]
        if action not in ("Allow", "Block", "Count"):
            raise TemplateError(f"the local WAF allows, blocks and counts only: rule {rule['Name']} has {action}")
        return [_Rule(name=rule["Name"], action=action, matches=self._condition(statement))]

    def _condition(self, statement: Json) -> Condition:
        ((kind, of),) = statement.items()
        match kind:
            case "RateBasedStatement":
                return self._rate(of)
            case "NotStatement":
                inner = self._condition(of["Statement"])
                return lambda seen: not inner(seen)
            case "AndStatement":
                parts = [self._condition(part) for part in of["Statements"]]
                return lambda seen: all(part(seen) for part in parts)
            case "SizeConstraintStatement" if of["ComparisonOperator"] == "GT":
                header, size = _header(of), int(of["Size"])
                return lambda seen: len(seen.headers.get(header, "")) > size
            case "ByteMatchStatement" if of["PositionalConstraint"] == "EXACTLY":
                header, text = _header(of), str(of["SearchString"])
                return lambda seen: seen.headers.get(header) == text
        raise TemplateError(f"the local WAF does not know {kind} {dict(of)!r:.200}")

    def _rate(self, of: Json) -> Condition:
        counter = RateCounter(
            limit=int(of["Limit"]), seconds=int(of.get("EvaluationWindowSec", 300)), clock=self._clock
        )
        scope = self._condition(of["ScopeDownStatement"]) if "ScopeDownStatement" in of else lambda _seen: True
        if of["AggregateKeyType"] == "IP":
            return lambda seen: scope(seen) and counter.exceeds(seen.address)
        forwarded = of.get("ForwardedIPConfig") or {}
        if of["AggregateKeyType"] != "FORWARDED_IP" or forwarded.get("FallbackBehavior") != "NO_MATCH":
            raise TemplateError("the local WAF counts by IP, or by FORWARDED_IP with NO_MATCH for what is no address")
        header = forwarded["HeaderName"].lower()

        def too_many(seen: Seen) -> bool:
            address = seen.headers.get(header, "").partition(",")[0].strip()
            return _is_address(address) and scope(seen) and counter.exceeds(address)

        return too_many


def _managed(rule: Json, group: Json) -> list[_Rule]:
    if "None" not in rule["OverrideAction"]:
        raise TemplateError(f"the local WAF takes AWS's rule groups with the override action None: {rule['Name']}")
    if group["Name"] in _SECRET_RULES:
        return []
    if group["Name"] != _COMMON_RULES:
        raise TemplateError(f"the local WAF does not know the rule group {group['Name']}")
    actions = {one["Name"]: next(iter(one["ActionToUse"])) for one in group.get("RuleActionOverrides") or []}
    return [
        _Rule(name=name, action=actions.get(name, "Block"), matches=condition) for name, condition in _COMMON.items()
    ]


def _header(statement: Json) -> str:
    field = statement["FieldToMatch"].get("SingleHeader")
    if field is None or [one["Type"] for one in statement["TextTransformations"]] != ["NONE"]:
        raise TemplateError(f"the local WAF looks at single headers as they are only, not at {statement!r:.200}")
    return str(field["Name"]).lower()


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
