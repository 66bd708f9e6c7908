"""The event's declarations: their JSON Schemas accept what an event is and refuse what cannot be one."""

from typing import Any

import jsonschema
import pytest

from contracts.event import EVENT_FIELDS, batch_schema, event_schema, single_schema

EVENT: dict[str, Any] = {
    "timestamp": "2021-07-12 12:01:58.732726",
    "user_id": "35",
    "pixel_id": "wjgao4w1oi",
    "click_id": "a5cf179b9c9d483abf6d424d44a293be",
    "insertion_timestamp": "2021-07-12 12:01:58.732754",
    "event_name": "Search",
    "user_ip": "",
    "additional_data": {"time_on_data": 79, "percent_viewed": 39.7, "product_id": 557246, "price": 417.97},
}

accepts_event = jsonschema.Draft4Validator(event_schema()).is_valid
accepts_single = jsonschema.Draft4Validator(single_schema()).is_valid
accepts_batch = jsonschema.Draft4Validator(batch_schema()).is_valid


def test_schemas_are_valid_draft_04() -> None:
    jsonschema.Draft4Validator.check_schema(event_schema())
    jsonschema.Draft4Validator.check_schema(batch_schema())
    jsonschema.Draft4Validator.check_schema(single_schema())


def test_the_documented_event_is_accepted() -> None:
    assert accepts_event(EVENT)


@pytest.mark.parametrize("field", [field.path for field in EVENT_FIELDS if field.required])
def test_an_event_without_a_required_field_is_refused(field: str) -> None:
    assert not accepts_event({name: value for name, value in EVENT.items() if name != field})
    assert not accepts_event({**EVENT, field: None})


@pytest.mark.parametrize(
    "field", [field.path for field in EVENT_FIELDS if not field.required and "." not in field.path]
)
def test_an_optional_field_may_be_null_or_absent_but_has_its_type(field: str) -> None:
    assert accepts_event({**EVENT, field: None})
    assert accepts_event({name: value for name, value in EVENT.items() if name != field})
    assert not accepts_event({**EVENT, field: True})


@pytest.mark.parametrize(
    ("additional_data", "accepted"),
    [
        pytest.param({}, True, id="empty"),
        pytest.param({"product_id": "SKU-7"}, True, id="product-as-text"),
        pytest.param({"product_id": True}, False, id="product-as-boolean"),
        pytest.param({"price": "417.97"}, True, id="price-as-text"),
        pytest.param({"price": [417.97]}, False, id="price-as-array"),
        pytest.param({"colour": "red"}, True, id="unknown-field"),
    ],
)
def test_additional_data_is_typed_and_open(additional_data: dict[str, Any], accepted: bool) -> None:
    assert accepts_event({**EVENT, "additional_data": additional_data}) is accepted


@pytest.mark.parametrize(
    ("user_id", "accepted"),
    [
        pytest.param("", False, id="empty"),
        pytest.param("a" * 256, True, id="longest"),
        pytest.param("a" * 257, False, id="too-long"),
        pytest.param(35, True, id="number"),
        pytest.param(True, False, id="boolean"),
    ],
)
def test_user_id_has_its_length(user_id: object, accepted: bool) -> None:
    assert accepts_event({**EVENT, "user_id": user_id}) is accepted


def test_an_anonymous_id_stands_in_for_a_user_id() -> None:
    without = {name: value for name, value in EVENT.items() if name != "user_id"}
    assert accepts_event({**without, "anonymous_id": "device"})
    assert not accepts_event({**without, "anonymous_id": True})


def test_a_batch_is_an_array_of_1_to_500_whatever_is_in_it() -> None:
    assert accepts_batch([None, 5, "x", [], {}] * 100)
    assert not accepts_batch([{}] * 501)
    assert not accepts_batch([])
    assert not accepts_batch({})


@pytest.mark.parametrize("body", [{}, "x", 5, 1.5, True, None])
def test_what_is_no_array_is_one_event(body: object) -> None:
    assert accepts_single(body)


def test_an_array_is_no_single_event() -> None:
    assert not accepts_single([EVENT])
