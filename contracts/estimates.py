"""What a job says of a change before it is made: a small document, by which a person decides whether to apply it.

A job prints its estimate for a person who runs it by hand. Airflow asks a person in its UI, and the job may have run on
another machine: so the job also writes the figures as an object beside the tables, where Airflow's task reads them. The
document counts, and never names a user: it is kept, and shown to all who may answer.
"""

import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

#: Below the warehouse's prefix, where jobs may write and Airflow may read. A document has about a kilobyte.
_PREFIX: Final = "estimates/"
_DOCUMENT: Final = "figures.json"
#: `dag/run`, of the characters that Airflow takes in the id of a run.
_NAME: Final = re.compile(r"[\w.~:+-]+(/[\w.~:+-]+)*", re.ASCII)


class EstimateError(ValueError):
    """A text is no name of an estimate, or no estimate; the message says what is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class ShownEstimate:
    """What would change, for a person: `figures` are pairs of what is counted and how many, `notes` are sentences.

    `is_empty` says that applying it would change nothing that is stored now.
    """

    counted_at: datetime
    is_empty: bool
    figures: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Return the document."""
        return json.dumps(asdict(self), indent=2, default=datetime.isoformat)


def estimate_from(text: str | bytes) -> ShownEstimate:
    """Return the estimate of a document; raise `EstimateError` if it is none."""
    try:
        found = json.loads(text)
        return ShownEstimate(
            counted_at=datetime.fromisoformat(found["counted_at"]),
            is_empty=bool(found["is_empty"]),
            figures=tuple((str(what), str(count)) for what, count in found["figures"]),
            notes=tuple(map(str, found["notes"])),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise EstimateError(f"that is no estimate: {error!r}") from error


def estimate_prefix(name: str) -> str:
    """Return the prefix, below the warehouse's, of an estimate's document; raise `EstimateError` for a wrong name."""
    if not _NAME.fullmatch(name) or ".." in name.split("/"):
        raise EstimateError(
            f"{name!r} is no name of an estimate: write letters, digits and . _ ~ : + - between slashes"
        )
    return f"{_PREFIX}{name}/"


def estimate_object(name: str) -> str:
    """Return the name of an estimate's document, below the warehouse's prefix."""
    return estimate_prefix(name) + _DOCUMENT
