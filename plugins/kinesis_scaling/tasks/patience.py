"""When a trigger first looks, and how long it bears with an AWS that does not answer."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from kinesis_scaling.errors import AwsUnavailableError

#: A trigger looks at nothing sooner. One that fires at once may do so before a busy scheduler has noticed that the task
#: was deferred, which then takes the resumed task for one that was killed. (Airflow 3.3, `process_executor_events`.)
FIRST_LOOK: Final = timedelta(seconds=10)
#: Doublings after which the longest pause is reached for sure.
_ENOUGH: Final = 16


@dataclass(kw_only=True)
class Patience:
    """Counts failures in a row; `failed` returns the pause until the next try, or raises the error again."""

    limit: timedelta
    shortest: timedelta = timedelta(seconds=2)
    longest: timedelta = timedelta(seconds=60)
    _since: datetime | None = field(default=None, init=False)
    _failures: int = field(default=0, init=False)

    def failed(self, error: AwsUnavailableError, now: datetime) -> timedelta:
        """Note a failure at `now`."""
        if self._since is None:
            self._since = now
        if now - self._since >= self.limit:
            raise AwsUnavailableError(f"{error}; so it has been since {self._since:%H:%M:%S} UTC") from error
        pause = min(self.shortest * (1 << self._failures), self.longest)
        self._failures = min(self._failures + 1, _ENOUGH)
        return pause

    def succeeded(self) -> None:
        """Forget the failures."""
        self._since, self._failures = None, 0
