"""Raw objects of a lake in a directory, line by line, and what an entry point is told of that lake."""

import gzip
import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from contracts.envelope import Stamp, envelope_line, epoch_ms
from contracts.partitions import landing_prefix
from spark_jobs.lake.lake import Lake


def line(
    event_time: datetime, click_id: str, *, received_at: datetime | None = None, user_agent: str = "test", **more: Any
) -> bytes:
    """Return the raw line of user 1's Search, or of what `more` says, received when it happens unless it says when."""
    event = {"timestamp": f"{event_time:%Y-%m-%d %H:%M:%S}", "user_id": "1", "click_id": click_id}
    stamp = Stamp(
        received_at=epoch_ms(received_at or event_time), request_id="r", source_ip="192.0.2.1", user_agent=user_agent
    )
    return envelope_line(stamp, json.dumps(event | {"event_name": "Search"} | more).encode())


def lay_down(lake: Lake, landing_hour: datetime, name: str, lines: Iterable[bytes]) -> str:
    """Write an object, whole; return its key as the jobs name it."""
    raw = Path(lake.raw_uri)
    below = f"{landing_prefix(landing_hour).removeprefix('raw/')}{name}.gz"
    path = raw / below
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(b"".join(lines)))
    return f"{raw.name}/{below}"


def arguments(lake: Lake, *more: str) -> list[str]:
    """Return the command line that names the lake, and more of it."""
    return ["--raw-uri", lake.raw_uri, "--warehouse-uri", lake.warehouse_uri, "--database", lake.database, *more]
