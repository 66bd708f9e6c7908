"""Hours or days that a run left, since a data check of their input failed → a note for its last line."""

from collections.abc import Iterable


def held_back_note(failed_in: str, keys: Iterable[str]) -> str:
    """Return a clause that names the hours or days by their keys, and what to look at; nothing if there are none."""
    named = " ".join(keys)
    return f"; held back by a failed data check of a {failed_in} (see data_checks): {named}" if named else ""
