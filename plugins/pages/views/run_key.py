"""A run that somebody looks at in Airflow → the hour or the day that it wrote, and what to say of other DAGs.

The tab on a DAG's and a run's page names the DAG and the run. Airflow knows the run's partition key, which is handed on
as `run_key`.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final

from contracts.partitions import PartitionKeyError, day_of, parse_day_key, parse_hour_key
from contracts.stages import STAGES
from pages.panels import Link, Note, Panel, Tone
from pages.selection import Selection

_SHOWN: Final = 60
#: The DAGs that write hours, days and weeks, by what their partition is.
_WRITERS: Final = frozenset({"transform_events", *(f"aggregate_{stage.unit}" for stage in STAGES[1:])})
#: Other DAGs of the pipeline, and the view that is about what they do.
_OTHERS: Final[Mapping[str, str]] = {
    "reconcile_hours": "trust",
    "erase_user": "trust",
    "maintain_tables": "trust",
    "replay_rejected": "rejected",
    "scale_event_stream": "scaling",
}


def chosen_day(selection: Selection, *, default: date) -> date:
    """Return the day that is chosen, else that of the hour, else that of the run; raise `QueryError`."""
    hour = selection.hour()
    key = _key(selection)
    found = day_of(hour) if hour else day_of(key) if isinstance(key, datetime) else key
    return selection.day(default=min(found, selection.today) if found else default)


def chosen_hour(selection: Selection) -> datetime | None:
    """Return the hour that is chosen, or that a run wrote."""
    key = _key(selection)
    return selection.hour() or (key if isinstance(key, datetime) else None)


def run_note(selection: Selection) -> Sequence[Panel]:
    """Return what to say of the DAG or the run whose tab this is."""
    dag, run = selection.text("dag"), selection.text("run")
    if not dag:
        return ()
    named = dag.split("__")[0]
    if named in _OTHERS:
        return [_note(f"{named} writes no hour of its own.", Link(text="What it is about", view=_OTHERS[named]))]
    if named not in _WRITERS:
        shown = dag if len(dag) <= _SHOWN else f"{dag[:_SHOWN]}…"
        return [_note(f"{shown} is no DAG of the clickstream: this is the lake as it is.", None)]
    if not run:
        return ()
    key = _key(selection)
    if key is None:
        return [_note(f"This run of {named} names no hour or day: here is the day that is open.", None)]
    return [_note(f"This run of {named} wrote {selection.text('run_key')}.", None)]


def _key(selection: Selection) -> datetime | date | None:
    text = selection.text("run_key")
    for parse in (parse_hour_key, parse_day_key):
        try:
            return parse(text)
        except PartitionKeyError:
            continue
    return None


def _note(sentence: str, link: Link | None) -> Note:
    return Note(id="run", title="", tone=Tone.INFO, sentence=sentence, link=link)
