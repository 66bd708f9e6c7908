"""The SQL, in DuckDB's dialect, that says which prices are the shop's money: those in its currency, if it names one.

A price whose event names no currency is in the shop's. Where the shop names none, every price counts, whatever its
currency.
"""


def counted_price(currency: str | None) -> str:
    """Return the price of an event, NULL if that is in another currency than the shop's."""
    return "price" if currency is None else f"CASE WHEN NOT ({in_other_currency(currency)}) THEN price END"


def in_other_currency(currency: str | None) -> str:
    """Return the condition that an event has a price in another currency than the shop's; it is never NULL."""
    return "false" if currency is None else f"price IS NOT NULL AND coalesce(currency <> '{currency}', false)"
