"""Third parties' rows → our events, literally."""

import csv
import gzip
import io
import json
from pathlib import Path

from benchmarks.public_figures import convert_file, converted
from tests.benchmarks.rees46_rows import ROWS


def test_a_rees46_row_is_an_event_with_product_and_price_and_an_id_by_its_number() -> None:
    view, cart, *_, purchase, _ = converted("rees46", csv.DictReader(io.StringIO(ROWS)))
    assert view == {
        "timestamp": "2019-10-01 00:00:00",
        "user_id": "541312140",
        "click_id": "rees46-1",
        "event_name": "ViewContent",
        "additional_data": {"product_id": "44600062", "price": 35.79},
        "session_id": "72d76fde-8bb3-4e00-8c23",
    }
    assert cart == view | {"timestamp": "2019-10-01 00:00:01", "click_id": "rees46-2", "event_name": "AddToCart"}
    assert purchase == view | {"timestamp": "2019-10-01 00:05:00", "click_id": "rees46-6", "event_name": "Purchase"}


def test_a_name_that_the_funnel_does_not_know_is_kept() -> None:
    rows = csv.DictReader(io.StringIO(ROWS.replace(",cart,", ",remove_from_cart,")))
    assert [event["event_name"] for event in converted("rees46", rows)][1] == "remove_from_cart"


def test_a_compressed_file_becomes_a_compressed_file_of_lines(tmp_path: Path) -> None:
    source, target = tmp_path / "events.csv.gz", tmp_path / "events.jsonl.gz"
    source.write_bytes(gzip.compress(ROWS.encode()))
    assert convert_file("rees46", source, target) == 7
    lines = gzip.decompress(target.read_bytes()).decode().splitlines()
    assert [json.loads(line) for line in lines] == list(converted("rees46", csv.DictReader(io.StringIO(ROWS))))
