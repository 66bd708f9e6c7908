"""`python -m infra.diff --environment prod`: what a deployment would change, in words; nothing is changed."""

import sys
from collections.abc import Sequence

from infra.command import Target, parser_of, run
from infra.synth import synthesized


def diff(target: Target) -> None:
    """Print what CloudFormation would do."""
    deployment = target.deployment(synthesized(target.settings))
    proposed = deployment.propose()
    if proposed is None:
        print("nothing would change")
        return
    deployment.discard(proposed)
    print(f"{target.settings.names.stack} in {target.account}:")
    for line in proposed.lines():
        print(line)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the difference; 0 also if there is one."""
    given = parser_of("diff", "Say what a deployment would change.").parse_args(arguments)
    return run("diff", given, diff)


if __name__ == "__main__":
    sys.exit(main())
