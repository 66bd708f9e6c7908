"""`python -m local.cloud serve`: run the local cloud in the foreground until Ctrl-C or SIGTERM."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from local.cloud import server
from local.cloud.errors import LocalCloudError
from local.cloud.settings import HOST, LocalCloudSettings


def parse(arguments: Sequence[str]) -> LocalCloudSettings:
    """Return the settings that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m local.cloud", description="The pipeline's AWS services, locally.")
    serve = parser.add_subparsers(required=True, metavar="serve").add_parser(
        "serve", help="serve until Ctrl-C", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    serve.add_argument("--port", type=int, default=4566, help="port on 127.0.0.1; 0 takes any free one")
    serve.add_argument("--host", default=HOST, help="address to listen on; others than 127.0.0.1 let anybody in")
    serve.add_argument(
        "--state", dest="state_dir", type=Path, default=Path("var/cloud"), help="folder that holds all state"
    )
    serve.add_argument("--reshard-seconds", type=float, default=1.0, help="how long a resharded stream is UPDATING")
    serve.add_argument("--reshard-operation-seconds", type=float, default=0.05, help="more for each split or merge")
    serve.add_argument(
        "--fsync",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="answer once the disk has it; without, a power cut takes what was answered",
    )
    serve.add_argument("--spark-home", type=Path, help="the Spark that runs jobs; without, that of this environment")
    serve.add_argument("--request-log", type=Path, help="file that gets a JSON line for each request")
    given = parser.parse_args(arguments)
    if not 0 <= given.port <= 65535:
        parser.error(f"--port {given.port} is not between 0 and 65535")
    given.state_dir = given.state_dir.resolve()
    return LocalCloudSettings(**vars(given))


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve; return 0 after a clean stop, 1 with one sentence if it cannot start or a part of it failed."""
    settings = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        server.serve(settings)
    except LocalCloudError as error:
        print(f"local cloud: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
