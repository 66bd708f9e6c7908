"""The demo's commands end with their result, or with a sentence and the end of their log; none outlives the demo."""

import os
import re
from pathlib import Path

import pytest

from local.demo.commands import CommandFailedError, Commands
from local.demo.pipeline import StackOutputs
from local.waits import Waiter
from tests.simulator.fake_api import fake_api

CLIENT = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def commands_in(folder: Path, **environment: str) -> Commands:
    return Commands(folder=folder, environment={**os.environ, **environment})


def test_a_spike_goes_on_until_it_is_interrupted_and_then_says_what_was_accepted(tmp_path: Path) -> None:
    with fake_api() as api, commands_in(tmp_path).start_spike(api.url) as spike:
        Waiter(checks=[spike.check_running], poll=0.05).until("traffic", lambda: "" if api.stored else "no event")
        spike.interrupt()

        assert spike.manifest()["lines"] == len(api.stored)


def test_a_command_that_ends_too_early_is_noticed_with_its_last_words(tmp_path: Path) -> None:
    with commands_in(tmp_path).start_spike("http://127.0.0.1:1") as spike, pytest.raises(CommandFailedError) as failure:
        Waiter(checks=[spike.check_running], poll=0.05).until("traffic", lambda: "no event")

    assert re.search(r"simulator stream .* ended too early, with status 1:\n.*nothing answers", str(failure.value))


def test_a_deployment_that_fails_shows_why(tmp_path: Path) -> None:
    commands = commands_in(tmp_path, AWS_ENDPOINT_URL="http://127.0.0.1:1", AWS_MAX_ATTEMPTS="1")

    with pytest.raises(CommandFailedError, match=r"infra\.deploy .* ended with status 1"):
        commands.deploy()


def test_what_still_runs_is_killed_with_the_demo(tmp_path: Path) -> None:
    commands = commands_in(tmp_path)
    with fake_api() as api:
        spike = commands.start_spike(api.url)
        commands.kill()

        with pytest.raises(CommandFailedError, match="status -9"):
            spike.check_running()


def test_live_minutes_that_end_are_noticed_with_their_last_words(tmp_path: Path) -> None:
    commands = commands_in(tmp_path, AWS_ENDPOINT_URL="http://127.0.0.1:1", AWS_MAX_ATTEMPTS="1", **CLIENT)
    outputs = StackOutputs(
        api_url="", stream_name="s", raw_bucket="b", raw_uri="s3://b/raw", warehouse_uri="s3://w/warehouse",
        database="d", buffer_seconds=5,
    )  # fmt: skip
    with commands.start_live_minutes(outputs) as live, pytest.raises(CommandFailedError) as failure:
        Waiter(checks=[live.check_running], poll=0.05).until("the end", lambda: "it runs")

    assert re.search(
        r"-m live --interval 2 ended too early, with status 1:\n.*live: can't .*127\.0\.0\.1:1",
        str(failure.value),
        re.DOTALL,
    )
