"""An environment's name → what `deploy`, `diff`, `destroy` and `outputs` work on, and how they end.

Each of them is 0 if it did what it says, and 1 with one sentence on standard error if it could not.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from infra.account import Account, account_at, in_plain_words
from infra.deployment import Deployment
from infra.errors import InfraError, NotConfirmedError, NotOnAwsError
from infra.settings import ENVIRONMENTS, EnvironmentSettings, settings_of
from infra.template_bucket import TemplateBucket

LOCAL_ENVIRONMENT: Final = "local"


@dataclass(frozen=True, kw_only=True)
class Target:
    """One environment in one account."""

    settings: EnvironmentSettings
    account: Account

    @property
    def template_bucket(self) -> TemplateBucket:
        """The bucket for a template that no request can carry; it may not be there."""
        account = self.account
        name = self.settings.names.template_bucket(account.number, account.region)
        return TemplateBucket(client=account.client("s3"), name=name, region=account.region)

    def deployment(self, template: str = "") -> Deployment:
        """Return the stack's deployment; without a template it can be looked at and deleted."""
        return Deployment(
            client=self.account.client("cloudformation"),
            stack_name=self.settings.names.stack,
            template=template,
            tags={"application": "clickstream", "environment": self.settings.names.environment},
            large_templates=self.template_bucket,
            poll_seconds=5 if self.account.endpoint_url is None else 0.2,
            report=say,
        )


def say(line: str) -> None:
    """Print a line for the person, where it does not mix with results."""
    print(line, file=sys.stderr, flush=True)


def parser_of(command: str, description: str) -> argparse.ArgumentParser:
    """Return a parser with what all of these commands take."""
    parser = argparse.ArgumentParser(prog=f"python -m infra.{command}", description=description)
    parser.add_argument("--environment", default=LOCAL_ENVIRONMENT, help=f"one of {', '.join(sorted(ENVIRONMENTS))}")
    parser.add_argument("--endpoint-url", default=os.environ.get("AWS_ENDPOINT_URL"), help="instead of AWS's own")
    return parser


def run(command: str, given: argparse.Namespace, work: Callable[[Target], None]) -> int:
    """Do the work on the environment that was named; return the exit code."""
    try:
        settings = settings_of(given.environment)
        if given.environment == LOCAL_ENVIRONMENT and given.endpoint_url is None:
            raise NotOnAwsError(given.environment)
        work(Target(settings=settings, account=account_at(given.endpoint_url)))
    except InfraError as error:
        say(f"{command}: {error}")
        return 1
    except (BotoCoreError, ClientError) as error:
        say(f"{command}: {in_plain_words(error)}")
        return 1
    return 0


def confirm(question: str, *, answer: str, given: str | None, remedy: str) -> None:
    """Ask a person to type `answer`, unless it was `given`; raise `NotConfirmedError` if it is anything else."""
    if given is None and sys.stdin.isatty():
        given = input(f"{question} Type {answer} to go on: ").strip()
    if given != answer:
        raise NotConfirmedError(f"nothing was done: {remedy}")


def lines_of(lines: Sequence[str]) -> None:
    """Print lines for the person."""
    for line in lines:
        say(line)
