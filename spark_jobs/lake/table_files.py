"""Data files of a table, listed and added in one call to the JVM each, however many they are.

Through py4j each file would be up to twenty messages: a run of a sparse year has thousands of files, and would wait
longer for these messages than for all the rest. So a few lines of Java, compiled by the compiler that comes with Spark,
do it for all files of a scan or of a commit. They take a new file's metrics from its footer, as the table's settings
ask for. (`ParquetUtil.fileMetrics` would fetch the footer once more, and makes a Hadoop configuration for each file.)
"""

import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

from pyspark.sql import SparkSession

from spark_jobs.lake.data_files import DataFile
from spark_jobs.lake.iceberg import elements
from spark_jobs.lake.session import java_class

#: The package in which Iceberg's Spark runtime has its own copy of Parquet.
_PARQUET: Final = "org.apache.iceberg.shaded.org.apache.parquet"

_SOURCE: Final = f"""
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Iterator;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.DataFiles;
import org.apache.iceberg.DeleteFile;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.HasTableOperations;
import org.apache.iceberg.ManifestContent;
import org.apache.iceberg.ManifestFile;
import org.apache.iceberg.ManifestFiles;
import org.apache.iceberg.MetricsConfig;
import org.apache.iceberg.OverwriteFiles;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.Table;
import org.apache.iceberg.TableMetadata;
import org.apache.iceberg.TableScan;
import org.apache.iceberg.expressions.Expression;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.parquet.ParquetUtil;
import org.apache.iceberg.types.Conversions;
import org.apache.iceberg.types.Types;
import {_PARQUET}.ParquetReadOptions;
import {_PARQUET}.format.converter.ParquetMetadataConverter;

public class TableFiles {{
    // Reading the defaults takes a Hadoop configuration, which is 280 jars searched and an XML file parsed: once.
    private final ParquetReadOptions readOptions = ParquetReadOptions.builder().build();

    public String list(Table table, long snapshot, Expression filter, String measured) throws IOException {{
        StringBuilder lines = new StringBuilder();
        TableScan scan = (TableScan) table.newScan().useSnapshot(snapshot);  // this compiler knows no generics
        scan = (TableScan) scan.filter(filter);
        String[] columns = measured.isEmpty() ? new String[0] : measured.split(" ");
        if (columns.length > 0) {{
            scan = (TableScan) scan.includeColumnStats();
        }}
        CloseableIterable files = scan.planFiles();
        for (Iterator tasks = files.iterator(); tasks.hasNext(); ) {{
            DataFile file = (DataFile) ((FileScanTask) tasks.next()).file();
            lines.append(file.recordCount()).append(' ');
            for (int field = 0; field < file.partition().size(); field++) {{
                lines.append(field == 0 ? "" : ",").append(file.partition().get(field, Object.class));
            }}
            for (int column = 0; column < columns.length; column++) {{
                Types.NestedField field = table.schema().findField(columns[column]);
                lines.append(' ').append(value(file.nullValueCounts(), field.fieldId()));
                lines.append(' ').append(bound(file.lowerBounds(), field));
                lines.append(' ').append(bound(file.upperBounds(), field));
            }}
            lines.append(' ').append(file.location()).append('\\0');  // no path has this character
        }}
        files.close();
        return lines.toString();
    }}

    public String inUse(Table table) throws IOException {{
        StringBuilder lines = new StringBuilder();
        TableMetadata metadata = ((HasTableOperations) table).operations().current();
        lines.append(metadata.metadataFileLocation()).append('\0');
        for (Iterator entries = metadata.previousFiles().iterator(); entries.hasNext(); ) {{
            lines.append(((TableMetadata.MetadataLogEntry) entries.next()).file()).append('\0');
        }}
        Set seen = new HashSet();
        for (Iterator snapshots = metadata.snapshots().iterator(); snapshots.hasNext(); ) {{
            Snapshot snapshot = (Snapshot) snapshots.next();
            lines.append(snapshot.manifestListLocation()).append('\0');
            for (Iterator all = snapshot.allManifests(table.io()).iterator(); all.hasNext(); ) {{
                ManifestFile manifest = (ManifestFile) all.next();
                if (seen.add(manifest.path())) {{
                    lines.append(manifest.path()).append('\0');
                    appendFiles(lines, manifest, table);
                }}
            }}
        }}
        return lines.toString();
    }}

    private static void appendFiles(StringBuilder lines, ManifestFile manifest, Table table) throws IOException {{
        CloseableIterable files = manifest.content() == ManifestContent.DATA
            ? (CloseableIterable) ManifestFiles.readPaths(manifest, table.io())
            : (CloseableIterable) ManifestFiles.readDeleteManifest(manifest, table.io(), table.specs());
        for (Iterator each = files.iterator(); each.hasNext(); ) {{
            Object file = each.next();
            lines.append(file instanceof DeleteFile ? ((DeleteFile) file).location() : file).append('\0');
        }}
        files.close();
    }}

    private static Object bound(Map bounds, Types.NestedField field) {{
        Object bound = value(bounds, field.fieldId());
        Object value = bound == null ? null : Conversions.fromByteBuffer(field.type(), (ByteBuffer) bound);
        return value instanceof Number ? value : null;  // of a text, only the beginning is kept
    }}

    private static Object value(Map values, int id) {{
        return values == null ? null : values.get(Integer.valueOf(id));
    }}

    public void add(OverwriteFiles commit, Table table, byte[] files) throws IOException {{
        MetricsConfig metrics = MetricsConfig.forTable(table);
        ParquetMetadataConverter converter = new ParquetMetadataConverter(readOptions);
        DataInputStream input = new DataInputStream(new ByteArrayInputStream(files));
        while (input.available() > 0) {{
            String location = new String(next(input), StandardCharsets.UTF_8);
            String partition = new String(next(input), StandardCharsets.UTF_8);
            long size = input.readLong();
            ByteArrayInputStream footer = new ByteArrayInputStream(next(input));
            commit.addFile(
                DataFiles.builder(table.spec())
                    .withPath(location)
                    .withFormat("parquet")
                    .withFileSizeInBytes(size)
                    .withPartitionPath(partition)
                    .withSortOrder(table.sortOrder())
                    .withMetrics(
                        ParquetUtil.footerMetrics(converter.readParquetMetadata(footer), Stream.empty(), metrics))
                    .build());
        }}
    }}

    private static byte[] next(DataInputStream input) throws IOException {{
        byte[] bytes = new byte[input.readInt()];
        input.readFully(bytes);
        return bytes;
    }}
}}
"""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a writer noted of a column of a file: a time in microseconds, which a double holds exactly.

    A column without a value has no bounds, and neither has a text.
    """

    nulls: int
    lowest: float | None
    highest: float | None


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A data file of a snapshot, its rows, and the value of each of the table's partition columns.

    An hour or a day is a number, counted from the epoch.
    """

    location: str
    rows: int
    partition: tuple[str, ...] = ()
    measured: Mapping[str, Measured] = field(default_factory=dict)


