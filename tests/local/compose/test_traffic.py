"""What the profile `traffic` sends, to a directory in the place of the raw bucket."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from infra.command import Target
from infra.errors import AccountError, DeploymentError, InfraError
from local.compose import traffic
from simulator.cli import main
from storage.by_hour import landed_hours
from storage.location import open_store


def test_past_hours_have_visitors_once_and_then_those_of_now_are_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "raw").mkdir()
    called: list[list[str]] = []

    def simulator(arguments: Sequence[str]) -> int:
        called.append(list(arguments))
        return main([*arguments, "--quiet"]) if arguments[0] == "history" else 0

    monkeypatch.setattr(traffic, "simulator", simulator)
    outputs = {"RawUri": str(tmp_path / "raw"), "ApiUrl": "http://api"}
    assert traffic.send(outputs, "0.05", past=False) == 0
    assert traffic.send(outputs, "0.05", past=True) == 0
    assert traffic.send(outputs, "0.05", past=True) == 0
    assert [arguments[0] for arguments in called] == ["stream", "history", "stream", "stream"]
    assert len(landed_hours(open_store(outputs["RawUri"]))) == traffic.PAST_HOURS


def test_a_stack_that_is_on_its_way_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"ApiUrl": "https://a.example/v1"}
    answers: Iterator[InfraError | dict[str, str]] = iter(
        [AccountError("no answer"), DeploymentError("no stack"), {}, there]
    )

    class Deployment:
        def outputs(self) -> dict[str, str]:
            answer = next(answers)
            if isinstance(answer, InfraError):
                raise answer
            return answer

    monkeypatch.setattr(traffic, "account_at", lambda _url: None)
    monkeypatch.setattr(Target, "deployment", lambda *_: Deployment())
    monkeypatch.setattr(traffic, "_WAIT_SECONDS", 0)
    assert traffic.stack_outputs("local", None) == there
    assert next(answers, None) is None


def test_a_stack_that_never_comes_ends_the_wait_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(_url: str | None) -> None:
        raise AccountError("the local cloud does not answer")

    monkeypatch.setattr(traffic, "account_at", refused)
    monkeypatch.setattr(traffic, "_PATIENCE_SECONDS", -1)
    monkeypatch.setenv("CLICKSTREAM_ENVIRONMENT", "local")
    assert traffic.main() == 1
    assert capsys.readouterr().err == "traffic: the local cloud does not answer\n"
