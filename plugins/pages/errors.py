"""Why a view can't be shown: each error says in a sentence what is wrong, with the value, and what to do about it.

PagesError
├── NotThereError           the address names no view, panel or file
├── QueryError              a choice in the address can't be used
├── LakeUnreachableError    the catalog or the bucket does not answer
└── BusyError               too many ask for what takes long

The app shows each as a note in the place of the picture. That nothing was written yet is no error: a view says so.
"""

from typing import ClassVar

from pages.panels import Tone


class PagesError(Exception):
    """A view can't be shown; `status` is the HTTP status that says so to a program."""

    status: ClassVar[int] = 500
    tone: ClassVar[Tone] = Tone.BROKEN

    def __init__(self, sentence: str, remedy: str) -> None:
        super().__init__(f"{sentence}; {remedy}")
        self.sentence = sentence
        self.remedy = remedy


class NotThereError(PagesError):
    """The address names no view, no panel of it, or no file."""

    status = 404
    tone = Tone.WARNING


class QueryError(PagesError):
    """A choice in the address can't be used."""

    status = 400
    tone = Tone.WARNING


class LakeUnreachableError(PagesError):
    """The catalog, the warehouse bucket or a file of a table does not answer."""

    status = 503


class BusyError(PagesError):
    """Too many ask for what takes long."""

    status = 503
    tone = Tone.WARNING
