"""The list of crawlers that events are judged by is the one that their version names."""

from importlib.metadata import version

from contracts.bots import CRAWLER_LIST_VERSION


def test_the_installed_list_of_crawlers_is_the_one_that_versions_are_made_with() -> None:
    assert version("crawler-user-agents") == CRAWLER_LIST_VERSION
