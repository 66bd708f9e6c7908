"""Which requests WAF blocks before the API's stage, and which it only counts, with the reason.

It blocks a flood from one address, addresses that AWS knows as attackers', and what AWS knows as an attack on anybody.
AWS's common rules are for pages and forms, so those that do not fit events only count: they show in WAF's metrics and
refuse nothing. A blocked request would cost all events of its batch.
"""

from collections.abc import Sequence
from typing import Final

from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from infra.accepted import FIREWALL_FINDINGS, accept
from infra.proxies import PROXY_KEY_HEADER, VISITOR_ADDRESS_HEADER

_WebAcl = wafv2.CfnWebACL
_Rule = wafv2.CfnWebACL.RuleProperty
_Statement = wafv2.CfnWebACL.StatementProperty

#: Rules of AWS's common rule set that only count.
COUNTED: Final = (
    # A batch is larger than the 8 KB that these allow, and the API has its own limit.
    "SizeRestrictions_BODY",
    # An event quotes what visitors typed and which address they were at: a search for <script> is an event.
    "CrossSiteScripting_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
    "EC2MetaDataSSRF_BODY",
    # Apps and servers send events without this header; the tables have NULL for it.
    "NoUserAgent_HEADER",
)


class WebAcl(Construct):
    """The firewall before an API stage.

    With a `proxy_key`, requests come through a proxy as well: it names the visitor in a header and shows the key. Then
    the visitor's address is counted, and who names a visitor without the key is blocked.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        resource_arn: str,
        requests_per_address: int,
        proxy_key: str | None,
    ) -> None:
        super().__init__(scope, construct_id)
        acl = _WebAcl(
            self,
            "Acl",
            name=name,
            scope="REGIONAL",
            default_action=_WebAcl.DefaultActionProperty(allow={}),
            visibility_config=_visible(name),
            rules=[
                *_address_rules(requests_per_address, proxy_key),
                _managed_rule(priority=10, group="AWSManagedRulesAmazonIpReputationList"),
                _managed_rule(priority=11, group="AWSManagedRulesKnownBadInputsRuleSet"),
                _managed_rule(priority=12, group="AWSManagedRulesCommonRuleSet", counted=COUNTED),
            ],
        )
        accept(acl, FIREWALL_FINDINGS)
        wafv2.CfnWebACLAssociation(self, "Association", resource_arn=resource_arn, web_acl_arn=acl.attr_arn)


def _address_rules(limit: int, proxy_key: str | None) -> Sequence[_Rule]:
    """Block an address that sends more than `limit` requests in five minutes: the sender's, or the visitor's."""
    if proxy_key is None:
        return [_rate_rule("RatePerAddress", 0, limit, aggregate_key_type="IP")]
    names_visitor = _header_is_there(VISITOR_ADDRESS_HEADER)
    forged = _Statement(
        and_statement=_WebAcl.AndStatementProperty(
            statements=[names_visitor, _not(_header_is(PROXY_KEY_HEADER, proxy_key))]
        )
    )
    return [
        _blocking("ForgedVisitorAddress", 0, forged),
        _rate_rule(
            "RatePerVisitor",
            1,
            limit,
            aggregate_key_type="FORWARDED_IP",
            forwarded_ip_config=_WebAcl.ForwardedIPConfigurationProperty(
                header_name=VISITOR_ADDRESS_HEADER, fallback_behavior="NO_MATCH"
            ),
        ),
        _rate_rule("RatePerAddress", 2, limit, aggregate_key_type="IP", scope_down_statement=_not(names_visitor)),
    ]


def _rate_rule(
    name: str,
    priority: int,
    limit: int,
    *,
    aggregate_key_type: str,
    forwarded_ip_config: _WebAcl.ForwardedIPConfigurationProperty | None = None,
    scope_down_statement: _Statement | None = None,
) -> _Rule:
    rate = _WebAcl.RateBasedStatementProperty(
        limit=limit,
        evaluation_window_sec=300,
        aggregate_key_type=aggregate_key_type,
        forwarded_ip_config=forwarded_ip_config,
        scope_down_statement=scope_down_statement,
    )
    return _blocking(name, priority, _Statement(rate_based_statement=rate))


def _blocking(name: str, priority: int, statement: _Statement) -> _Rule:
    return _Rule(
        name=name,
        priority=priority,
        action=_WebAcl.RuleActionProperty(block={}),
        statement=statement,
        visibility_config=_visible(name),
    )


def _header_is_there(header: str) -> _Statement:
    return _Statement(
        size_constraint_statement=_WebAcl.SizeConstraintStatementProperty(
            comparison_operator="GT", size=0, field_to_match=_header(header), text_transformations=_as_it_is()
        )
    )


def _header_is(header: str, value: str) -> _Statement:
    return _Statement(
        byte_match_statement=_WebAcl.ByteMatchStatementProperty(
            positional_constraint="EXACTLY",
            search_string=value,
            field_to_match=_header(header),
            text_transformations=_as_it_is(),
        )
    )


def _not(statement: _Statement) -> _Statement:
    return _Statement(not_statement=_WebAcl.NotStatementProperty(statement=statement))


def _header(name: str) -> _WebAcl.FieldToMatchProperty:
    # CDK passes this value on as it is, so it is spelled as CloudFormation has it.
    return _WebAcl.FieldToMatchProperty(single_header={"Name": name.lower()})


def _as_it_is() -> list[_WebAcl.TextTransformationProperty]:
    return [_WebAcl.TextTransformationProperty(priority=0, type="NONE")]


def _managed_rule(*, priority: int, group: str, counted: tuple[str, ...] = ()) -> _Rule:
    """Apply one of AWS's rule groups; the rules named in `counted` only count."""
    overrides = [
        _WebAcl.RuleActionOverrideProperty(name=rule, action_to_use=_WebAcl.RuleActionProperty(count={}))
        for rule in counted
    ]
    return _Rule(
        name=group,
        priority=priority,
        override_action=_WebAcl.OverrideActionProperty(none={}),
        statement=_Statement(
            managed_rule_group_statement=_WebAcl.ManagedRuleGroupStatementProperty(
                vendor_name="AWS", name=group, rule_action_overrides=overrides or None
            )
        ),
        visibility_config=_visible(group),
    )


def _visible(metric: str) -> _WebAcl.VisibilityConfigProperty:
    return _WebAcl.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=metric, sampled_requests_enabled=True
    )
