"""`python -m kinesis_scaling COMMAND`: the scaling policy on the command line; `--help` lists the commands."""

import argparse
import os
import sys
from collections.abc import Sequence

from kinesis_scaling.decisions.commands import add_explain, add_explained
from kinesis_scaling.errors import KinesisScalingError
from kinesis_scaling.simulation.commands import add_robustness, add_simulate


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0, or 2 for what cannot be used."""
    given = _parser().parse_args(arguments)
    try:
        given.run(given)
    except KinesisScalingError as error:
        print(f"kinesis_scaling: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever reads our output has seen enough; docs.python.org/3/library/signal.html
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kinesis_scaling", description="Scaling of Kinesis streams")
    commands = parser.add_subparsers(required=True, metavar="command")
    add_simulate(commands)
    add_robustness(commands)
    add_explain(commands)
    add_explained(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
