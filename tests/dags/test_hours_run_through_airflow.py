"""The DAGs in a real Airflow, over a real catalog; only Spark is a stand-in that keeps the ledger.

One Airflow serves all tests of this kind, and each has a day of its own. What lands up to eight days after a day shows
that the day is over: a test whose day must be open comes before those with the days after it.
"""

import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest

from contracts.partitions import day_key, hour_key, hour_of, landing_prefix
from contracts.stages import DAYS, EVENT_HOURS, LANDING_HOURS, WEEKS
from local.airflow import AirflowApi
from pipeline.lake_status.store import LedgerStore
from tests.dags.airflow_runs import (
    HOUR,
    PATIENCE,
    ended,
    event_row,
    jobs_done,
    land,
    last_run,
    secrets_in,
    states,
    wait_for,
)

pytestmark = [pytest.mark.airflow, pytest.mark.cloud, pytest.mark.e2e, pytest.mark.timeout(1_200)]


def test_a_backfill_makes_exactly_the_event_hours_that_its_landing_hours_touched(
    api: AirflowApi, ledger: LedgerStore
) -> None:
    eight = datetime(2026, 10, 1, 8, tzinfo=UTC)
    hours = [eight, eight + HOUR, eight + 2 * HOUR]
    keys = [hour_key(hour) for hour in hours]
    for hour in hours:
        land(hour, hour, hour)
    land(hours[2], eight, eight - timedelta(days=3), name="late.gz")

    api.backfill("transform_events", first=hours[0].isoformat(), last=hours[2].isoformat())
    runs = api.wait_for_runs("transform_events", ended(*keys), within=PATIENCE)
    api.wait_for_runs("aggregate_hour", ended(*keys), within=PATIENCE)

    assert {last_run(runs, key).state for key in keys} == {"success"}
    made = {
        row.event_hour: row.received for row in ledger.rows(EVENT_HOURS, eight - timedelta(days=7), eight + 24 * HOUR)
    }
    assert made == {hours[0]: 3, hours[1]: 2, hours[2]: 2}


def test_a_second_backfill_does_the_work_again_and_publishes_nothing(api: AirflowApi, ledger: LedgerStore) -> None:
    ten = datetime(2026, 10, 2, 10, tzinfo=UTC)
    land(ten, ten)
    api.backfill("transform_events", first=ten.isoformat(), last=ten.isoformat())
    api.wait_for_runs("aggregate_hour", ended(hour_key(ten)), within=PATIENCE)
    before = ledger.row(LANDING_HOURS, ten), event_row(ledger, ten)

    api.backfill("transform_events", first=ten.isoformat(), last=ten.isoformat(), again=True)
    runs = api.wait_for_runs("transform_events", ended(hour_key(ten), times=2), within=PATIENCE)

    second = states(api, last_run(runs, hour_key(ten)))
    assert second["transform"] == "success"
    assert second["publish_stale_event_hours"] == "skipped"
    assert (ledger.row(LANDING_HOURS, ten), event_row(ledger, ten)) == before


def test_an_unreadable_object_fails_the_run_after_its_hour_is_published(api: AirflowApi, ledger: LedgerStore) -> None:
    ten = datetime(2026, 10, 3, 10, tzinfo=UTC)
    land(ten, ten)
    land(ten, name="broken.unreadable")

    api.trigger("transform_events", partition_key=hour_key(ten))
    runs = api.wait_for_runs("transform_events", ended(hour_key(ten)), within=PATIENCE)
    api.wait_for_runs("aggregate_hour", ended(hour_key(ten)), within=PATIENCE)

    run = last_run(runs, hour_key(ten))
    assert run.state == "failed"
    assert [task for task, state in states(api, run).items() if state == "failed"] == ["report_unreadable_objects"]
    assert event_row(ledger, ten) is not None


