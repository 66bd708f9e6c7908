"""A survey of raw folders finds what no job would list, and costs a look at each day of the range at most."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from contracts.raw_survey import Level, survey_raw

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
AT_TEN = "raw/landing_date=2026-11-22/landing_hour=10/"


class Tree:
    """Keys in memory that remembers what was looked at."""

    def __init__(self, *keys: str) -> None:
        self._keys = keys
        self.looked_at: list[str] = []

    def level(self, prefix: str) -> Level:
        self.looked_at.append(prefix)
        below = [key.removeprefix(f"raw/{prefix}") for key in self.keys(prefix)]
        folders = {f"{prefix}{name.partition('/')[0]}/" for name in below if "/" in name}
        return Level(
            folders=tuple(sorted(folders)), keys=tuple(f"raw/{prefix}{name}" for name in below if "/" not in name)
        )

    def keys(self, prefix: str) -> Iterator[str]:
        return (key for key in self._keys if key.startswith(f"raw/{prefix}"))


def warnings(tree: Tree, start: datetime = TEN, end: datetime = TEN + HOUR) -> list[str]:
    return list(survey_raw(tree, start, end).warnings("s3://lake/raw"))


def test_an_hour_with_an_object_and_nothing_beside_gives_no_warning() -> None:
    assert warnings(Tree(f"{AT_TEN}a.gz")) == []


def test_a_range_without_objects_is_said_with_the_days_that_there_are() -> None:
    tree = Tree("raw/landing_date=2026-03-01/landing_hour=09/a.gz", "raw/landing_date=2026-03-02/landing_hour=09/a.gz")
    assert warnings(tree, TEN, TEN + 2 * HOUR) == [
        "no raw objects between 2026-11-22T10 and 2026-11-22T11 under s3://lake/raw; the landing days that there are: "
        "2026-03-01 to 2026-03-02"
    ]


def test_a_place_without_any_landing_day_is_asked_about() -> None:
    [warning] = warnings(Tree())
    assert warning.endswith("nor is there any other landing day: is it the right place?")


def test_objects_of_other_hours_of_the_day_are_none_of_the_range() -> None:
    [warning] = warnings(Tree("raw/landing_date=2026-11-22/landing_hour=11/a.gz"))
    assert warning.startswith("no raw objects between 2026-11-22T10 and 2026-11-22T10")


def test_what_lies_outside_of_the_landing_prefixes_is_counted_and_named() -> None:
    strays = [
        "raw/2026/11/22/10/firehose-default.gz",
        "raw/README",
        "raw/landing_date=2026-11-22/by-hand.jsonl",
        "raw/landing_date=2026-11-22/landing_hour=99/a.gz",
        "raw/landing_date=2026-13-01/landing_hour=10/a.gz",
    ]
    survey = survey_raw(Tree(f"{AT_TEN}a.gz", *strays), TEN, TEN + HOUR)
    assert (survey.stray_count, survey.more, survey.days) == (5, False, (date(2026, 11, 22),))
    assert list(survey.warnings("s3://lake/raw")) == [
        "5 objects under s3://lake/raw lie outside of landing_date=YYYY-MM-DD/landing_hour=HH/, so no job reads them: "
        f"{', '.join(strays[:3])}, …; move them under the hour in which their events arrived, or away"
    ]


def test_of_a_folder_with_years_of_strays_only_the_first_are_counted() -> None:
    tree = Tree(f"{AT_TEN}a.gz", *(f"raw/old/{number}" for number in range(2_000)))
    assert warnings(tree)[0].startswith("at least 1,000 objects under")


def test_days_outside_of_the_range_are_not_looked_into() -> None:
    tree = Tree(f"{AT_TEN}a.gz", *(f"raw/landing_date=2026-10-{day:02}/landing_hour=00/a.gz" for day in range(1, 32)))
    survey_raw(tree, TEN, TEN + HOUR)
    assert tree.looked_at == ["", "landing_date=2026-11-22/"]
