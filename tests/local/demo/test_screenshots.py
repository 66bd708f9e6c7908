"""A page is taken once it shows what it should and has come to rest; what does not come is named."""

import sys
from pathlib import Path

import pytest

from local.demo.screenshots import Browser, BrowserError, main


@pytest.fixture
def sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `chromium` on PATH that notes what it is sent in this file."""
    program = tmp_path / "bin" / "chromium"
    program.parent.mkdir()
    fake = Path(__file__).with_name("fake_chromium.py")
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {fake} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("SENT", str(tmp_path / "sent"))
    return tmp_path / "sent"


def test_a_picture_is_taken_when_the_page_shows_what_it_should_and_nothing_moves_any_more(sent: Path) -> None:
    with Browser() as browser:
        browser.open("http://127.0.0.1:8080/dags", shows="transform_events")
        picture = browser.picture()

    assert picture == b"at rest"
    methods = sent.read_text().split()
    assert methods[methods.index("Page.navigate") :].count("Runtime.evaluate") == 3, "asked again until it is shown"
    assert methods.count("Page.captureScreenshot") == 3


def test_a_page_that_does_not_show_it_in_time_is_named_with_what_it_says(sent: Path) -> None:
    with Browser(within=0.0) as browser, pytest.raises(BrowserError) as raised:
        browser.open("http://127.0.0.1:8080/dags", shows="what never comes")

    assert "http://127.0.0.1:8080/dags to show 'what never comes'" in str(raised.value)
    assert "404 Page Not Found" in str(raised.value)


def test_what_the_browser_refuses_is_an_error(sent: Path) -> None:
    with Browser() as browser:
        with pytest.raises(BrowserError, match="ReferenceError"):
            browser.evaluate("broken")
        with pytest.raises(BrowserError, match=r"Input\.insertText: nothing has the focus"):
            browser.type_into("element_landing_hour", "2026-11-22T10")


def test_a_browser_that_ends_is_named_with_its_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\nexit 7\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    with pytest.raises(BrowserError, match="chromium ended with status 7"), Browser():
        pass


def test_without_a_browser_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(BrowserError, match="apt-get install chromium"):
        Browser()


def test_without_an_airflow_no_picture_is_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--airflow", "http://127.0.0.1:9", "--out", str(tmp_path / "images")])

    assert status == 1
    assert "http://127.0.0.1:9" in capsys.readouterr().err
    assert not (tmp_path / "images").exists()
