"""A person's yes is the only answer upon which a run goes on, and the wait for it has an end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.operators import hitl
from airflow.sdk.exceptions import AirflowSkipException, TaskAwaitingInput

from pipeline.ask_person import AskPersonOperator
from pipeline.question import Question
from pipeline.settings import PipelineSettings, settings_from
from tests.airflow_home import PIPELINE_ENVIRONMENT

pytestmark = pytest.mark.airflow

SETTINGS = replace(settings_from(PIPELINE_ENVIRONMENT), answer_within=timedelta(hours=24), approvers=("ann", "ben"))
ASKED = Question(subject="Erase 2 users, for good?", body="| what | how many |")
TOPIC = "arn:aws:sns:eu-central-1:123456789012:clickstream-prod-alarms"
CONTEXT: Any = {
    "task_instance": SimpleNamespace(id="1", map_index=-1, dag_id="erase_user", run_id="run", task_id="approve")
}


class Notices:
    """Keeps what was published to the topic."""

    def __init__(self) -> None:
        self.published: list[dict[str, Any]] = []

    def publish_to_target(self, **notice: Any) -> None:
        self.published.append(notice)


def asking(question: Question | None = ASKED, settings: PipelineSettings = SETTINGS) -> AskPersonOperator:
    return AskPersonOperator(
        task_id="approve",
        question=lambda _: question,
        yes="Approve",
        no="Reject",
        otherwise="nothing was changed",
        settings=settings,
    )


def answered(option: str, by: str | None) -> dict[str, Any]:
    return {
        "chosen_options": [option],
        "params_input": {},
        "responded_at": datetime(2026, 11, 22, 10, tzinfo=UTC),
        "responded_by_user": by and {"id": by, "name": by},
    }


@pytest.fixture
def details(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What Airflow is given to show to a person."""
    kept: list[dict[str, Any]] = []
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **detail: kept.append(detail))
    return kept


def test_it_asks_and_waits_for_as_long_as_the_settings_say_and_no_longer(details: list[dict[str, Any]]) -> None:
    with pytest.raises(TaskAwaitingInput) as waiting:
        asking().execute(CONTEXT)

    [detail] = details
    assert waiting.value.timeout == timedelta(hours=24)
    assert detail["subject"] == "Erase 2 users, for good?"
    assert detail["body"].startswith("| what | how many |\n\nAnswer by **")
    assert detail["body"].endswith("UTC**; without an answer it is *Reject*.")
    assert (detail["options"], detail["defaults"]) == (["Approve", "Reject"], ["Reject"])
    assert [user["id"] for user in detail["assigned_users"]] == ["ann", "ben"]


def test_it_asks_nobody_if_there_is_no_question(details: list[dict[str, Any]]) -> None:
    assert asking(question=None).execute(CONTEXT) == "nobody was asked"
    assert details == []


def test_a_person_s_yes_lets_the_run_go_on() -> None:
    assert asking().execute_complete(CONTEXT, answered("Approve", "ann")) == "Approve, by ann"


@pytest.mark.parametrize(
    ("option", "by", "reason"),
    [
        pytest.param("Reject", "ann", "ann answered 'Reject': nothing was changed", id="rejected"),
        pytest.param("Reject", None, "nobody answered within 24 hours: nothing was changed", id="deadline"),
        pytest.param("Approve", None, "nobody answered within 24 hours: nothing was changed", id="nobody-said-yes"),
    ],
)
def test_anything_else_skips_what_follows_and_says_why(option: str, by: str | None, reason: str) -> None:
    with pytest.raises(AirflowSkipException) as skipped:
        asking().execute_complete(CONTEXT, answered(option, by))

    assert str(skipped.value) == reason


def test_a_notice_of_each_question_goes_to_the_topic_with_a_link_and_what_no_answer_means(
    details: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.providers.amazon.aws.notifications.sns import SnsNotifier

    notices = Notices()
    monkeypatch.setattr(SnsNotifier, "hook", notices)
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.org")
    task = asking(settings=replace(SETTINGS, alarm_topic=TOPIC))
    context: Any = {**CONTEXT, "task": task}

    with pytest.raises(TaskAwaitingInput):
        task.execute(context)

    [notice] = notices.published
    assert (notice["target_arn"], notice["subject"]) == (TOPIC, "Clickstream asks: Erase 2 users, for good?")
    assert "https://airflow.example.org/dags/erase_user/runs/run/tasks/approve/required_actions" in notice["message"]
    assert notice["message"].endswith("Without an answer it is 'Reject': nothing was changed.")


def test_a_notice_that_cannot_be_sent_or_has_no_link_keeps_nobody_from_being_asked(
    details: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.providers.amazon.aws.notifications.sns import SnsNotifier

    monkeypatch.setattr(SnsNotifier, "hook", None)
    task = asking(settings=replace(SETTINGS, alarm_topic=TOPIC))
    context: Any = {**CONTEXT, "task": task}

    with pytest.raises(TaskAwaitingInput):
        task.execute(context)

    assert len(details) == 1
    assert "Required Actions in Airflow's UI, erase_user run" in task.notice
