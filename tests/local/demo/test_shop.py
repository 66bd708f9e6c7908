"""The demo's shop in a real browser: what a person clicks is what its API gets."""

import httpx
import pytest

from local.demo.shop import DemoShop
from tests.tracker.browser import running_browser
from tests.tracker.fake_api import running_api


@pytest.mark.browser
def test_what_a_person_clicks_in_the_shop_arrives_once_they_agree() -> None:
    with running_api() as api, DemoShop(api.url) as shop, running_browser() as browser, browser.new_page() as page:
        page.goto(shop.url)
        page.get_by_role("button", name="Buy").first.click()
        page.get_by_label("Search").fill("tea")
        page.get_by_role("button", name="Search").click()
        page.wait_for_function("typeof clickstream.init == 'function'")
        assert api.batches == []
        page.get_by_role("button", name="Yes").click()
        api.wait_for(stored=3)
        assert api.stored_names() == ["ViewContent", "Purchase", "Search"]
        bought = api.stored[1]
        assert bought["additional_data"]["product_id"] == "mug"
        assert (bought["additional_data"]["price"], bought["currency"], bought["pixel_id"]) == (9.9, "EUR", "demo-shop")


def test_other_paths_are_not_found() -> None:
    with DemoShop("http://127.0.0.1:1/v1") as shop:
        assert httpx.get(f"{shop.url}favicon.ico").status_code == 404
