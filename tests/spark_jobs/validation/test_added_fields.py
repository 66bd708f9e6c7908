"""A new optional field costs one declaration: everything else is derived from the contract's list."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contracts.event import ADDITIONAL_DATA_FIELDS, Kind

_REPOSITORY = Path(__file__).resolve().parents[3]
_SCRIPT = Path(__file__).with_name("validate_by_each_way.py")


@dataclass(frozen=True, kw_only=True)
class AddedField:
    """A field that the contract does not have; a value as JSON and in its column; and JSON of a wrong type."""

    path: str
    kind: Kind
    json: str
    value: str
    column_type: str
    wrong: str = "true"
    limits: str = ""

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    def declaration(self) -> str:
        return (
            f"    EventField(path={self.path!r}, kind=Kind.{self.kind.name}, description='The {self.name}.', "
            f"example={self.json!r}, {self.limits}),\n"
        )


ADDED = [
    AddedField(path="campaign_id", kind=Kind.TEXT, json='"spring"', value="spring", column_type="string"),
    AddedField(
        path="additional_data.size", kind=Kind.TEXT, json='"EUR"', value="EUR", column_type="string", wrong="[]"
    ),
    AddedField(path="session_id", kind=Kind.ID, json='"s-1"', value="s-1", column_type="string"),
    AddedField(
        path="visit_id",
        kind=Kind.ID,
        json='"v"',
        value="v",
        column_type="string",
        limits="max_length=4",
    ),
    AddedField(
        path="additional_data.shop_ip",
        kind=Kind.ADDRESS,
        json='"203.0.113.7"',
        value="203.0.113.7",
        column_type="string",
    ),
    AddedField(path="previous_event", kind=Kind.EVENT_NAME, json='"Search"', value="Search", column_type="string"),
    AddedField(
        path="seen_at",
        kind=Kind.TIME,
        json='"2026-11-22T10:00:00+01:00"',
        value="2026-11-22 09:00:00+00:00",
        column_type="timestamp",
    ),
    AddedField(path="additional_data.scroll_depth", kind=Kind.NUMBER, json="0.25", value="0.25", column_type="double"),
    AddedField(
        path="additional_data.shipping",
        kind=Kind.MONEY,
        json="4.5",
        value="4.50",
        column_type="decimal(18,2)",
        wrong='"4,5"',
    ),
    AddedField(path="additional_data.sku", kind=Kind.TEXT, json="17", value="17", column_type="string"),
    AddedField(
        path="additional_data.image",
        kind=Kind.URL,
        json='"https://shop/a?b"',
        value="https://shop/a?b",
        column_type="string",
    ),
    AddedField(
        path="additional_data.bank_currency", kind=Kind.CURRENCY, json='"EUR"', value="EUR", column_type="string"
    ),
]  # fmt: skip

ODD = (
    *(
        '""',
        "null",
        '"x"',
        '"too long"',
        r'"\u0031"',
        '"2026-02-30 10:00:00"',
        '"2026-11-22 10:00:00.5"',
        '"NaN"',
        '"1.5"',
    ),
    *(
        "0",
        "-0",
        "-0.0",
        "1",
        "-1",
        "1.005",
        "4.50",
        "1e2",
        "1e16",
        "1e400",
        "NaN",
        "9007199254740993",
        "true",
        "{}",
        "[1]",
    ),
)


def line_with(values: dict[str, str]) -> str:
    """Return a line whose event has fields, given by path as JSON."""
    event = {"timestamp": "2026-11-22 10:00:00", "user_id": "1", "click_id": "c", "event_name": "Search"}
    members = [f'"{name}":"{value}"' for name, value in event.items()]
    members += [f'"{path}":{value}' for path, value in values.items() if "." not in path]
    nested = [f'"{path.rpartition(".")[2]}":{value}' for path, value in values.items() if "." in path]
    members.append(f'"additional_data":{{{",".join(nested)}}}')
    return f'{{"received_at":1795341600000,"request_id":"r","event":{{{",".join(members)}}}}}'


@pytest.fixture(scope="module")
def derived(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the code derives from a contract to which the fields were added, each by its declaration alone."""
    patched = tmp_path_factory.mktemp("patched")
    shutil.copytree(_REPOSITORY / "contracts", patched / "contracts")
    event = patched / "contracts" / "event.py"
    end = "\n)\n\nTOP_LEVEL_FIELDS"
    before, found, after = event.read_text().partition(end)
    assert found
    event.write_text(f"{before}\n{''.join(field.declaration() for field in ADDED)}".rstrip("\n") + end + after)
    all_of_them = {field.path: field.json for field in ADDED}
    lines = {
        "valid": [line_with(all_of_them), line_with(all_of_them)],
        "invalid": [line_with({field.path: field.wrong}) for field in ADDED],
        "odd": [line_with({field.path: json}) for field in ADDED for json in ODD],
    }
    run = subprocess.run(
        [sys.executable, "-P", str(_SCRIPT)],
        input=json.dumps(lines),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (patched, _REPOSITORY)))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_every_kind_that_a_client_may_send_is_added() -> None:
    assert {field.kind for field in ADDED} == set(Kind) - {Kind.MILLISECONDS, Kind.OBJECT}
    assert {field.name for field in ADDED}.isdisjoint(field.name for field in ADDITIONAL_DATA_FIELDS)


