"""`python -m simulator …`: see `python -m simulator --help`."""

import sys

from simulator.cli import main

# Guarded, because the processes of `history` import this module again.
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
