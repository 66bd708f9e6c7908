"""Which custom names are taken for a standard event's with a mistake in it, and which never are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.event import STANDARD_EVENTS
from contracts.event_names import SYNONYMS
from contracts.mistaken_names import event_meant

KNOWN = [(name, event) for event in STANDARD_EVENTS for name in (event, *SYNONYMS.get(event, ()))]

#: Events of other vocabularies that are none of the standard ones; `contracts.event_names` says where these are found.
OTHERS = {
    "GA4": [
        "ad_impression",
        "add_payment_info",
        "add_shipping_info",
        "add_to_wishlist",
        "begin_checkout",
        "click",
        "close_convert_lead",
        "earn_virtual_currency",
        "exception",
        "file_download",
        "first_visit",
        "form_start",
        "form_submit",
        "generate_lead",
        "join_group",
        "level_end",
        "level_start",
        "level_up",
        "login",
        "page_view",
        "post_score",
        "qualify_lead",
        "remove_from_cart",
        "screen_view",
        "scroll",
        "select_content",
        "select_item",
        "select_promotion",
        "session_start",
        "share",
        "sign_up",
        "spend_virtual_currency",
        "tutorial_begin",
        "tutorial_complete",
        "unlock_achievement",
        "user_engagement",
        "video_complete",
        "video_progress",
        "video_start",
        "view_cart",
        "view_item_list",
        "view_promotion",
    ],
    "Segment": [
        *("Product List Viewed", "Product List Filtered", "Promotion Viewed", "Promotion Clicked", "Product Clicked"),
        *("Product Removed", "Cart Viewed", "Checkout Started", "Checkout Step Viewed", "Checkout Step Completed"),
        *("Payment Info Entered", "Order Updated", "Order Cancelled", "Coupon Entered", "Coupon Applied"),
        *("Coupon Denied", "Coupon Removed", "Product Added to Wishlist", "Product Removed from Wishlist"),
        *("Wishlist Product Added to Cart", "Product Shared", "Cart Shared", "Product Reviewed"),
    ],
    "Meta": [
        "AddPaymentInfo",
        "AddToWishlist",
        "CompleteRegistration",
        "Contact",
        "CustomizeProduct",
        "Donate",
        "FindLocation",
        "InitiateCheckout",
        "Lead",
        "PageView",
        "Schedule",
        "StartTrial",
        "SubmitApplication",
        "Subscribe",
    ],
    "Shopify": [
        "alert_displayed",
        "cart_viewed",
        "checkout_address_info_submitted",
        "checkout_contact_info_submitted",
        "checkout_shipping_info_submitted",
        "checkout_started",
        "clicked",
        "collection_viewed",
        "form_submitted",
        "input_blurred",
        "input_changed",
        "input_focused",
        "page_viewed",
        "payment_info_submitted",
        "product_removed_from_cart",
        "ui_extension_errored",
    ],
    "common": [
        "$pageview",
        "heartbeat",
        "scroll_depth",
        "Sign up",
        "research",
        "merch",
        "chat",
        "AddToChatRoom",
        "",
        "-_",
    ],
}


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("add-to-cart", "AddToCart"),
        ("AddTocart_", "AddToCart"),
        ("added_to_cart", "AddToCart"),
        ("addToCard", "AddToCart"),
        ("purchases", "Purchase"),
        ("Purchased", "Purchase"),
        ("purhcase", "Purchase"),
        ("order-complete", "Purchase"),
        ("searched", "Search"),
        ("Searches", "Search"),
        ("view-item", "ViewContent"),
        ("ViewContnet", "ViewContent"),
        ("Produkt Viewed", "ViewContent"),
    ],
)
def test_a_name_with_a_mistake_or_another_ending_is_taken_for_the_standard_event(sent: str, meant: str) -> None:
    assert event_meant(sent) == meant


@pytest.mark.parametrize("vocabulary", OTHERS)
def test_other_events_of_known_vocabularies_are_taken_for_none(vocabulary: str) -> None:
    assert {name: event_meant(name) for name in OTHERS[vocabulary]} == dict.fromkeys(OTHERS[vocabulary])


@given(st.sampled_from(KNOWN), st.data())
def test_whatever_punctuation_or_case_a_known_name_has_it_is_taken_for_its_event(
    known: tuple[str, str], data: st.DataObject
) -> None:
    name, event = known
    between = st.text("-_. :/", max_size=2)
    written = "".join(data.draw(between) + data.draw(st.sampled_from([c.lower(), c.upper()])) for c in name)
    assert event_meant(written) == (None if written == event else event)


@given(st.text(max_size=40))
def test_any_text_is_taken_for_a_standard_event_or_none(name: str) -> None:
    assert event_meant(name) in (None, *STANDARD_EVENTS)