def list_files(
    spark: SparkSession, handle: Any, snapshot: int, condition: Any, measured: Sequence[str]
) -> list[StoredFile]:
    """Return the files of a snapshot that may have rows for which an Iceberg expression holds, by their location.

    `measured` are the columns whose nulls and bounds each file shall have.
    """
    lines = _compiled(spark, handle).list(handle, snapshot, condition, " ".join(measured)).split("\0")[:-1]
    return sorted((_stored_file(line, measured) for line in lines), key=attrgetter("location"))


def files_in_use(spark: SparkSession, handle: Any) -> list[str]:
    """Return the location of every file that a table has, of metadata and of rows, those of all its snapshots."""
    locations: list[str] = _compiled(spark, handle).inUse(handle).split("\0")[:-1]
    return locations


def _stored_file(line: str, measured: Sequence[str]) -> StoredFile:
    rows, partition, *figures, location = line.split(" ", 2 + 3 * len(measured))
    triples = zip(measured, figures[::3], figures[1::3], figures[2::3], strict=True)
    return StoredFile(
        location=location,
        rows=int(rows),
        partition=tuple(partition.split(",")) if partition else (),
        measured={
            column: Measured(nulls=int(_figure(nulls) or 0), lowest=_figure(lowest), highest=_figure(highest))
            for column, nulls, lowest, highest in triples
        },
    )


def _figure(text: str) -> float | None:
    return None if text == "null" else float(text)


def add_files(spark: SparkSession, handle: Any, commit: Any, files: Collection[DataFile]) -> None:
    """Add files of a table to an `OverwriteFiles` of Iceberg's (py4j has no types)."""
    if files:
        columns = [field.name() for field in elements(handle.spec().fields())]
        _compiled(spark, handle).add(commit, handle, b"".join(_packed(columns, files)))


def _packed(columns: list[str], files: Iterable[DataFile]) -> Iterator[bytes]:
    """Yield what Java reads of each file: two texts, a number, and the footer."""
    for file in files:
        path = "/".join(f"{column}={value}" for column, value in zip(columns, file.partition, strict=True))
        yield _framed(file.location.encode())
        yield _framed(path.encode())
        yield struct.pack(">q", file.size)
        yield _framed(file.footer)


def _framed(content: bytes) -> bytes:
    return struct.pack(">i", len(content)) + content


#: The oldest version of Java with static methods of interfaces.
_JAVA: Final = 8
#: The compiled class's only object in each JVM.
_OBJECTS: Final[dict[int, Any]] = {}


def _compiled(spark: SparkSession, handle: Any) -> Any:
    jvm = id(spark._jvm)
    if jvm not in _OBJECTS:
        compiler = java_class(spark, "org.codehaus.janino.SimpleCompiler")()
        compiler.setParentClassLoader(handle.getClass().getClassLoader())
        compiler.setTargetVersion(_JAVA)
        compiler.cook(_SOURCE)
        _OBJECTS[jvm] = compiler.getClassLoader().loadClass("TableFiles").newInstance()
    return _OBJECTS[jvm]
