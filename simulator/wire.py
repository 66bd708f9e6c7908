"""An event of the world → its JSON on the wire: the one place where the simulator writes an event's bytes.

A template instead of a JSON encoder: it is five times as quick, and every value in it is a number or ASCII without
quotes and backslashes.
"""

from simulator.event_time import format_event_time
from simulator.world import Event

#: What lies between the click and the client's queue, in microseconds.
_QUEUED_AFTER_US = 27


def event_json(event: Event) -> str:
    """Return the JSON object of an event, in one line of ASCII."""
    at, visitor, name, product, price_cents, seconds, digest = event
    if product is None:
        facts = ""
    else:
        quote = '"' if visitor.persona.on_phone else ""
        facts = f', "product_id": {quote}{product.product_id}{quote}'
        if price_cents is not None:
            facts += f', "price": {decimal_text(price_cents)}'
    return (
        f'{{"timestamp": "{format_event_time(at)}", "user_id": "{visitor.user_id}", "pixel_id": "{visitor.pixel_id}", '
        f'"click_id": "{digest[:32]}", "insertion_timestamp": "{format_event_time(at + _QUEUED_AFTER_US)}", '
        f'"event_name": "{name}", "user_ip": "{visitor.user_ip}", '
        f'"additional_data": {{"time_on_data": {seconds}, "percent_viewed": {seconds * 37 % 1_000 / 10}{facts}}}}}'
    )


def decimal_text(cents: int) -> str:
    """Return whole cents (not negative) as a decimal with two places."""
    return f"{cents // 100}.{cents % 100:02d}"
