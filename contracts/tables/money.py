"""The columns of money, which tables of hours, days and weeks share: revenue is gross, and refunds stand beside it."""

from typing import Final

from contracts.tables.declaration import optional, required

REVENUE: Final = required("revenue", "decimal(38,2)", "Sum of the prices of purchases; refunds are not deducted.")
PURCHASES_WITHOUT_PRICE: Final = required(
    "purchases_without_price", "bigint", "Purchases that carry no price, and so no revenue."
)
REFUNDS: Final = optional("refunds", "bigint", "`Refund` events; null in rows older than the column.")
REFUNDED: Final = optional(
    "refunded",
    "decimal(38,2)",
    "Sum of the prices of refunds, the money given back; null in rows older than the column.",
)
PRODUCT_REFUNDS: Final = optional(
    "refunds", "bigint", "`Refund` events of the product; null in rows older than the column."
)
PRODUCT_REFUNDED: Final = optional(
    "refunded", "decimal(38,2)", "Sum of the prices of its refunds; null in rows older than the column."
)
