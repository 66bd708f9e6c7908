"""The parts that fail without a word → alarms, one topic that tells people, one dashboard.

An alarm is for what costs events or hours if nobody looks: the API refuses, the stream is full, Firehose stands still
(its records expire with the stream's retention), nothing arrives at all. What a job finds in the data is the data
checks' matter, and a task that fails is Airflow's, which sends to the same topic. That hours are settled at
all, balance and pass their checks is watched by metrics of the DAGs' own (`contracts/metrics.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from contracts.metrics import DIMENSION, NAMESPACE, Metric
from infra.accepted import SUBSCRIPTION_FINDINGS, accept
from infra.settings import AlarmSettings

_Treat = cloudwatch.TreatMissingData


@dataclass(frozen=True, kw_only=True)
class Watched:
    """Names of what is watched, as CloudWatch's dimensions have them; `buffer` is Firehose's longest wait."""

    api: str
    stage: str
    database: str
    stream: str
    delivery_stream: str
    web_acl: str
    region: str
    buffer: Duration


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """An alarm: `metric` is above a number, or with `is_less` below it, in `periods` of its periods in a row."""

    name: str
    metric: cloudwatch.Metric
    threshold: float
    periods: int
    description: str
    is_less: bool = False
    missing: cloudwatch.TreatMissingData = _Treat.NOT_BREACHING


class Monitoring(Construct):
    """The topic, the alarms and the dashboard of one environment; `email`, if there is one, has to confirm itself."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        account: str,
        watched: Watched,
        settings: AlarmSettings,
        key: kms.IKey | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.topic = sns.Topic(self, "Topic", topic_name=f"{name}-alarms", enforce_ssl=True, master_key=key)
        # With a policy of its own the topic has no default one, by which the account's alarms may publish.
        services = ["cloudwatch", *(["budgets"] if settings.monthly_dollars else [])]
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                principals=[iam.ServicePrincipal(f"{service}.amazonaws.com") for service in services],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": account}},
            )
        )
        if settings.email is not None:
            subscription = sns.Subscription(
                self,
                "Email",
                topic=self.topic,
                protocol=sns.SubscriptionProtocol.EMAIL,
                endpoint=settings.email,
            )
            accept(subscription, SUBSCRIPTION_FINDINGS)
        rules = [*ingestion_rules(watched, settings), *pipeline_rules(watched.database)]
        for rule in rules:
            self._add(rule, name)
        self._add_dashboard(name, rules)

    def _add(self, rule: _Rule, prefix: str) -> None:
        less = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
        more = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
        alarm = cloudwatch.Alarm(
            self,
            "".join(word.capitalize() for word in rule.name.split("-")),
            alarm_name=f"{prefix}-{rule.name}",
            alarm_description=rule.description,
            metric=rule.metric,
            threshold=rule.threshold,
            comparison_operator=less if rule.is_less else more,
            evaluation_periods=rule.periods,
            treat_missing_data=rule.missing,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        alarm.add_ok_action(actions.SnsAction(self.topic))

    def _add_dashboard(self, name: str, rules: Sequence[_Rule]) -> None:
        """Add a graph of each alarm's metric, in the order in which an event passes through them."""
        dashboard = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=name)
        for rule in rules:
            dashboard.add_widgets(
                cloudwatch.GraphWidget(
                    title=rule.name.replace("-", " "),
                    left=[rule.metric],
                    left_annotations=[cloudwatch.HorizontalAnnotation(value=rule.threshold)],
                    width=8,
                )
            )