def test_what_a_failed_data_check_holds_back_is_published_by_no_run_and_made_by_name(
    api: AirflowApi, ledger: LedgerStore
) -> None:
    ten = datetime(2026, 8, 10, 10, tzinfo=UTC)
    land(ten, ten, name="a.failing")
    land(ten, name="broken.unreadable")
    land(ten + HOUR, ten + HOUR)

    failing = api.trigger("transform_events", partition_key=hour_key(ten))
    wait_for(api, failing)
    next_hour = api.trigger("transform_events", partition_key=hour_key(ten + HOUR))
    wait_for(api, next_hour)
    reconciled = api.trigger("reconcile_hours", params={"from": hour_key(ten), "to": hour_key(ten + HOUR)})
    wait_for(api, reconciled)

    [check] = [task for task in api.tasks(failing) if task.task_id == "check_ledger"]
    assert (check.state, check.try_number) == ("failed", 1)
    assert "lines_lost is 1, expected exactly 0 (one is lost)" in api.log(failing, check)
    assert states(api, failing)["publish_stale_event_hours"] == "upstream_failed"
    assert states(api, failing)["report_unreadable_objects"] == "failed"
    assert states(api, next_hour)["check_ledger"] == "success"
    assert states(api, next_hour)["publish_stale_event_hours"] == "skipped"
    assert set(states(api, reconciled).values()) == {"skipped"}
    assert ledger.rows(EVENT_HOURS, ten, ten + 2 * HOUR) == []

    wait_for(api, api.trigger("aggregate_hour", partition_key=hour_key(ten)))

    assert [row.event_hour for row in ledger.rows(EVENT_HOURS, ten, ten + 2 * HOUR)] == [ten]


def test_late_objects_and_the_late_tail_are_reconciled_once(api: AirflowApi, ledger: LedgerStore) -> None:
    ten = datetime(2026, 10, 4, 10, tzinfo=UTC)
    tail = ten - timedelta(days=5)
    land(ten, ten, tail)
    params = {"from": hour_key(ten - HOUR), "to": hour_key(ten + HOUR)}

    first = api.trigger("reconcile_hours", params=params)
    wait_for(api, first)
    second = api.trigger("reconcile_hours", params=params)
    wait_for(api, second)

    done = states(api, first)
    assert {task for task, state in done.items() if state != "success"} == {"find_failures", "ask"}
    assert {done["find_failures"], done["ask"]} == {"skipped"}, "nobody is asked where every check holds"
    assert event_row(ledger, ten) is not None
    assert event_row(ledger, tail) is not None
    assert set(states(api, second).values()) == {"skipped"}


def test_an_open_hour_runs_at_once_when_it_is_allowed_and_is_not_settled(api: AirflowApi, ledger: LedgerStore) -> None:
    hour = hour_of(datetime.now(tz=UTC))
    land(hour, hour)

    run = api.trigger("transform_events", partition_key=hour_key(hour), params={"allow_open_hour": True})
    wait_for(api, run)

    row = ledger.row(LANDING_HOURS, hour)
    assert row is not None
    assert not row.settled


def test_a_key_that_was_filled_in_is_the_run_s_key_in_every_dag(
    api: AirflowApi, ledger: LedgerStore, folder: Path
) -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    land(noon, noon, noon - HOUR)

    transformed = api.trigger("transform_events", params={"landing_hour": hour_key(noon)})
    wait_for(api, transformed)
    runs = api.wait_for_runs("aggregate_hour", ended(hour_key(noon - HOUR), hour_key(noon)), within=PATIENCE)
    aggregated = api.trigger("aggregate_hour", params={"event_hour": hour_key(noon)})
    wait_for(api, aggregated)
    day = api.trigger("aggregate_day", params={"day": day_key(noon.date())})
    wait_for(api, day)

    assert states(api, transformed)["publish_stale_event_hours"] == "success"
    assert states(api, day)["publish_written_days"] == "success"
    published = {run.partition_key for run in runs if run.run_type == "asset_triggered"}
    assert {hour_key(noon - HOUR), hour_key(noon)} <= published
    assert None not in published
    own = f"--from={hour_key(noon)} --to={hour_key(noon)} --force"
    assert jobs_done(folder, "run_aggregate_hours", own) == [f"run_aggregate_hours {own}"]
    row = ledger.row(DAYS, noon.date())
    assert row is not None
    assert row.events == 2


