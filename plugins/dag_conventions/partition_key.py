"""The one partition that a run works on: given by its schedule, its asset or the API, or filled in by a person.

Airflow has a place for it, the run's partition key, which its form hides under *Advanced Options*. So each DAG that
works on one partition has a field of the form for the same, and takes the key from here alone, as a template.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException

from contracts.partitions import PartitionKeyError, parse_day_key, parse_hour_key
from dag_conventions.params import day_param, hour_param


@dataclass(frozen=True, kw_only=True)
class KeyField:
    """A field of the form that holds the partition key of a run by hand.

    :param name: of the field, and of the macro that templates call.
    :param example: of a key, for messages.
    :param parse: raises `PartitionKeyError` for what is no key.
    :param make_param: makes the field, of its description.
    """

    name: str
    example: str
    parse: Callable[[str], object]
    make_param: Callable[[str], Param]

    @property
    def template(self) -> str:
        """The key, for every task that needs it."""
        return f"{{{{ {self.expression} }}}}"

    @property
    def expression(self) -> str:
        """The same, to be part of a larger template."""
        return f"{self.name}(partition_key, params)"

    @property
    def macros(self) -> dict[str, Callable[..., str]]:
        """What the DAG must have as `user_defined_macros`, so that the template can be rendered."""
        return {self.name: self.key_of_run}

    def params(self, description: str) -> dict[str, Param]:
        """Return the field; a run by schedule leaves it empty."""
        return {self.name: self.make_param(f"{description} E.g. {self.example}. Runs by hand need it.")}

    def key_of_run(self, partition_key: str | None, params: Mapping[str, Any]) -> str:
        """Return the run's key; AirflowFailException, which ends the run at once, if there is none, or two."""
        filled_in = params[self.name]
        if partition_key and filled_in and partition_key != filled_in:
            raise AirflowFailException(
                f"the field {self.name} says {filled_in!r}, the partition key {partition_key!r}: trigger the DAG again "
                f"with {self.name} alone"
            )
        key = partition_key or filled_in
        if not key:
            raise AirflowFailException(
                f"this run does not say which {self.name.replace('_', ' ')} to work on: trigger the DAG again and fill "
                f"in the field {self.name}, e.g. {self.example} (by the API: partition_key)"
            )
        try:
            self.parse(key)
        except PartitionKeyError as error:
            raise AirflowFailException(f"{self.name}: {error}; trigger the DAG again with one") from error
        return str(key)


LANDING_HOUR: Final = KeyField(
    name="landing_hour", example="2026-11-22T10", parse=parse_hour_key, make_param=hour_param
)
EVENT_HOUR: Final = KeyField(name="event_hour", example="2026-11-22T10", parse=parse_hour_key, make_param=hour_param)
DAY: Final = KeyField(name="day", example="2026-11-22", parse=parse_day_key, make_param=day_param)
