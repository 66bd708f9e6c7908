"""The command line: three commands, one way to say what went wrong.

Standard output carries the summary only (one line, or JSON with `--json`); progress and errors go to standard error.
Exit status: 0 all done, 1 not all done (the message says what), 2 bad arguments, 130 interrupted.
"""

import argparse
import sys
from collections.abc import Sequence

from simulator import history_command, replay_command, stream_command
from simulator.errors import SimulatorError

_DESCRIPTION = """\
Visitors of a shop as a stream of events.

  stream    visitors of this moment, sent over HTTP to the API
  history   visitors of past hours, written straight under the raw prefix, as Firehose would have left them
  replay    a file of events (JSON lines, gz or not) instead of made ones; sent, or laid down
"""

_EXAMPLES = """\
examples:
  python -m simulator stream  --api-url http://127.0.0.1:4566/… --rate 200 --shape wave --speedup 60 --duration 300
  python -m simulator stream  --api-url https://…/prod --events 100000 --rate 0 --defects default --manifest live.json
  python -m simulator history --raw s3://bucket/raw --from 2026-11-20T00 --to 2026-11-21T00 --rate 50
  python -m simulator replay  events.jsonl.gz --raw out/raw
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(
        prog="python -m simulator",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="{stream,history,replay}")
    for command in (stream_command, history_command, replay_command):
        command.add_parser(commands)
    return top


def main(arguments: Sequence[str]) -> int:
    """Run a command and return the process's exit status."""
    options = parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except SimulatorError as error:
        print(f"simulator: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("simulator: interrupted; what was made so far is not complete", file=sys.stderr)
        return 130
