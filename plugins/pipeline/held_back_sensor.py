"""What a person found right, though a check failed → the run that writes it by name, once its hours or days are over.

Between two looks the task holds no worker: a day may take until midnight, a week until Sunday.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue
from airflow.sdk.exceptions import AirflowSkipException

from contracts.names import LakeLocation
from contracts.partitions import key_text

if TYPE_CHECKING:  # it imports pyiceberg, which a DAG file must not when parsed
    from pipeline.lake_status.held_back import Unit

#: A week that a failed Monday holds back is over within seven days; then its last hours settle.
OVER_WITHIN: Final = timedelta(days=10)
_LOOK_EVERY: Final = timedelta(minutes=10)


class HeldBackSensor(BaseSensorOperator):
    """Wait until keys that are held back are over; return the DAG that writes them, and the fields of its form.

    It skips if they are held back no more, or also by a failure that the person was not shown.

    :param lake: where the ledgers are.
    :param held: the keys, as `held_back_text` writes them. (templated)
    :param shown: the identities of the failures that the person was shown. (templated)
    """

    template_fields: Sequence[str] = ("held", "shown")

    def __init__(self, *, lake: LakeLocation, held: Any, shown: Any, **kwargs: Any) -> None:
        super().__init__(
            mode="reschedule",
            poke_interval=_LOOK_EVERY.total_seconds(),
            timeout=OVER_WITHIN.total_seconds(),
            **kwargs,
        )
        self.lake = lake
        self.held = held
        self.shown = shown

    def poke(self, context: Context) -> PokeReturnValue:  # noqa: ARG002
        """Look once."""
        from pipeline.lake_status.held_back import writable

        unit = held_back_from(self.held)
        found = writable(self.lake, unit, self.shown)
        if found.reason:
            raise AirflowSkipException(found.reason)
        if found.unit is None:
            self.log.info("%s %s is not over yet", unit.stage.title, unit)
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=run_by_name(found.unit))


def held_back_text(unit: "Unit") -> dict[str, str]:
    """Return keys that are held back as text that travels between tasks."""
    return {"stage": unit.stage.name, "first": key_text(unit.first), "last": key_text(unit.last)}


def held_back_from(text: Mapping[str, str]) -> "Unit":
    """Return keys that are held back, parsed from the text that travels between tasks."""
    from pipeline.lake_status.held_back import Unit, stage_named

    stage: Any = stage_named(text["stage"])
    return Unit(stage=stage, first=stage.parse(text["first"]), last=stage.parse(text["last"]))


def run_by_name(unit: "Unit") -> dict[str, Any]:
    """Return the DAG that writes keys, and the fields of its form, as a person would fill them in."""
    fields = {unit.stage.name: key_text(unit.first)}
    if unit.last != unit.first:
        fields["to"] = key_text(unit.last)
    return {"dag_id": f"aggregate_{unit.stage.unit}", "fields": fields}
