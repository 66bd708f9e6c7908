"""A person sees where the demo is, why it waits, and how long yet: in a log, and on a terminal."""

import io

from rich.console import Console

from local.demo.progress import Progress, Step

STEP = Step(title="Airflow starts", why="Four processes load our DAGs.", about=48)


def test_a_log_gets_a_line_with_the_step_of_how_many_its_estimate_and_its_reason() -> None:
    log = io.StringIO()
    progress = Progress(3, console=Console(file=log, width=120))

    with progress.step(STEP):
        progress.say("  10,000 live events were accepted")
    with progress.step(Step(title="Firehose delivers", why="It buffers.", about=2)):
        pass

    lines = [line.partition("] ")[2] or line.strip() for line in log.getvalue().splitlines()]
    assert lines == [
        "step 1 of 3: Airflow starts, about 50 s",
        "Four processes load our DAGs.",
        "  10,000 live events were accepted",
        "step 2 of 3: Firehose delivers, about 5 s",
        "It buffers.",
    ]
    assert progress.seconds.keys() == {"Airflow starts", "Firehose delivers"}


def test_a_terminal_shows_what_is_waited_for_and_what_to_look_at_in_a_line_that_goes_away() -> None:
    screen = io.StringIO()
    progress = Progress(3, console=Console(file=screen, width=120, force_terminal=True))
    progress.meanwhile("meanwhile: http://127.0.0.1:8080/dags")

    with progress.step(STEP):
        progress.note("waiting for scheduler")

    written = screen.getvalue()
    assert "of about 50 s: waiting for scheduler" in written
    assert "meanwhile: http://127.0.0.1:8080/dags" in written
    assert written.endswith("\x1b[2K"), "the line in place was not removed"
