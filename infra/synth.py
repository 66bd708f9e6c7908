"""`python -m infra.synth --environment local`: an environment's name → its CloudFormation template.

CDK needs some 20 s for what is always the same, so the text is kept under `var/templates/` by a hash of everything it
is made from: this package, the contracts and CDK's version.
"""

import argparse
import hashlib
import importlib.metadata
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from infra.errors import InfraError
from infra.node_runtime import put_node_on_path
from infra.settings import ENVIRONMENTS, EnvironmentSettings, settings_of

_ROOT: Final = Path(__file__).parents[1]
CACHE: Final = _ROOT / "var" / "templates"


def synthesized(
    settings: EnvironmentSettings, *, cache: Path = CACHE, report: Callable[[str], None] = lambda _line: None
) -> str:
    """Return the template as JSON, from the cache if nothing that it is made from has changed."""
    kept = cache / f"{settings.names.environment}-{_fingerprint(settings)}.json"
    if kept.is_file():
        return kept.read_text(encoding="utf-8")
    report(f"synthesizing the template of {settings.names.environment}: some 20 s, once for each change of it")
    put_node_on_path()
    from infra.app import template_json

    text = template_json(settings)
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = kept.with_suffix(f".{os.getpid()}")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(kept)
    return text


def _fingerprint(settings: EnvironmentSettings) -> str:
    digest = hashlib.sha256(f"{settings!r} {importlib.metadata.version('aws-cdk-lib')}".encode())
    for path in _sources():
        digest.update(f"\n{path.relative_to(_ROOT)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _sources() -> list[Path]:
    """The files that the template is made from; the local cloud is not among them."""
    infra, contracts = _ROOT / "infra", _ROOT / "contracts"
    return sorted([*infra.glob("*.py"), *infra.glob("mapping_templates/*.vtl"), *contracts.glob("*.py")])


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the template to standard output or a file."""
    parser = argparse.ArgumentParser(prog="python -m infra.synth", description="Write the CloudFormation template.")
    parser.add_argument("--environment", default="local", help=f"one of {', '.join(sorted(ENVIRONMENTS))}")
    parser.add_argument("--out", type=Path, help="file to write; standard output if left out")
    given = parser.parse_args(arguments)
    try:
        text = synthesized(settings_of(given.environment), report=_say)
    except InfraError as error:
        print(f"synth: {error}", file=sys.stderr)
        return 1
    if given.out is None:
        print(text)
    else:
        given.out.write_text(text + "\n", encoding="utf-8")
        _say(f"wrote {given.out}")
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
