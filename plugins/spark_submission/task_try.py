"""One try of one task → the names by which a service outside Airflow knows it."""

import hashlib
from dataclasses import dataclass
from typing import Final

from airflow.sdk import Context

_NAME_LIMIT: Final = 256


@dataclass(frozen=True, kw_only=True)
class TaskTry:
    """Which task of which run, for which partition, and how often it was begun."""

    dag_id: str
    task_id: str
    run_id: str
    partition_key: str | None
    try_number: int

    @classmethod
    def of(cls, context: Context) -> "TaskTry":
        """Return the try that is being executed."""
        instance = context["ti"]
        return cls(
            dag_id=instance.dag_id,
            task_id=instance.task_id,
            run_id=instance.run_id,
            partition_key=context["dag_run"].partition_key,
            try_number=instance.try_number,
        )

    @property
    def client_token(self) -> str:
        """A hash of the try: 64 characters, the most that EMR Serverless takes."""
        return _hash(self._task, str(self.try_number))

    @property
    def job_name(self) -> str:
        """A name that a person can read, and that tells the tries of one task apart from all else."""
        return f"{self._stem}{self.try_number}"

    def is_earlier(self, job_name: str) -> bool:
        """Whether a job's name is that of another try of the same task."""
        return job_name.startswith(self._stem) and job_name != self.job_name

    @property
    def _task(self) -> str:
        return _hash(self.dag_id, self.task_id, self.run_id, self.partition_key or "")

    @property
    def _stem(self) -> str:
        readable = f"{self.dag_id}.{self.task_id} {self.partition_key or self.run_id}"
        return f"{readable[: _NAME_LIMIT - 40]} {self._task[:16]} try "


def _hash(*parts: str) -> str:
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()
