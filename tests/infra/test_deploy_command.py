"""`python -m infra.deploy`, before it asks anybody anything."""

import pytest

from infra.deploy import main


def test_the_local_environment_is_never_deployed_to_aws(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert main(["--environment", "local"]) == 1
    assert "set AWS_ENDPOINT_URL" in capsys.readouterr().err


def test_an_unknown_environment_is_named_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--environment", "moon", "--endpoint-url", "http://127.0.0.1:1"]) == 1
    assert "there is no environment 'moon': take one of dev, local, prod" in capsys.readouterr().err
