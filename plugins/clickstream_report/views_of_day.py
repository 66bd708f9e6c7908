"""A lake and a day → the views that the report shows, as the pages compute them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Final

from clickstream_report.document import document
from contracts.names import EnvironmentNames, LakeLocation
from contracts.partitions import day_key
from pages.app import Views
from pages.lake.accepted import AcceptedReader
from pages.lake.iceberg import s3_properties
from pages.lake.reader import LakeReader
from pages.lake.tables import GlueCatalog
from pages.panels import Note, Panel, View
from pages.service import LakeViews
from pages.views import VIEWS

#: In the order of the report; the others are of the moment, or hold lines of visitors, which nobody should mail.
SHOWN: Final = ("today", "funnel", "paths", "retention", "products", "trust")
#: A file is written once: it waits so many seconds for what takes long, and then does without.
_PATIENCE: Final = 60.0
_PENDING: Final = "computing"


def views_of(lake: LakeLocation, environment: EnvironmentNames | None = None) -> Views:
    """Return the views of a lake; what its API accepted is known where the environment is."""
    reader = LakeReader(
        catalog=GlueCatalog(lake.database),
        properties=s3_properties(),
        accepted=AcceptedReader(environment) if environment else None,
        settings=lake.events,
        patience=_PATIENCE,  # nobody looks who could look again
    )
    return LakeViews(reader=reader, modules=VIEWS)


def report(views: Views, day: date, *, made_at: datetime | None = None) -> str:
    """Return the file of a day; raise `PagesError` if the lake does not answer."""
    query = {"day": day_key(day)}
    shown = [_still(views, view_id, query) for view_id in SHOWN]
    return document(day, shown, made_at or datetime.now(UTC))


def _still(views: Views, view_id: str, query: Mapping[str, str]) -> View:
    """Return a view without what needs a server: its choices, and that it will change."""
    view = views.answer(view_id, query).view
    title = "The day" if view_id == "today" else view.title
    panels = [_own_title(panel) for panel in view.panels if panel.id != _PENDING]
    return replace(view, title=title, panels=panels, controls=(), refresh_seconds=0)


def _own_title(panel: Panel) -> Panel:
    # Its remedy is for who can open another day.
    return replace(panel, remedy="") if isinstance(panel, Note) and panel.tone == "empty" else panel
