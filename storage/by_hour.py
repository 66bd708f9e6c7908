"""Landing hours → the raw objects that lie under their prefixes."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Protocol

from contracts.partitions import RAW_PREFIX, PartitionKeyError, hours_between, landing_hour_of_key, landing_prefix
from contracts.versions import RawObject

LandedObjects = Mapping[datetime, tuple[RawObject, ...]]


class Listing(Protocol):
    """What these functions ask of an `ObjectStore`."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys of the objects below a prefix."""
        ...

    def objects(self, prefix: str) -> Iterator[RawObject]:
        """Yield the objects below a prefix."""
        ...


def landed_objects(store: Listing, landing_hours: Collection[datetime]) -> LandedObjects:
    """Return the objects of each of the landing hours, sorted by key; hours of one day cost one listing."""
    landed: dict[datetime, list[RawObject]] = {hour: [] for hour in landing_hours}
    for prefix in _prefixes(landing_hours):
        for listed in store.objects(prefix):
            hour = _landing_hour(listed.key)
            if hour in landed:
                landed[hour].append(listed)
    return {hour: tuple(sorted(objects)) for hour, objects in landed.items()}


def landed_between(store: Listing, start: datetime, end: datetime) -> LandedObjects:
    """Return the objects of the landing hours of `[start, end)` that have one."""
    landed = landed_objects(store, list(hours_between(start, end)))
    return {hour: objects for hour, objects in landed.items() if objects}


def all_landed_objects(store: Listing) -> LandedObjects:
    """Return the objects of every landing hour that has one."""
    landed: defaultdict[datetime, list[RawObject]] = defaultdict(list)
    for listed in store.objects(""):
        hour = _landing_hour(listed.key)
        if hour is not None:
            landed[hour].append(listed)
    return {hour: tuple(sorted(landed[hour])) for hour in sorted(landed)}


def landed_hours(store: Listing) -> list[datetime]:
    """Return, in order, the landing hours that have an object."""
    return sorted({hour for key in store.keys("") if (hour := _landing_hour(key)) is not None})


def _prefixes(landing_hours: Collection[datetime]) -> Iterator[str]:
    """Yield the prefixes to list: an hour's where its day has no other, else the day's."""
    days: defaultdict[str, list[str]] = defaultdict(list)
    for hour in sorted(landing_hours):
        prefix = landing_prefix(hour).removeprefix(RAW_PREFIX)
        days[prefix.partition("/")[0] + "/"].append(prefix)
    for day, hours in days.items():
        yield hours[0] if len(hours) == 1 else day


def _landing_hour(key: str) -> datetime | None:
    """Return the landing hour that an object lies under; None for what else there may be below the raw prefix."""
    try:
        return landing_hour_of_key(key)
    except PartitionKeyError:
        return None
