"""Python commands → whether each is there and takes its options, without what it would do then.

Standard input has a JSON list of commands, each a list of words after `python`; standard output an answer for each: an
empty text, or what was wrong. A process of its own, for the commands' modules are run as `__main__`.
"""

import argparse
import contextlib
import io
import json
import runpy
import sys
import warnings
from collections.abc import Sequence
from typing import Any


class _ParsedError(BaseException):
    """The options were taken; nothing more shall happen."""


def main() -> None:
    """Answer."""
    _stop_after_parsing()
    answers = [parse(words) for words in json.load(sys.stdin)]
    json.dump(answers, sys.stdout)


def parse(words: Sequence[str]) -> str:
    """Run one command until its options are parsed; return what was wrong."""
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(errors), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a module that another command imported is run once more
            _start(list(words))
    except _ParsedError:
        return ""
    except SystemExit as end:
        return f"status {end.code}: {errors.getvalue()}"
    except Exception as error:  # noqa: BLE001 (whatever it is, it is the answer)
        return repr(error)
    return "it ended without looking at its options"


def _start(words: list[str]) -> None:
    if words[:1] == ["-m"]:
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        runpy.run_path(words[0], run_name="__main__")


def _stop_after_parsing() -> None:
    parse_args = argparse.ArgumentParser.parse_args

    def stop(self: argparse.ArgumentParser, *arguments: Any, **named: Any) -> Any:
        parse_args(self, *arguments, **named)
        raise _ParsedError

    setattr(argparse.ArgumentParser, "parse_args", stop)  # noqa: B010 (what a class has is no variable)


if __name__ == "__main__":
    main()
