"""The views, a module each: `ID`, `TITLE`, `SENTENCE`, and `view`, a function of the lake and what is chosen.

A new view is a module here and its place in `VIEWS`.
"""

from typing import Final

from pages.service import ViewModule
from pages.views import funnel, live, paths, products, rejected, retention, scaling, today, trust

#: In the order of the navigation.
VIEWS: Final[tuple[ViewModule, ...]] = (live, today, funnel, paths, retention, products, trust, scaling, rejected)
