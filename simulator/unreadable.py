"""Raw objects that can't be decompressed: what a broken delivery leaves among good objects.

Each is a GZIP file cut in the middle. Its lines are good events of no manifest, so that a reader which takes half an
object shows in the counts.
"""

from datetime import datetime, timedelta
from gzip import compress

from contracts.partitions import hours_between
from simulator.event_time import HOUR_US, MINUTE_US, epoch_us
from simulator.history_slice import raw_line
from simulator.manifest import Tally
from simulator.raw_target import object_name
from simulator.wire import event_json
from simulator.world import World
from storage.object_store import ObjectStore

_EVENTS = 200
_AT = timedelta(minutes=30)


def write_unreadable_objects(
    target: ObjectStore, world: World, hours: tuple[datetime, datetime], *, count: int, delivery_stream: str
) -> Tally:
    """Write `count` cut objects, in turn under the landing hours of `[hours[0], hours[1])`, and return their counts."""
    tally = Tally()
    landing_hours = list(hours_between(*hours))
    for number in range(count):
        moment = landing_hours[number % len(landing_hours)] + _AT
        whole = compress(_lines(world, epoch_us(moment) + number * MINUTE_US), mtime=0)
        cut = whole[: len(whole) // 2]
        target.put(object_name(delivery_stream, moment, f"{world.seed}/unreadable/{number}"), cut)
        tally.unreadable_objects[epoch_us(moment) // HOUR_US] += 1
        tally.objects += 1
        tally.compressed_bytes += len(cut)
    return tally


def _lines(world: World, at: int) -> bytes:
    sessions = world.minute(at // MINUTE_US, _EVENTS)
    return b"".join(raw_line(event, event_json(event).encode(), at) for session in sessions for event in session)
