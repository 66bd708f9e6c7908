"""Steps of tasks that send each other rows, run one after the other as Spark would, without it."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import count
from pathlib import Path

import pyarrow as pa

from spark_jobs.lake.data_files import DataFile
from spark_jobs.lake.duckdb_tasks import TaskResults
from spark_jobs.lake.exchange import Sent, Step, Yielded


class Exchange:
    """What tasks yield, kept: results as the driver has them, and files for the next step's tasks."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.numbers = count()
        self.files: list[DataFile] = []
        self.tables: dict[str, list[pa.Table]] = defaultdict(list)
        self.sent: dict[int, dict[str, list[str]]] = {}

    def take(self, yielded: Iterable[Yielded]) -> None:
        for one in yielded:
            match one:
                case Sent():
                    path = self.directory / f"{next(self.numbers)}.parquet"
                    path.write_bytes(one.content)
                    self.sent.setdefault(one.part, {}).setdefault(one.relation, []).append(str(path))
                case DataFile():
                    self.files.append(one)
                case kind, rows:
                    self.tables[kind].append(rows)

    def run(self, steps: Iterable[Step]) -> None:
        """Run the steps, and see that no task is sent what is not its part."""
        for step in steps:
            sent, self.sent = self.sent, {}
            assert set(sent) <= set(range(step.tasks))
            for of_part in sent.values():
                self.take(step.results(of_part))
        assert not self.sent

    def results(self) -> TaskResults:
        return TaskResults(files=self.files, tables=self.tables)
