"""Dollars a month → a budget of this environment's costs, which tells the topic of alarms; off unless it is set.

It counts what has the tag `environment`: activate that one as a cost allocation tag in the Billing console, or it
counts nothing.
"""

from aws_cdk import aws_budgets as budgets
from constructs import Construct

_BUDGET = budgets.CfnBudget


class Budget(Construct):
    """Tells when 80 % is spent, and when the month is forecast to cost more than all of it."""

    def __init__(
        self, scope: Construct, construct_id: str, *, name: str, environment: str, dollars: int, topic_arn: str
    ) -> None:
        super().__init__(scope, construct_id)
        subscriber = _BUDGET.SubscriberProperty(subscription_type="SNS", address=topic_arn)
        _BUDGET(
            self,
            "Budget",
            budget=_BUDGET.BudgetDataProperty(
                budget_name=name,
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=_BUDGET.SpendProperty(amount=dollars, unit="USD"),
                cost_filters={"TagKeyValue": [f"user:environment${environment}"]},
            ),
            notifications_with_subscribers=[
                _BUDGET.NotificationWithSubscribersProperty(
                    notification=_BUDGET.NotificationProperty(
                        notification_type=kind,
                        comparison_operator="GREATER_THAN",
                        threshold=share,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[subscriber],
                )
                for kind, share in (("ACTUAL", 80), ("FORECASTED", 100))
            ],
        )
