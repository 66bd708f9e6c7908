"""Public shop data sets as events: a third party's CSV in, the JSON lines that `make run` takes out.

retentioneering: `datasets/ecom.csv.gz` of the PyPI package retentioneering 5.2.4, Apache-2.0, synthetic shop events.
rees46: "eCommerce behavior data from multi category store" (REES46 Marketing Platform, on Kaggle), free to use with a
link to the data set's page; it is not part of this repository.
"""

import csv
import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Literal, TextIO, cast

Row = dict[str, str]
Event = dict[str, Any]

_RETENTIONEERING_NAMES: Final = {
    "search": "Search",
    "product_view": "ViewContent",
    "add_to_cart": "AddToCart",
    "purchase": "Purchase",
}
_REES46_NAMES: Final = {"view": "ViewContent", "cart": "AddToCart", "purchase": "Purchase"}


def retentioneering_event(number: int, row: Row) -> Event:
    """Return the event of a row of `ecom.csv`; events outside the funnel keep their names, as custom events."""
    return {
        "timestamp": row["timestamp"],
        "user_id": row["user_id"],
        "click_id": f"retentioneering-{number}",
        "event_name": _RETENTIONEERING_NAMES.get(row["event"], row["event"]),
        "platform": row["platform"],
        "session_id": row["session_id"],
    }


def rees46_event(number: int, row: Row) -> Event:
    """Return the event of a row of a REES46 month; it has no event id, so the row number makes one."""
    return {
        "timestamp": row["event_time"].removesuffix(" UTC"),
        "user_id": row["user_id"],
        "click_id": f"rees46-{number}",
        "event_name": _REES46_NAMES.get(row["event_type"], row["event_type"]),
        "additional_data": {"product_id": row["product_id"], "price": float(row["price"])},
        "session_id": row["user_session"],
    }


CONVERTERS: Final[dict[str, Callable[[int, Row], Event]]] = {
    "retentioneering": retentioneering_event,
    "rees46": rees46_event,
}


def converted(data_set: str, rows: Iterable[Row]) -> Iterator[Event]:
    """Yield the events of a data set's rows, in order."""
    convert = CONVERTERS[data_set]
    return (convert(number, row) for number, row in enumerate(rows, start=1))


def convert_file(data_set: str, source: Path, target: Path) -> int:
    """Convert one file, each of both .gz or not; return the number of events."""
    events = 0
    with _text(source, "rt") as rows, _text(target, "wt") as lines:
        for event in converted(data_set, csv.DictReader(rows)):
            lines.write(json.dumps(event, separators=(",", ":")) + "\n")
            events += 1
    return events


def _text(path: Path, mode: Literal["rt", "wt"]) -> TextIO:
    opener = gzip.open if path.suffix == ".gz" else Path.open
    return cast(TextIO, opener(path, mode, encoding="utf-8", newline=""))
