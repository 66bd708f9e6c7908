"""What a person sees: figures, estimates marked as such, and everything that is not right."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from contracts.live_document import MINUTES, NamedSeries, Sampling
from live.terminal import Log, freshness, print_json, shown, table
from tests.contracts.test_live_document import a_document, a_series


def text_of(document: object) -> str:
    console = Console(width=160, force_terminal=False)
    with console.capture() as captured:
        console.print(document)
    return captured.get()


def test_the_table_has_each_name_the_hours_and_the_last_lines() -> None:
    text = text_of(table(a_document()))
    assert "newest event 8 s ago (delivered in 6 s, read in 0 s, then none for 1 s)" in text
    assert "Search" in text
    assert "2026-11-22T10" in text
    assert "not_json 1" in text
    assert "Can't read raw/a.gz (2 tries): cut off" in text
    assert "Still reading: minutes from 10:00 on complete." in text


def test_an_estimate_is_marked_and_an_exact_figure_is_not() -> None:
    exact = replace(a_series(events=7_777), users_one_in=(1,) * MINUTES, copies_one_in=(1,) * MINUTES)
    estimated = a_series(events=5_555)
    names = (NamedSeries(event_name="a", series=exact), NamedSeries(event_name="b", series=estimated))
    sampling = Sampling(ids_kept=1_024, users_one_in=9, copies_one_in=9, merged_names=2)
    text = text_of(table(replace(a_document(), names=names, others=exact, sampling=sampling)))
    assert "~5,555" in text
    assert "~7,777" not in text
    assert "~ is an estimate" in text
    assert "rare ones are among the others" in text


def test_what_a_sender_wrote_is_never_markup() -> None:
    line = replace(a_document().lines[0], event_name="[red]x[/red]", excerpt="[link=x]")
    names = (NamedSeries(event_name="[bold]y", series=a_series()),)
    text = text_of(table(replace(a_document(), lines=(line,), names=names)))
    assert "[red]x[/red]" in text
    assert "[bold]y" in text


def test_before_any_event_there_is_none() -> None:
    fresh = replace(a_document().freshness, newest_arrival=None, behind=None, unread_objects=3)
    assert freshness(fresh) == "no event yet; 3 objects unread"


def test_a_log_has_one_line_a_minute_of_the_minute_that_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log()
    log(a_document())
    log(a_document())
    log(replace(a_document(), first_minute=datetime(2026, 11, 22, 9, 32, tzinfo=UTC)))
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 2
    assert printed[0].startswith("2026-11-22T10:30:12Z last full minute: 3 events, 0 rejected lines; newest event 8 s")


def test_json_is_one_line_a_document(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    print_json(a_document())
    (line,) = capfdbinary.readouterr().out.splitlines()
    assert json.loads(line)["format"] == 1


@pytest.mark.parametrize(("as_json", "once", "begins"), [(True, True, b'{"format"'), (False, True, b"Live at")])
def test_once_prints_the_document_in_the_form_that_is_asked_for(
    capfdbinary: pytest.CaptureFixture[bytes], as_json: bool, once: bool, begins: bytes
) -> None:
    with shown(as_json=as_json, once=once) as show:
        show(a_document())
    assert capfdbinary.readouterr().out.startswith(begins)
