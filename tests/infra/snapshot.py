"""`make snapshot`: the templates as text that a reviewer reads in a diff, beside the tests that hold it against them.

What API Gateway renders, the event's schema and the queries of docs/queries.md stand elsewhere in the repository, so
long texts are left out, and so are the ids of deployments, which are hashes of them.
"""

import json
import re
from pathlib import Path
from typing import Any, Final

from infra.settings import settings_of
from infra.synth import synthesized

SNAPSHOT: Final = Path(__file__).with_name("template.snapshot.txt")
_LONGEST: Final = 160
_LONG: Final = "(a long text)"
_DEPLOYMENT: Final = re.compile(r"Deployment[0-9a-f]{30,}")


def rendered(document: Any) -> str:
    """Return a template, one line for each value, in the order of its keys."""
    return "\n".join(_lines(document["Resources"], "")) + "\n\n" + "\n".join(_lines(document["Outputs"], "")) + "\n"


def _lines(value: Any, indent: str) -> list[str]:
    if isinstance(value, dict) and not _is_short(value):
        found = []
        for key, inner in sorted(value.items()):
            if isinstance(inner, dict | list) and not _is_short(inner):
                found += [f"{indent}{key}:", *_lines(inner, indent + "  ")]
            else:
                found.append(f"{indent}{key}: {_text(inner)}")
        return found
    if isinstance(value, list) and not _is_short(value):
        return [line for one in value for line in (f"{indent}-", *_lines(one, indent + "  "))]
    return [f"{indent}{_text(value)}"]


def _is_short(value: Any) -> bool:
    return len(json.dumps(value)) <= _LONGEST and not (isinstance(value, dict) and "Type" in value)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= _LONGEST and "\n" not in text else _LONG


def current() -> str:
    """Return the snapshot of production's template as it is now."""
    return _DEPLOYMENT.sub("Deployment…", rendered(json.loads(synthesized(settings_of("prod")))))


if __name__ == "__main__":
    SNAPSHOT.write_text(current(), encoding="utf-8")
    print(f"wrote {SNAPSHOT}")
