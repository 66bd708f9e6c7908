"""Which raw objects lie under landing hours."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from contracts.versions import RawObject
from storage.by_hour import all_landed_objects, landed_between, landed_hours, landed_objects

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


class ListedStore:
    """A store of objects in memory that remembers which prefixes were listed."""

    def __init__(self, *keys: str) -> None:
        self._objects = [RawObject(key=key, etag=key, size=1) for key in keys]
        self.prefixes: list[str] = []

    def keys(self, prefix: str) -> Iterator[str]:
        return (entry.key for entry in self.objects(prefix))

    def objects(self, prefix: str) -> Iterator[RawObject]:
        self.prefixes.append(prefix)
        return (entry for entry in self._objects if entry.key.startswith(f"raw/{prefix}"))


def keys(objects: tuple[RawObject, ...]) -> list[str]:
    return [raw_object.key for raw_object in objects]


def test_an_hour_has_exactly_the_objects_under_its_prefix_sorted() -> None:
    at = "raw/landing_date=2026-11-22/landing_hour="
    store = ListedStore(f"{at}10/b.gz", f"{at}10/a.gz", f"{at}11/c.gz")
    landed = landed_objects(store, [TEN])
    assert {hour: keys(objects) for hour, objects in landed.items()} == {TEN: [f"{at}10/a.gz", f"{at}10/b.gz"]}
    assert store.prefixes == ["landing_date=2026-11-22/landing_hour=10/"]


def test_an_hour_without_objects_is_an_hour_all_the_same() -> None:
    assert landed_objects(ListedStore(), [TEN, TEN + HOUR]) == {TEN: (), TEN + HOUR: ()}


def test_a_range_has_only_its_hours_with_objects() -> None:
    at = "raw/landing_date=2026-11-22/landing_hour="
    store = ListedStore(f"{at}10/a.gz", f"{at}20/b.gz")
    assert list(landed_between(store, TEN - HOUR, TEN + 2 * HOUR)) == [TEN]


def test_hours_of_one_day_cost_one_listing() -> None:
    store = ListedStore()
    landed_objects(store, [TEN + n * HOUR for n in range(20)])
    assert store.prefixes == ["landing_date=2026-11-22/", "landing_date=2026-11-23/"]


def test_what_lies_under_no_landing_hour_is_not_ours() -> None:
    at = "raw/landing_date=2026-11-22/landing_hour="
    store = ListedStore("raw/README", f"{at}99/x.gz", f"{at}10/a.gz")
    assert list(all_landed_objects(store)) == landed_hours(store) == [TEN]
