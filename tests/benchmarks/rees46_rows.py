"""Rows written by hand in the format of a REES46 month (a real one may not be shipped), and their figures, counted.

541312140 views, puts in the cart and buys; 543272936 buys what it has not put in the cart; 555447699 comes back
after more than half an hour.
"""

from decimal import Decimal
from typing import Final

from benchmarks.public_figures import DataSet

ROWS: Final = """\
event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session
2019-10-01 00:00:00 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde-8bb3-4e00-8c23
2019-10-01 00:00:01 UTC,cart,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde-8bb3-4e00-8c23
2019-10-01 00:01:30 UTC,view,1004856,2053013555631882655,electronics.smartphone,samsung,130.76,543272936,8187d148
2019-10-01 00:02:14 UTC,purchase,1004856,2053013555631882655,electronics.smartphone,samsung,130.76,543272936,8187d148
2019-10-01 00:03:00 UTC,view,3900821,2053013552326770905,appliances.kettle,aqua,33.20,555447699,9333dfbd
2019-10-01 00:05:00 UTC,purchase,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde-8bb3-4e00-8c23
2019-10-01 00:34:00 UTC,view,3900821,2053013552326770905,appliances.kettle,aqua,33.20,555447699,566511c2
"""

FIGURES: Final = DataSet(
    source=None,
    users=3,
    events=7,
    sessions=4,
    names={"ViewContent": 4, "AddToCart": 1, "Purchase": 2},
    revenue=Decimal("166.55"),
    funnel=("ViewContent", "AddToCart", "Purchase"),
    in_order=(3, 1, 1),
    in_any_order=(3, 1, 2),
)
