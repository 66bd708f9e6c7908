"""People who look at all pages of a running Airflow, each with a connection of their own, while something else runs."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Final

import httpx

from pages.views import VIEWS

#: Between two looks of a person, in seconds.
_PAUSE: Final = 1.0
#: A slow answer is no failure.
_PATIENCE: Final = 300.0


def look_until(done: Future[Any], *, airflow_url: str, people: int) -> Sequence[str]:
    """Have so many people look at every view, and again until `done` is; return which requests failed, and how."""
    headers = {"Authorization": f"Bearer {_token(airflow_url)}"}
    with ThreadPoolExecutor(people) as pool:
        looks = [pool.submit(_look, done, f"{airflow_url}/clickstream/", headers, first) for first in range(people)]
        return [failed for look in looks for failed in look.result()]


def _look(done: Future[Any], url: str, headers: dict[str, str], first: int) -> Sequence[str]:
    failed, looks = [], 0
    with httpx.Client(base_url=url, headers=headers, timeout=_PATIENCE) as client:
        while looks < len(VIEWS) or not done.done():
            path = f"data/{VIEWS[(first + looks) % len(VIEWS)].ID}"
            looks += 1
            try:
                answer = client.get(path)
            except httpx.TransportError as error:
                failed.append(f"{path}: {error!r}")
            else:
                if answer.status_code != httpx.codes.OK:
                    failed.append(f"{path}: {answer.status_code} {answer.text[:300]}")
            wait([done], timeout=_PAUSE)
    return failed


def _token(airflow_url: str) -> str:
    return str(httpx.get(f"{airflow_url}/auth/token", timeout=_PATIENCE).raise_for_status().json()["access_token"])