def test_a_run_shows_what_it_read_and_wrote(api: AirflowApi) -> None:
    noon = datetime(2026, 7, 20, 12, tzinfo=UTC)
    land(noon, noon, noon)
    run = api.trigger("transform_events", params={"landing_hour": hour_key(noon)})
    wait_for(api, run)

    links = api.links(run, "transform")

    assert list(links) == ["landing_ledger", "raw objects", "received_events", "rejected_events"]
    listing = str(links["raw objects"])
    with urllib.request.urlopen(listing, timeout=30) as answer:
        assert f"<Key>{landing_prefix(noon)}a.gz</Key>" in answer.read().decode()
    account = f"{hour_key(noon)}: 2 lines = 2 received + 0 rejected"
    assert api.returned(run, "check_ledger") == account


def test_a_run_without_a_key_or_with_two_fails_at_once_and_says_why(api: AirflowApi) -> None:
    without = api.trigger("transform_events")
    two = api.trigger("aggregate_day", partition_key="2026-10-12", params={"day": "2026-10-13"})
    for run in (without, two):
        wait_for(api, run)

    [failed] = [task for task in api.tasks(without) if task.state == "failed"]
    assert (failed.task_id, failed.try_number) == ("wait_until_settled", 1)
    assert "fill in the field landing_hour" in api.log(without, failed)
    [failed] = [task for task in api.tasks(two) if task.state == "failed"]
    assert (failed.task_id, failed.try_number) == ("look_for_change", 1)
    assert "the field day says '2026-10-13', the partition key '2026-10-12'" in api.log(two, failed)


def test_an_event_hour_given_by_hand_is_made_even_if_it_is_fresh(api: AirflowApi, folder: Path) -> None:
    ten = datetime(2026, 10, 5, 10, tzinfo=UTC)
    land(ten, ten)
    api.trigger("transform_events", partition_key=hour_key(ten))
    api.wait_for_runs("aggregate_hour", ended(hour_key(ten)), within=PATIENCE)

    api.trigger("aggregate_hour", partition_key=hour_key(ten))
    api.wait_for_runs("aggregate_hour", ended(hour_key(ten), times=2), within=PATIENCE)

    own = f"--from={hour_key(ten)} --to={hour_key(ten)}"
    assert jobs_done(folder, "run_aggregate_hours", own) == [
        f"run_aggregate_hours {own}",
        f"run_aggregate_hours {own} --force",
    ]


def test_a_week_that_was_given_by_hand_is_made_again_after_a_late_event_of_one_of_its_days(
    api: AirflowApi, ledger: LedgerStore, folder: Path
) -> None:
    noon, monday = datetime(2026, 6, 17, 12, tzinfo=UTC), "2026-06-15"
    land(noon, noon)
    wait_for(api, api.trigger("transform_events", params={"landing_hour": hour_key(noon)}))
    api.wait_for_runs("aggregate_hour", ended(hour_key(noon)), within=PATIENCE)
    wait_for(api, api.trigger("aggregate_day", params={"day": day_key(noon.date())}))
    by_hand = api.trigger("aggregate_week", params={"week": monday})
    wait_for(api, by_hand)
    assert api.returned(by_hand, "check_ledger") == f"{monday}: 1 events, 1 users, 1 sessions"

    land(noon + HOUR, noon)
    wait_for(api, api.trigger("transform_events", params={"landing_hour": hour_key(noon + HOUR)}))
    runs = api.wait_for_runs("aggregate_week", ended(monday), within=PATIENCE)

    assert last_run(runs, monday).run_type == "asset_triggered"
    row = ledger.row(WEEKS, WEEKS.parse(monday))
    assert row is not None
    assert row.events == 2
    own = f"run_aggregate_weeks --week {monday}"
    assert jobs_done(folder, "run_aggregate_weeks", monday) == [f"{own} --force", own]


