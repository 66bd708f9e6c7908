"""The columns of money, which tables of hours, days and weeks share: revenue is gross, and refunds stand beside it."""

from typing import Final

from contracts.tables.declaration import optional, required

#: Of a column that was added later.
OLDER: Final = "null in rows older than the column"

REVENUE: Final = required(
    "revenue",
    "decimal(38,2)",
    "Sum of the prices of purchases, of those in the shop's currency if it is set; refunds are not deducted.",
)
PURCHASES_WITHOUT_PRICE: Final = required(
    "purchases_without_price", "bigint", "Purchases that carry no price, and so no revenue."
)
PURCHASES_IN_OTHER_CURRENCY: Final = optional(
    "purchases_in_other_currency",
    "bigint",
    "Purchases with a price in another currency than the shop's (`CLICKSTREAM_CURRENCY`), and so no revenue; 0 where "
    f"that is not set; {OLDER}.",
)
REFUNDS: Final = optional("refunds", "bigint", f"`Refund` events; {OLDER}.")
REFUNDED: Final = optional(
    "refunded",
    "decimal(38,2)",
    f"Sum of the prices of refunds, the money given back, in the currencies of `revenue`; {OLDER}.",
)

PRODUCT_REVENUE: Final = required(
    "revenue",
    "decimal(38,2)",
    "Sum of the prices of its purchases, of those in the shop's currency if it is set; refunds are not deducted.",
)
PRODUCT_REFUNDS: Final = optional("refunds", "bigint", f"`Refund` events of the product; {OLDER}.")
PRODUCT_REFUNDED: Final = optional(
    "refunded", "decimal(38,2)", f"Sum of the prices of its refunds, in the currencies of `revenue`; {OLDER}."
)
