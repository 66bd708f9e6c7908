"""An API stage → the web application firewall in front of it."""

from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct


class WebAcl(Construct):
    """Lets everything through but one address's flood, known bad inputs and what the common rules know as an attack.

    WAF looks at the first 16 KB of a body and its size rule would block any batch: it counts instead; the API has
    its own limits.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, name: str, resource_arn: str, requests_per_address: int
    ) -> None:
        super().__init__(scope, construct_id)
        acl = wafv2.CfnWebACL(
            self,
            "Acl",
            name=name,
            scope="REGIONAL",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_visible(name),
            rules=[
                _rate_rule(priority=0, limit=requests_per_address),
                _managed_rule(priority=1, group="AWSManagedRulesKnownBadInputsRuleSet"),
                _managed_rule(priority=2, group="AWSManagedRulesCommonRuleSet", counted=("SizeRestrictions_BODY",)),
            ],
        )
        wafv2.CfnWebACLAssociation(self, "Association", resource_arn=resource_arn, web_acl_arn=acl.attr_arn)


def _rate_rule(*, priority: int, limit: int) -> wafv2.CfnWebACL.RuleProperty:
    """Block an address above `limit` requests in five minutes."""
    return wafv2.CfnWebACL.RuleProperty(
        name="RatePerAddress",
        priority=priority,
        action=wafv2.CfnWebACL.RuleActionProperty(block={}),
        statement=wafv2.CfnWebACL.StatementProperty(
            rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
                limit=limit, aggregate_key_type="IP", evaluation_window_sec=300
            )
        ),
        visibility_config=_visible("RatePerAddress"),
    )


def _managed_rule(*, priority: int, group: str, counted: tuple[str, ...] = ()) -> wafv2.CfnWebACL.RuleProperty:
    """Apply one of AWS's rule groups; the rules named in `counted` only count."""
    overrides = [
        wafv2.CfnWebACL.RuleActionOverrideProperty(
            name=rule, action_to_use=wafv2.CfnWebACL.RuleActionProperty(count={})
        )
        for rule in counted
    ]
    return wafv2.CfnWebACL.RuleProperty(
        name=group,
        priority=priority,
        override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}),
        statement=wafv2.CfnWebACL.StatementProperty(
            managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
                vendor_name="AWS", name=group, rule_action_overrides=overrides or None
            )
        ),
        visibility_config=_visible(group),
    )


def _visible(metric: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=metric, sampled_requests_enabled=True
    )