def ingestion_rules(watched: Watched, settings: AlarmSettings) -> list[_Rule]:
    five_minutes = Duration.minutes(5)

    def metric(namespace: str, name: str, statistic: str, period: Duration, **dimensions: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=namespace, metric_name=name, statistic=statistic, period=period, dimensions_map=dimensions
        )

    def of_api(name: str, statistic: str, period: Duration = five_minutes) -> cloudwatch.Metric:
        return metric("AWS/ApiGateway", name, statistic, period, ApiName=watched.api, Stage=watched.stage)

    def of_stream(name: str, statistic: str, period: Duration = five_minutes) -> cloudwatch.Metric:
        return metric("AWS/Kinesis", name, statistic, period, StreamName=watched.stream)

    def of_delivery(name: str, statistic: str) -> cloudwatch.Metric:
        return metric("AWS/Firehose", name, statistic, five_minutes, DeliveryStreamName=watched.delivery_stream)

    # A buffer may be 15 minutes long; three of them say that objects no longer come.
    oldest = max(3 * int(watched.buffer.to_seconds()), 900)
    return [
        _Rule(
            name="no-requests",
            metric=of_api("Count", "Sum", Duration.hours(1)),
            threshold=1,
            is_less=True,
            periods=settings.silent_hours,
            missing=_Treat.BREACHING,
            description=f"No request in {settings.silent_hours} h: a tracker, a proxy or a DNS record is broken.",
        ),
        _Rule(
            name="requests-refused",
            metric=of_api("4XXError", "Average"),
            threshold=settings.refused_share,
            periods=3,
            description="Too many requests get a 4xx. Among them 429: the stage's throttle or the stream is full.",
        ),
        _Rule(
            name="requests-failed",
            metric=of_api("5XXError", "Average"),
            threshold=0.01,
            periods=2,
            description="The API can't write to the stream. Clients send again; look at the stream and the API's role.",
        ),
        _Rule(
            name="requests-blocked",
            metric=metric(
                "AWS/WAFV2",
                "BlockedRequests",
                "Sum",
                five_minutes,
                WebACL=watched.web_acl,
                Region=watched.region,
                Rule="ALL",
            ),
            threshold=settings.blocked_requests,
            periods=2,
            description="The firewall blocks many requests: an attack, or visitors behind one address (address_limit).",
        ),
        _Rule(
            name="writes-throttled",
            metric=of_stream("WriteProvisionedThroughputExceeded", "Sum", Duration.minutes(1)),
            threshold=0,
            periods=10,
            description="Shards refuse writes for ten minutes: scaling is off, at its maximum, or out of calls.",
        ),
        _Rule(
            name="reads-late",
            metric=of_stream("GetRecords.IteratorAgeMilliseconds", "Maximum"),
            threshold=oldest * 1000,
            periods=2,
            description="Firehose does not keep up with the stream; what it has not read expires with the retention.",
        ),
        _Rule(
            name="deliveries-late",
            metric=of_delivery("DeliveryToS3.DataFreshness", "Maximum"),
            threshold=oldest,
            periods=2,
            description="The oldest record that is not in S3 is too old; Firehose's log group says why.",
        ),
        _Rule(
            name="deliveries-failed",
            metric=of_delivery("DeliveryToS3.Success", "Average"),
            threshold=1,
            is_less=True,
            periods=2,
            description="Firehose can't write objects: look at its log group, at the bucket and at the role's rights.",
        ),
    ]


def pipeline_rules(database: str) -> list[_Rule]:
    """Return the alarms on the metrics that the DAGs put, for the lake of one database."""

    def of_lake(name: Metric, statistic: str = "Sum") -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            statistic=statistic,
            period=Duration.hours(1),
            dimensions_map={DIMENSION: database},
        )

    return [
        _Rule(
            name="no-hour-settled",
            metric=of_lake(Metric.SETTLED_HOURS),
            threshold=1,
            is_less=True,
            periods=3,
            missing=_Treat.BREACHING,
            description="No landing hour was checked for three hours: Airflow or Spark stands still, or it fails.",
        ),
        _Rule(
            name="hours-late",
            metric=of_lake(Metric.SECONDS_BEHIND, "Maximum"),
            threshold=7_200,
            periods=2,
            description="Hours reach their tables over two hours after their end: too few slots, or a slow job.",
        ),
        _Rule(
            name="many-rejected",
            metric=of_lake(Metric.REJECTED_SHARE, "Maximum"),
            threshold=0.05,
            periods=2,
            description="Over 5 % of an hour's lines are no events: a client changed; see rejected_events.",
        ),
        _Rule(
            name="hours-unbalanced",
            metric=of_lake(Metric.UNBALANCED_HOURS),
            threshold=0,
            periods=1,
            description="The counts of an hour or a day do not add up: nothing was published from it.",
        ),
        _Rule(
            name="checks-failed",
            metric=of_lake(Metric.FAILED_CHECKS),
            threshold=0,
            periods=1,
            description="A data check did not hold, and what would be made from its hour is held back.",
        ),
        _Rule(
            name="scaling-stuck",
            metric=of_lake(Metric.SCALING_STUCK),
            threshold=0,
            periods=2,
            description="The stream needs more shards and is at its maximum, or out of calls: raise maximum_shards.",
        ),
    ]
