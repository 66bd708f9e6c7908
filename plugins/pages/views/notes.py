"""What stands where there is nothing to show: a sentence, and what to do to see something."""

from datetime import date

from contracts.stages import LANDING_HOURS, STAGES
from contracts.tables import SCALING_DECISIONS, Table
from pages.lake.reader import Lake
from pages.panels import Link, Note, Tone
from pages.selection import Selection


def nothing(lake: Lake, table: Table, selection: Selection, first: date, last: date) -> Note:
    """Return why a table has no rows for some days, and what to do."""
    dag = _dag_of(table)
    days = f"{first}" if first == last else f"{first} to {last}"
    if not lake.has(table):
        sentence = f"The table {table.name} is not there yet: no run of {dag} has written it."
        remedy = f"It is written from {table.made_from}. {_how(dag)}"
    elif last >= selection.today and dag == "aggregate_day":
        sentence = f"The table {table.name} has no rows of {days}."
        remedy = "A day's tables are written when the day is over. Choose an earlier day."
    else:
        sentence = f"The table {table.name} has no rows of {days}."
        remedy = f"Choose other days. If there should be some: {_how(dag)}"
    return Note(
        id="nothing",
        title="Nothing to show",
        tone=Tone.EMPTY,
        sentence=sentence,
        remedy=remedy,
        link=Link(text=dag, airflow=f"/dags/{dag}"),
    )


def information(id_: str, sentence: str, *, remedy: str = "", tone: Tone = Tone.INFO, link: Link | None = None) -> Note:
    """Return a sentence that a person should know beside the panels."""
    return Note(id=id_, title="", tone=tone, sentence=sentence, remedy=remedy, link=link)


def _dag_of(table: Table) -> str:
    if table is SCALING_DECISIONS:
        return "scale_event_stream"
    stage = next((stage for stage in STAGES if table in stage.written), LANDING_HOURS)
    return "transform_events" if stage is LANDING_HOURS else f"aggregate_{stage.unit}"


def _how(dag: str) -> str:
    if dag == "scale_event_stream":
        return "Unpause scale_event_stream: it notes a decision whenever something is close."
    if dag == "aggregate_day":
        return "Unpause aggregate_day, or trigger it with the day (docs/operations.md)."
    return f"Unpause transform_events and aggregate_hour, or trigger {dag} with the hour (docs/operations.md)."
