"""Figures → the question that a person reads in Airflow's UI: a headline, and a body in Markdown.

A body says what will happen, what cannot be undone, and what happens without an answer. It has figures and never an id
of a user: whoever may see the run reads it, and Airflow keeps it with the run.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from contracts.estimates import ShownEstimate

if TYPE_CHECKING:  # it imports pyiceberg, which a DAG file must not when parsed
    from contracts.data_checks import CheckResult
    from pipeline.lake_status.held_back import FailureNow

#: What an estimate saw is minutes or hours old when it is applied.
_LATER: Final = (
    "Counted at {counted_at:%Y-%m-%d %H:%M} UTC. It is applied to what is stored *then*: what has come in since is "
    "included, so its figures may be larger."
)
_NAMED_AT_MOST: Final = 10
#: What Markdown would take for the end of a table's cell, or for a tag.
_ESCAPED: Final = str.maketrans({"|": "\\|", "\n": " ", "<": "&lt;"})


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a person is asked: the headline, which also notices show, and the figures."""

    subject: str
    body: str


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Return a table in Markdown; the columns in `right` are aligned to the right, as figures are."""
    marks = ["---:" if column in right else "---" for column in range(len(head))]
    lines = [head, marks, *([text.translate(_ESCAPED) for text in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def markdown_list(items: Iterable[str]) -> str:
    """Return a list in Markdown."""
    return "\n".join(f"* {item}" for item in items)


def erasure_question(shown: ShownEstimate, *, users: int, discard_unreadable: bool) -> Question:
    """Return the question whether to erase so many users."""
    who = "1 user" if users == 1 else f"{users} users"
    nothing = "**No row and no raw object holds them now.** Their events are refused all the same, and all is searched."
    happens = [
        "Their lines go out of the raw objects, and their rows out of every table.",
        "Their events are refused from then on, by the hashes of their ids.",
        "Every stored object is searched; the run is green only if nothing is left.",
        "No other Spark task runs meanwhile: the erasure takes all slots of the pool `spark`.",
    ]
    if discard_unreadable:
        happens.append("Raw and error objects that can't be read are emptied (`discard_unreadable` is ticked).")
    lost = "It cannot be undone: the lines are gone, and so are all snapshots of every table but the current ones."
    return Question(
        subject=f"Erase {who}, for good?",
        body=_joined(
            _figures(shown),
            *([nothing] if shown.is_empty else []),
            "If you approve:",
            markdown_list(happens),
            f"**{lost}**",
            "If you reject, or nobody answers, nothing changes. The ids are in the run's configuration alone.",
        ),
    )


def replay_question(shown: ShownEstimate) -> Question:
    """Return the question whether to transform landing hours again whose rejected lines would be events today."""
    happens = [
        "These landing hours are transformed again from their raw objects, by the rules that are deployed *then*.",
        "The event hours, days and weeks behind them are written again; readers see other figures of the past.",
        "Nothing is moved from one table to another, so nothing is counted twice.",
    ]
    return Question(
        subject="Transform landing hours again whose rejected lines are good today?",
        body=_joined(
            _figures(shown),
            "If you approve:",
            markdown_list(happens),
            "It replaces rows, and can be repeated. To go back, deploy the former rules and transform the hours again.",
            "If you reject, or nobody answers, nothing changes.",
        ),
    )


def check_question(failure: "FailureNow") -> Question:
    """Return the question whether what was found is right, though a data check of severity `fail` did not hold."""
    named, units = failure.failed.named, failure.units
    one = len(failure.results) == 1
    writes = [f"`aggregate_{unit.stage.unit}` with **{unit}**" for unit in units[:_NAMED_AT_MOST]]
    if len(units) > _NAMED_AT_MOST:
        writes.append(f"and {len(units) - _NAMED_AT_MOST} more")
    others = sorted(failure.also_failed.values())
    also = f"**Also failed**, and read by the same: {', '.join(others)}. They are written with it." if others else ""
    return Question(
        subject=f"{named[0].upper()}{named[1:]}: {_count(len(failure.results), 'data check')} failed. Is it right?",
        body=_joined(
            f"{'A data check' if one else 'Data checks'} of severity `fail` did not hold in {named}. Its rows are in "
            "their tables, to be looked at; what would be written from them is held back.",
            markdown_table(
                ("check", "found", "expected", "usual", "detail"),
                [_found(result, failure.usual.get(result.check_name)) for result in failure.results],
                right=(1, 3),
            ),
            markdown_list(f"`{name}`: {sentence}" for name, sentence in _sentences(failure)),
            "What is usual is the median of the week before, or of the four weeks before a day.",
            *([also] if also else []),
            "If it is right, these are written by name, as by hand, each once it is over:",
            markdown_list(writes),
            "That says so once: what comes for them after that is held back again.",
            "If it is kept back, or nobody answers, all stays as it is: no run writes anything from it by itself, and "
            "it can be repaired, or written by name, at any time.",
        ),
    )


def _found(result: "CheckResult", usual: float | None) -> Sequence[str]:
    observed = "" if result.observed is None else f"{result.observed:,.6g}"
    middle = "not known" if usual is None else f"{usual:,.6g}"
    return f"`{result.check_name}`", observed, result.expected, middle, result.detail


def _sentences(failure: "FailureNow") -> Iterator[tuple[str, str]]:
    """Yield each failed check's name, and what it looks at."""
    sentences = {check.name: check.sentence for check in failure.failed.stage.checks}
    for result in failure.results:
        if result.check_name in sentences:
            yield result.check_name, sentences[result.check_name]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _figures(shown: ShownEstimate) -> str:
    table = markdown_table(("what", "how many"), shown.figures, right=(1,))
    return _joined(table, *shown.notes, _LATER.format(counted_at=shown.counted_at))


def _joined(*paragraphs: str) -> str:
    return "\n\n".join(paragraphs)