@pytest.mark.parametrize("way", ["definition", "template_rules", "sql_rules"])
def test_its_value_is_received_by_each_way_of_validating(derived: Any, way: str) -> None:
    outcome = derived["outcomes"][way]
    assert outcome["rejected"] == []
    for row in outcome["received"]:
        assert {field.name: row[field.name] for field in ADDED} == {field.name: field.value for field in ADDED}
        assert row["extra"] == "None"
    assert len(outcome["received"]) == 2


def test_an_odd_value_of_it_is_the_same_to_all_ways_of_validating(derived: Any) -> None:
    assert derived["outcomes"]["odd"] == derived["outcomes"]["odd by definition"]
    assert len(derived["outcomes"]["odd"]["received"]) > 50


def test_a_value_of_a_wrong_type_costs_the_field_alone(derived: Any) -> None:
    outcome = derived["outcomes"]["invalid"]
    assert outcome["rejected"] == []
    assert {row["unread_fields"] for row in outcome["received"]} == {f"['{field.path}']" for field in ADDED}
    for row in outcome["received"]:
        assert {row[field.name] for field in ADDED} == {"None"}


@pytest.mark.parametrize("table", ["received_events", "clean_events"])
def test_it_has_a_nullable_column_of_its_kinds_type_in_both_tables(derived: Any, table: str) -> None:
    columns = derived["columns"][table]
    for field in ADDED:
        assert columns[field.name] == [field.column_type, True]
        assert (
            f"| `{field.name}` | {field.column_type} | yes | The {field.name}. |" in derived["pages"]["docs/tables.md"]
        )


def test_the_columns_that_there_were_keep_their_order_before_it(derived: Any) -> None:
    names = list(derived["columns"]["clean_events"])
    assert names[:16] == [
        *("event_time", "received_at", "user_id", "click_id", "event_name", "pixel_id", "product_id", "price"),
        *("time_on_data", "percent_viewed", "insertion_timestamp", "user_ip", "source_ip", "user_agent", "request_id"),
        "extra",
    ]
    declared = [
        "sent_at",
        "anonymous_id",
        "page_url",
        "referrer",
        "utm_source",
        "utm_medium",
        "utm_campaign",
        "currency",
    ]
    found_out = ["sent_event_name", "clock_corrected", "unread_fields"]
    assert names[16:] == [*declared, *(field.name for field in ADDED), *found_out, "is_bot", "bot_reasons"]


def test_the_api_asks_for_its_json_type_or_null(derived: Any) -> None:
    top_level = derived["schema"]["properties"]
    for field in ADDED:
        properties = top_level["additional_data"]["properties"] if "." in field.path else top_level
        assert properties[field.name] == {
            "type": [*field.kind.json_types, "null"],
            "description": f"The {field.name}.",
            **({"minLength": 0, "maxLength": 4} if field.limits else {}),
        }


def test_the_reference_lists_it(derived: Any) -> None:
    for field in ADDED:
        row = f"| `{field.path}` | {' or '.join(field.kind.json_types)} |  | The {field.name}. | `{field.json}` |"
        assert row in derived["pages"]["docs/event.md"]


def test_an_address_is_truncated_and_what_tells_who_somebody_is_has_no_bounds_in_the_metadata(derived: Any) -> None:
    assert derived["addresses"] == [["source_ip", "user_ip", "shop_ip"]] * 2
    assert {"session_id", "shop_ip"} <= set(derived["counted"])
    assert {"campaign_id", "size", "sku"}.isdisjoint(derived["counted"])
