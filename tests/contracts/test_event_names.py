"""What names mean: to everybody, and in an environment that has names of its own."""

import pytest

from contracts.event import STANDARD_EVENTS
from contracts.event_names import NAMES, SYNONYMS, EventNames


@pytest.mark.parametrize(
    ("own", "sent", "meant"),
    [
        ({"Erstattung": "Refund"}, "erstattung ", "Refund"),
        pytest.param({"Erstattung": "refund"}, "Erstattung", "Refund", id="a standard event in another case"),
        pytest.param({"Erstattung": " add to cart"}, "Erstattung", "AddToCart", id="a standard event with blanks"),
        pytest.param({"view_item": "view_item"}, "View_Item", "view_item", id="a usual name made custom"),
        pytest.param({"Purchase": "Test", "Kauf": "Purchase"}, "Kauf", "Purchase", id="a standard name given away"),
        pytest.param({"Purchase": "Test", "Kauf": "Purchase"}, "purchase", "Test", id="and what it means itself"),
        ({"Erstattung": "Refund"}, "Order Refunded", "Refund"),
    ],
)
def test_an_environments_own_name_is_the_event_that_it_says(own: dict[str, str], sent: str, meant: str) -> None:
    assert EventNames(own.items()).of(sent) == meant


def test_every_usual_spelling_of_a_standard_event_is_that_event() -> None:
    for event in STANDARD_EVENTS:
        assert set(SYNONYMS[event]) < set(NAMES.spellings(event))
        assert {NAMES.of(sent) for sent in NAMES.spellings(event)} == {event}


def test_spellings_are_those_of_the_environment_too_but_not_what_it_gave_another_meaning() -> None:
    shop = EventNames([("refund", "Return"), ("Erstattung", "refund")])
    assert shop.spellings("Refund") == ("Order Refunded", "Erstattung")