def test_a_day_is_made_when_its_last_hour_is_settled_and_again_after_a_late_event(
    api: AirflowApi, ledger: LedgerStore, folder: Path
) -> None:
    evening = datetime(2026, 10, 6, 22, tzinfo=UTC)
    key = day_key(evening.date())
    land(evening, evening)
    api.backfill("transform_events", first=evening.isoformat(), last=(evening + HOUR).isoformat())
    api.wait_for_runs("aggregate_day", ended(key), within=PATIENCE)
    before = ledger.row(DAYS, evening.date())

    after_midnight = evening + 3 * HOUR
    land(after_midnight, evening, after_midnight)
    api.trigger("transform_events", partition_key=hour_key(after_midnight))
    runs = api.wait_for_runs("aggregate_day", ended(key, times=2), within=PATIENCE)

    after = ledger.row(DAYS, evening.date())
    assert before is not None
    assert after is not None
    assert (before.events, after.events) == (1, 2)
    assert {run.run_type for run in runs if run.partition_key == key} == {"asset_triggered"}
    assert ledger.row(DAYS, (evening + HOUR * 24).date()) is None, "a day is left open until it is over"


def test_an_open_day_given_by_hand_is_made(api: AirflowApi, ledger: LedgerStore, folder: Path) -> None:
    noon = datetime(2026, 10, 8, 12, tzinfo=UTC)
    land(noon, noon, noon)
    api.trigger("transform_events", partition_key=hour_key(noon))
    api.wait_for_runs("aggregate_hour", ended(hour_key(noon)), within=PATIENCE)
    assert ledger.row(DAYS, noon.date()) is None

    wait_for(api, api.trigger("aggregate_day", partition_key=day_key(noon.date())))

    row = ledger.row(DAYS, noon.date())
    assert row is not None
    assert row.events == 2
    assert jobs_done(folder, "run_aggregate_days", "2026-10-08") == ["run_aggregate_days --day 2026-10-08 --force"]


def test_what_is_filled_in_reaches_the_job_of_an_operation(api: AirflowApi, folder: Path) -> None:
    noon = datetime(2026, 10, 9, 12, tzinfo=UTC)
    land(noon, noon)
    boto3.client("s3").put_object(Bucket="raw", Key=landing_prefix(noon) + "b.gz", Body=b"rejected")
    wait_for(api, api.trigger("transform_events", partition_key=hour_key(noon)))
    hour = hour_key(noon)
    replay = {"from": hour, "to": hour, "reasons": ["not_json", "too_late"], "apply": True}

    runs = [
        api.trigger("maintain_tables", params={"tables": ["clean_events"], "snapshot_age_hours": 48}),
        api.trigger("replay_rejected", params=replay),
        api.trigger("erase_user", params={"user_ids": ["ann@example.org", 'ben "2"'], "apply": True}),
    ]
    for run in runs:
        wait_for(api, run)

    assert jobs_done(folder, "run_maintain_tables", "--table") == [
        "run_maintain_tables --table=clean_events --snapshot-age-hours=48 --raw-retention-days=90"
    ]
    [job] = jobs_done(folder, "run_replay_rejected")
    assert job.startswith(f"run_replay_rejected --from={hour} --to={hour} --settled-before=")
    assert job.endswith("--reason=not_json --reason=too_late --apply")
    assert jobs_done(folder, "run_erase_user") == [
        'run_erase_user --user-ids-json=["ann@example.org", "ben \\"2\\""] --apply --alone'
    ]
    [erase] = [task for task in api.tasks(runs[2]) if task.task_id == "erase"]
    assert erase.state == "success"
    assert "ann@example.org" not in api.log(runs[2], erase)


def test_no_secret_is_in_logs_metadata_or_rendered_templates(
    api: AirflowApi, folder: Path, secret_variables: Mapping[str, str]
) -> None:
    ten = datetime(2026, 4, 6, 10, tzinfo=UTC)
    land(ten, ten)
    land(ten, name="broken.unreadable")
    run = api.trigger("transform_events", partition_key=hour_key(ten))
    assert wait_for(api, run).state == "failed", "a failure's log has what a success's lacks"

    kept = {path: path.read_bytes() for path in (folder / "airflow").rglob("*") if path.is_file()}
    of_the_run = {path.name for path, content in kept.items() if hour_key(ten).encode() in content}
    # SQLite writes to its log (.db-wal) first, and moves that to the database once it has grown.
    assert [kind for kind in (".db", ".log") if not any(kind in name for name in of_the_run)] == []
    found = [(path, name) for path, content in kept.items() for name in secrets_in(content, secret_variables)]
    assert found == []
