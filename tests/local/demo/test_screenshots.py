"""A page is taken once it shows what it should and has come to rest; what does not come is named."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local import chromium
from local.chromium import BrowserError, Program
from local.demo.screenshots import Tab, browser, main

#: Its text comes late, and then its color changes for a while.
LATE = """
<body style="background: white"><script>
setTimeout(() => { document.body.append("transform_events") }, 300)
for (let step = 1; step < 8; step++)
    setTimeout(() => { document.body.style.background = `rgb(${step}, 0, 0)` }, 300 + step * 100)
setTimeout(() => { document.body.style.background = "rgb(0, 128, 0)" }, 1100)
</script></body>
"""


@pytest.fixture(scope="module")
def npm_s() -> Program:
    return chromium.pinned()


@pytest.fixture
def nothing_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Npm cannot be reached."""

    def unreachable() -> Program:
        raise BrowserError("tracker: npm ci failed")

    monkeypatch.setattr(chromium, "pinned", unreachable)


@pytest.fixture
def tab() -> Iterator[Tab]:
    with browser(width=320, height=200, within=20.0) as opened:
        yield opened


def page(folder: Path, content: str) -> str:
    (folder / "page.html").write_text(content)
    return f"file://{folder}/page.html"


def test_a_picture_is_taken_when_the_page_shows_what_it_should_and_nothing_moves_any_more(
    tab: Tab, tmp_path: Path
) -> None:
    tab.open(page(tmp_path, LATE), shows="transform_events")
    assert tab.page.inner_text("body").strip() == "transform_events"
    picture = tab.picture()

    assert tab.page.evaluate("document.body.style.background") == "rgb(0, 128, 0)"
    assert picture == tab.page.screenshot()


def test_a_page_that_never_comes_to_rest_is_an_error(tmp_path: Path) -> None:
    moving = "<body><script>setInterval(() => { document.body.innerText = Math.random() }, 1)</script></body>"
    with browser(within=1.0) as tab:
        tab.open(page(tmp_path, moving), shows="0.")
        with pytest.raises(BrowserError, match="did not come to rest within 1 s"):
            tab.picture()


def test_the_upper_of_two_buttons_with_a_label_is_clicked(tab: Tab, tmp_path: Path) -> None:
    buttons = [f"<button aria-label='Trigger Dag' onclick='document.title = {place}'>icon</button>" for place in (1, 2)]
    tab.open(page(tmp_path, f"landing_hour {''.join(buttons)}"), shows="landing_hour")
    tab.click("Trigger Dag", shows="landing_hour")

    assert tab.page.title() == "2"


def test_a_page_that_does_not_show_it_in_time_is_named_with_what_it_says(tmp_path: Path) -> None:
    url = page(tmp_path, "404 Page Not Found")
    with pytest.raises(BrowserError) as raised, browser(within=1.0) as tab:
        tab.open(url, shows="what never comes")

    assert f"{url} to show 'what never comes'" in str(raised.value)
    assert "404 Page Not Found" in str(raised.value)


def test_what_the_browser_refuses_is_an_error() -> None:
    with pytest.raises(BrowserError, match="ReferenceError"), browser() as tab:
        tab.page.evaluate("broken")
    with pytest.raises(BrowserError, match=r"(?s)Locator\.fill: .*element_landing_hour"), browser(within=0.5) as tab:
        tab.page.locator("[name=element_landing_hour]").fill("2026-11-22T10")


@pytest.mark.usefixtures("nothing_pinned")
def test_a_browser_that_ends_is_named_with_its_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\nexit 7\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    with pytest.raises(BrowserError, match=r"(?s)/chromium: .*exitCode=7"), browser():
        pass


@pytest.mark.usefixtures("nothing_pinned")
def test_without_a_browser_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(BrowserError, match=r"npm ci failed; .*apt-get install chromium"), browser():
        pass


@pytest.mark.usefixtures("nothing_pinned")
def test_a_browser_on_path_is_taken_where_npm_s_cannot_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, npm_s: Program
) -> None:
    program = tmp_path / "chromium"
    libraries = npm_s.variables["LD_LIBRARY_PATH"]
    program.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={libraries} exec {npm_s.path} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    with browser(width=320, height=200) as tab:
        tab.open(page(tmp_path, "<body>found</body>"), shows="found")


def test_without_an_airflow_no_picture_is_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--airflow", "http://127.0.0.1:9", "--out", str(tmp_path / "images")])

    assert status == 1
    assert "http://127.0.0.1:9" in capsys.readouterr().err
    assert not (tmp_path / "images").exists()


def test_a_view_counts_once_its_frame_is_drawn_in_the_theme_and_else_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "frame.html").write_text(
        "<html data-theme=light><script>setTimeout(() => { document.documentElement.dataset.theme = 'dark' }, 200)"
        "</script><article data-view=today>drawn</article></html>"
    )
    url = page(tmp_path, '<iframe src="frame.html"></iframe>')

    with browser(within=20.0) as tab:
        tab.show_view(url, "today", "dark")
        assert tab.page.frames[1].evaluate("document.documentElement.dataset.theme") == "dark"
    with (
        pytest.raises(BrowserError, match=r"waited 1 s for the view trust in light at file:"),
        browser(within=1.0) as tab,
    ):
        tab.show_view(url, "trust", "light")
