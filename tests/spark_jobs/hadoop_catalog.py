"""pyiceberg on the directory of Spark's Hadoop catalog, so that both work on one table, without a Glue catalog."""

from pathlib import Path
from typing import Any

from pyiceberg.catalog.memory import InMemoryCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.io import load_file_io
from pyiceberg.serializers import FromInputFile, ToOutputFile
from pyiceberg.table import CommitTableResponse, Table
from pyiceberg.table.metadata import TableMetadata

from spark_jobs.lake.lake import Lake


class HadoopCatalog(InMemoryCatalog):
    """Tables as Iceberg's HadoopTableOperations keeps them: v<n>.metadata.json, and its number in version-hint.text."""

    def __init__(self, lake: Lake) -> None:
        super().__init__("hadoop", warehouse=Path(lake.warehouse_uri).as_uri())
        self._warehouse = Path(lake.warehouse_uri)

    def load_table(self, identifier: Any) -> Table:
        folder = self._folder(identifier)
        if not (folder / "version-hint.text").exists():
            raise NoSuchTableError(str(identifier))
        location = (folder / f"v{self._version(folder)}.metadata.json").as_uri()
        io = load_file_io(location=location)
        metadata = FromInputFile.table_metadata(io.new_input(location))
        return Table(identifier, metadata, location, io, catalog=self)

    def create_table(self, identifier: Any, schema: Any, *given: Any, **named: Any) -> Table:
        location = self._folder(identifier).parent.as_uri()
        staged = self._create_staged_table(identifier, schema, location, *given, **named)
        self._keep(identifier, staged.metadata, version=1)
        return self.load_table(identifier)

    def commit_table(self, table: Table, requirements: Any, updates: Any) -> CommitTableResponse:
        current = self.load_table(table.name())
        staged = self._update_and_stage_table(current, table.name(), requirements, updates)
        version = self._version(self._folder(table.name())) + 1
        location = self._keep(table.name(), staged.metadata, version=version)
        return CommitTableResponse.model_validate({"metadata": staged.metadata, "metadata-location": location})

    def _keep(self, identifier: Any, metadata: TableMetadata, *, version: int) -> str:
        folder = self._folder(identifier)
        location = (folder / f"v{version}.metadata.json").as_uri()
        ToOutputFile.table_metadata(metadata, load_file_io(location=location).new_output(location))
        (folder / "version-hint.text").write_text(str(version))
        return location

    def _folder(self, identifier: Any) -> Path:
        return self._warehouse.joinpath(*identifier) / "metadata"

    @staticmethod
    def _version(folder: Path) -> int:
        return int((folder / "version-hint.text").read_text())
