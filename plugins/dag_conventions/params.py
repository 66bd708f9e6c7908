"""What a person fills in when starting a run by hand: the form's fields, and how they become arguments of a Spark job.

A task's arguments are templates, and one that renders to nothing is left out: so an empty field is no argument.
"""

from collections.abc import Iterable
from typing import Final

from airflow.sdk import Param

#: An argument: present only if the box `apply` was ticked.
APPLY: Final = "{{ '--apply' if params.apply else '' }}"


def hour_param(description: str) -> Param:
    """Return an optional field that holds an hour's key."""
    return Param(None, type=["null", "string"], pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}$", description=description)


def day_param(description: str) -> Param:
    """Return an optional field that holds a day, picked from a calendar."""
    return Param(None, type=["null", "string"], format="date", description=description)


def hours_param(description: str, *, at_least: int) -> Param:
    """Return an optional field that holds a number of hours, at least so many."""
    return Param(None, type=["null", "integer"], minimum=at_least, description=description)


def choice_param(choices: Iterable[str], description: str) -> Param:
    """Return a field in which some of `choices` can be picked; at first none is."""
    names = [str(choice) for choice in choices]
    # `enum` is what is checked, `examples` what the form offers.
    return Param(
        [], type=["null", "array"], items={"type": "string", "enum": names}, examples=names, description=description
    )


def apply_param(description: str) -> Param:
    """Return the box without which a run only looks: a form that is sent off by mistake changes nothing."""
    return Param(False, type="boolean", title="apply", description=description)


def chosen_arguments(option: str, param: str, choices: Iterable[str]) -> list[str]:
    """Return `--option=choice` for each of `choices`, as a template that is empty unless it was picked in `param`."""
    return [f"{{{{ '{option}={choice}' if '{choice}' in (params['{param}'] or []) else '' }}}}" for choice in choices]


def optional_argument(option: str, param: str) -> str:
    """Return `--option=` and the field's value, as a template that is empty if the field is."""
    return f"{{{{ '{option}=' ~ params['{param}'] if params['{param}'] is not none else '' }}}}"
