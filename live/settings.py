"""The environment's variables → what the service needs to know: the same CLICKSTREAM_* as Airflow's services have."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from contracts.event_settings import EventSettingsError, event_settings_from
from contracts.names import LakeLocation
from live.errors import LiveSettingsError

_RAW, _WAREHOUSE, _DATABASE = "CLICKSTREAM_RAW_URI", "CLICKSTREAM_WAREHOUSE_URI", "CLICKSTREAM_DATABASE"
_BUFFER: Final = "CLICKSTREAM_BUFFER_SECONDS"
_ROLE: Final = "CLICKSTREAM_LIVE_ROLE_ARN"
#: Firehose's default, and its largest, in seconds.
_USUAL_BUFFER, _LARGEST_BUFFER = 300, 900


@dataclass(frozen=True, kw_only=True)
class LiveSettings:
    """Where the lake lies, how long Firehose buffers, and under which role to work, if not under the process's own."""

    lake: LakeLocation
    buffer_interval: timedelta
    role_arn: str | None = None


def settings_from(environ: Mapping[str, str]) -> LiveSettings:
    """Return the settings that `environ` holds; raise `LiveSettingsError` that names each missing or wrong variable."""
    wrong = []
    if missing := [name for name in (_RAW, _WAREHOUSE, _DATABASE) if not environ.get(name)]:
        wrong.append(
            f"{', '.join(missing)} not set: take them from the outputs of the stack (make outputs prints them), or "
            "from a demo that is up (. var/demo/environment.sh)"
        )
    buffer = environ.get(_BUFFER) or str(_USUAL_BUFFER)
    if not (buffer.isascii() and buffer.isdigit() and int(buffer) <= _LARGEST_BUFFER):
        wrong.append(f"{_BUFFER} is {buffer!r}; it must be Firehose's buffer interval in seconds, 0–{_LARGEST_BUFFER}")
    role = environ.get(_ROLE) or None
    if role is not None and not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:role/\S+", role):
        wrong.append(f"{_ROLE} is {role!r}; it must be the ARN of a role (the stack's output LiveRoleArn)")
    try:
        events = event_settings_from(environ)
    except EventSettingsError as error:
        wrong.append(str(error))
    if wrong:
        raise LiveSettingsError("; ".join(wrong))
    return LiveSettings(
        lake=LakeLocation(
            raw_uri=environ[_RAW].rstrip("/"),
            warehouse_uri=environ[_WAREHOUSE].rstrip("/"),
            database=environ[_DATABASE],
            events=events,
        ),
        buffer_interval=timedelta(seconds=int(buffer)),
        role_arn=role,
    )
