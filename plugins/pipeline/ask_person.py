"""A question → a task that waits for a person's answer: yes goes on, no and no answer skip what follows.

While it waits, the task is in Airflow's state `awaiting_input`: no worker, no slot of a pool and no triggerer holds it,
and the scheduler ends the wait at the deadline. The answer can come from the UI (*Required Actions*) or from the REST
API (`PATCH …/hitlDetails`). An answer changes nothing by itself: the tasks behind it do, and depend on its success.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Context
from airflow.sdk import timezone as clock
from airflow.sdk.exceptions import AirflowSkipException

from pipeline.question import Question
from pipeline.settings import PipelineSettings

#: SNS takes subjects of at most this many characters.
_SUBJECT: Final = 100
#: Reading figures and asking takes seconds; the wait is bounded by the deadline, not by this.
_ASKING: Final = timedelta(minutes=10)


class AskPersonOperator(HITLOperator):
    """Ask a person; succeed on `yes`, and skip, with the reason, on `no` or without an answer in time.

    :param question: called in the task with its context; it returns what to ask, or None if nobody has to be asked, and
        the task succeeds. It may raise `AirflowSkipException` if there is nothing to decide.
    :param yes: the answer upon which the run goes on.
    :param no: the other one, which is also taken at the deadline.
    :param otherwise: what `no` means, for the log and the notice, e.g. `nothing was changed`.
    :param settings: the environment's deadline, who may answer, and the topic that gets a notice of each question.
    """

    #: The texts are built when the task runs, from figures: nothing in them is a template.
    template_fields: Sequence[str] = ()

    def __init__(
        self,
        *,
        question: Callable[[Context], Question | None],
        yes: str,
        no: str,
        otherwise: str,
        settings: PipelineSettings,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            subject="a question that is built when the task runs",
            options=[yes, no],
            defaults=[no],
            response_timeout=settings.answer_within,
            execution_timeout=_ASKING,
            assigned_users=[{"id": user, "name": user} for user in settings.approvers],
            **kwargs,
        )
        self.question = question
        self.yes = yes
        self.no = no
        self.otherwise = otherwise
        self.answer_within = settings.answer_within
        self.topic = settings.alarm_topic
        self.notice = ""

    def execute(self, context: Context) -> Any:
        """Ask and wait; return at once if nobody has to be asked."""
        question = self.question(context)
        if question is None:
            self.log.info("nobody is asked: the run was started with `apply`")
            return "nobody was asked"
        deadline = f"{clock.utcnow() + self.answer_within:%Y-%m-%d %H:%M} UTC"
        self.subject = question.subject
        self.body = f"{question.body}\n\nAnswer by **{deadline}**; without an answer it is *{self.no}*."
        self.notice = (
            f"{question.subject}\nAnswer by {deadline}: {self._link(context)}\n"
            f"Without an answer it is '{self.no}': {self.otherwise}."
        )
        self.notifiers = [self._send_notice] if self.topic else []  # type: ignore[list-item]
        self.log.info("%s Answer by %s; without an answer it is %r", question.subject, deadline, self.no)
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> str:
        """Return who said yes; raise AirflowSkipException that says who said no, or that nobody answered."""
        given = super().execute_complete(context=context, event=event)
        by, answers = given["responded_by_user"], given["chosen_options"]
        if answers == [self.yes] and by:
            self.log.info("%s: %s", by["name"], self.yes)
            return f"{self.yes}, by {by['name']}"
        hours = self.answer_within.total_seconds() / 3600
        who = f"{by['name']} answered {self.no!r}" if by else f"nobody answered within {hours:g} hours"
        reason = f"{who}: {self.otherwise}"
        self.log.info(reason)  # Airflow logs the reason of a skip as a field beside the line
        raise AirflowSkipException(reason)

    def _link(self, context: Context) -> str:
        """Return the address of the question; where Airflow does not know its own address, say where to look."""
        asking = context["task_instance"]
        try:
            return self.generate_link_to_ui(task_instance=asking)
        except ValueError:
            return (
                f"Required Actions in Airflow's UI, {asking.dag_id} {asking.run_id} (with [api] base_url set in "
                "Airflow's configuration, here is a link)"
            )

    def _send_notice(self, context: Context) -> None:
        """Send the notice; one that cannot be sent is an error in the log, and the question is asked all the same."""
        from airflow.providers.amazon.aws.notifications.sns import SnsNotifier  # it takes a second, at every parse

        subject = f"Clickstream asks: {self.subject}"[:_SUBJECT]
        try:
            SnsNotifier(target_arn=self.topic or "", subject=subject, message=self.notice)(context)
        except Exception:
            self.log.exception("the notice could not be sent to %s", self.topic)
