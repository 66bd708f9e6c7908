"""cfn-lint, and AWS's rule packs: each finding that stays has its reason on the construct, and none is in vain."""

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from infra.settings import EnvironmentSettings, settings_of
from infra.synth import put_node_on_path, synthesized
from tests.infra.conftest import full_settings

pytestmark = pytest.mark.cdk

SETTINGS = [pytest.param(settings_of("prod"), id="prod"), pytest.param(full_settings(), id="with every option")]


@pytest.mark.parametrize("settings", SETTINGS)
def test_cfn_lint_has_nothing_to_say(settings: EnvironmentSettings, tmp_path: Path) -> None:
    path = tmp_path / "template.json"
    path.write_text(synthesized(settings))
    cfn_lint = Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run([cfn_lint, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@dataclass
class Reasons:
    """Takes acknowledgments in the place of CDK, so that every finding is found; by rule and the construct's path."""

    given: dict[tuple[str, str], str] = field(default_factory=dict)
    path: str = ""

    def of(self, construct: Any) -> Self:
        self.path = construct.node.path
        return self

    def acknowledge(self, *acknowledgments: Any) -> None:
        self.given |= {(one.id, self.path): one.reason for one in acknowledgments}


@pytest.mark.parametrize("settings", SETTINGS)
def test_every_finding_has_a_reason_and_no_reason_is_in_vain(
    settings: EnvironmentSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_node_on_path()
    import cdk_nag

    from infra import accepted
    from infra.pipeline_stack import pipeline_app

    reasons = Reasons()
    monkeypatch.setattr(accepted, "Validations", reasons)
    app, stack = pipeline_app(settings, outdir=str(tmp_path))
    packs = (cdk_nag.AwsSolutionsChecks, cdk_nag.ServerlessChecks, cdk_nag.NIST80053R5Checks)
    found = {
        (violation.rule_name, str(construct.construct_path))
        for pack in packs
        for violation in pack(app).validate_scope(stack).violations
        for construct in violation.violating_resources
    }
    explained = {
        (finding, known)
        for finding in found
        for known in reasons.given
        if finding[0] == known[0] and finding[1].startswith(known[1])
    }
    assert found - {finding for finding, _ in explained} == set()
    assert reasons.given.keys() - {known for _, known in explained} == set()
