"""Files of events are told from what else people bring, by their first bytes and never by their names."""

import bz2
import gzip
import io
import json
import lzma
import subprocess
import tarfile
import zipfile
from pathlib import Path

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.file_formats import BYTE_ORDER_MARK, why_no_events_file

EVENT = '{"timestamp":"2026-03-02 09:59:00","user_id":"d","click_id":"4","event_name":"Search"}'


def zipped() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("events.jsonl", EVENT)
    return archive.getvalue()


def archived() -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as file:
        member = tarfile.TarInfo("events.jsonl")
        member.size = len(EVENT)
        file.addfile(member, io.BytesIO(EVENT.encode()))
    return archive.getvalue()


def why_not(folder: Path, content: bytes, name: str = "events.jsonl") -> str | None:
    path = folder / name
    path.write_bytes(content)
    return why_no_events_file(path)


@pytest.mark.parametrize(
    ("content", "seems", "way"),
    [
        pytest.param("", "an empty file", "name a file that holds events", id="no-bytes"),
        pytest.param("\n \r\n", "an empty file", "name a file", id="blank-lines"),
        pytest.param("\ufeff", "an empty file", "name a file", id="only-a-mark"),
        pytest.param(f"[\n{EVENT},\n{EVENT}\n]\n", "a JSON array", "jq -c '.[]' > events-lines.jsonl", id="array"),
        pytest.param(f"[{EVENT}]", "a JSON array", "jq -c '.[]'", id="array-on-one-line"),
        pytest.param(f"[\n{EVENT}\n]\n", "a JSON array", "jq -c '.[]'", id="array-of-one"),
        pytest.param(f"[{','.join([EVENT] * 20_000)}]", "a JSON array", "jq -c '.[]'", id="array-longer-than-the-look"),
        pytest.param(f"[{EVENT}]\n" * 2, "JSON arrays, one on each line", "jq -c '.[]'", id="batches"),
        pytest.param(json.dumps(json.loads(EVENT), indent=2), "go over several lines", "jq -c .", id="pretty"),
        pytest.param(
            f'{{\n"events": [\n{EVENT},\n{EVENT}\n]}}', "go over several lines", "jq -c .", id="pretty-around"
        ),
        pytest.param(f'{{"events":[{EVENT}]}}', "a JSON object around an array", "jq -c '.events[]'", id="around"),
        pytest.param(f'{{"my events":[{EVENT}]}}', "around an array", """jq -c '.["my events"][]'""", id="odd-name"),
        pytest.param(EVENT + EVENT, "several JSON objects on one line", "jq -c .", id="one-after-another"),
        pytest.param(f"{EVENT},\n{EVENT},\n", "a comma after each", "sed ", id="commas"),
        pytest.param(f"\x1e{EVENT}\n\x1e{EVENT}\n", "a JSON text sequence", "tr -d '\\036'", id="text-sequence"),
        pytest.param(json.dumps(EVENT), "JSON strings that hold JSON", "jq -c fromjson", id="encoded-twice"),
        pytest.param(str(json.loads(EVENT)), "Python's notation", "ast.literal_eval", id="python"),
        pytest.param("timestamp,user_id\n2026-03-02,35\n", "CSV (timestamp, user_id)", "read_csv(", id="csv"),
        pytest.param('"timestamp","user_id"\n"a","b"\n', "CSV (timestamp, user_id)", "VARCHAR", id="quoted-csv"),
        pytest.param("timestamp;price\na;1,5\nb;2,5\n", "CSV with semicolons", "read_csv(", id="semicolons"),
        pytest.param("timestamp\tuser_id\na\tb\n", "TSV", "read_csv(", id="tabs"),
        pytest.param("<?xml version='1.0'?><a/>", "XML or HTML", "one on each line", id="xml"),
        pytest.param("[2026-03-02] GET /\n", "text without JSON objects", "one on each line", id="log"),
        pytest.param("1\n2\n", "text without JSON objects (it begins with '1')", "one on each line", id="numbers"),
        pytest.param(zipped(), "a ZIP archive", "unzip -p", id="zip"),
        pytest.param(archived(), "a tar archive", "tar -xO", id="tar"),
        pytest.param(b"\x28\xb5\x2f\xfd\x20\0", "compressed with Zstandard", "zstd -dc", id="zstandard"),
        pytest.param(bz2.compress(EVENT.encode()), "compressed with bzip2", "bzip2 -dc", id="bzip2"),
        pytest.param(bz2.compress(b""), "compressed with bzip2", "bzip2 -dc", id="bzip2-of-nothing"),
        pytest.param(lzma.compress(EVENT.encode()), "compressed with xz", "xz -dc", id="xz"),
        pytest.param(EVENT.encode("utf-16"), "text in UTF-16.", "iconv -f UTF-16 ", id="utf-16"),
        pytest.param(EVENT.encode("utf-16-le"), "text in UTF-16LE.", "iconv -f UTF-16LE ", id="utf-16-without-mark"),
        pytest.param(bytes(range(256)) * 4, "binary data (it begins with 00 01 02", "name a file", id="noise"),
        pytest.param(
            EVENT.encode() + b"\n" + bytes(range(256)) * 4, "binary data (it begins with 7b", "name a file", id="mixed"
        ),
    ],
)
def test_what_holds_no_events_is_named_with_the_way_out(
    tmp_path: Path, content: str | bytes, seems: str, way: str
) -> None:
    encoded = content.encode() if isinstance(content, str) else content
    plain, packed = why_not(tmp_path, encoded), why_not(tmp_path, gzip.compress(encoded))
    for sentence in (plain, packed):
        assert sentence is not None
        assert seems in sentence
        assert "Wanted are JSON lines: one event (docs/event.md) or envelope" in sentence
        assert way in sentence or f"zcat {tmp_path / 'events.jsonl'} > events-unpacked, and name" in sentence
    assert way in str(plain)


def test_a_parquet_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    duckdb.sql(f"COPY (SELECT 'Search' AS event_name) TO '{path}'")
    assert "a Parquet file" in (why_no_events_file(path) or "")


def test_gzip_within_gzip_is_named(tmp_path: Path) -> None:
    assert "GZIP of GZIP again" in (why_not(tmp_path, gzip.compress(gzip.compress(EVENT.encode()))) or "")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(EVENT, id="one-event-without-newline"),
        pytest.param("\ufeff" + EVENT, id="byte-order-mark"),
        pytest.param('{"received_at":1,"event":{}}\n', id="envelope"),
        pytest.param('{"ts":1,"products":[{"a":1}]}\n', id="events-of-another-shape"),
        pytest.param("no json\n" * 150 + EVENT, id="bad-lines-first"),
        pytest.param(f"[\n{EVENT}\n{EVENT}\n{EVENT}\n", id="a-bad-first-line"),
        pytest.param(f'{{"timestamp":"2026",\n{EVENT}\n{EVENT}\n', id="a-torn-first-line"),
        pytest.param('{"a":1,"b"\n{"a":2,"b"\n', id="broken-objects"),
        pytest.param('{"price":NaN}\n', id="not-a-number"),
        pytest.param("x" * 2_000_000 + f"\n{EVENT}\n", id="a-first-line-longer-than-the-look"),
        pytest.param(f"{EVENT}\n{EVENT}\n{chr(0) * 4096}\n{EVENT}\n", id="a-page-of-zeros-of-a-torn-write"),
        pytest.param(EVENT.replace("Search", "é" * 60).encode("latin-1") + b"\n" + EVENT.encode(), id="latin-1"),
    ],
)
def test_what_may_hold_events_is_let_through(tmp_path: Path, content: str | bytes) -> None:
    encoded = content.encode() if isinstance(content, str) else content
    assert why_not(tmp_path, encoded) is None
    assert why_not(tmp_path, gzip.compress(encoded)) is None


@given(
    before=st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line), max_size=20),
    mark=st.sampled_from([b"", BYTE_ORDER_MARK]),
)
@example(before=[bytes(6)], mark=b"")
def test_a_file_with_events_among_its_first_lines_is_none_of_these(
    tmp_path_factory: pytest.TempPathFactory, before: list[bytes], mark: bytes
) -> None:
    events = [EVENT.encode()] * (len(before) + 1)
    assert why_not(tmp_path_factory.mktemp("any"), mark + b"\n".join([*events, *before])) is None


def test_a_damaged_gzip_is_left_to_those_who_read_it_to_its_end(tmp_path: Path) -> None:
    assert why_not(tmp_path, b"\x1f\x8bnot really gzip") is None
    assert why_not(tmp_path, gzip.compress(EVENT.encode())[:-4]) is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("it's a file.csv", f"timestamp,user_id,note\n2026-03-02 09:59:00,35,{'x' * 100}\n", id="csv"),
        pytest.param("packed", gzip.compress(b"timestamp,user_id\n2026-03-02 09:59:00,35\n"), id="csv-in-gzip"),
        pytest.param("-x.txt", f"{json.loads(EVENT)}\n", id="python"),
        pytest.param("commas.json", f"{EVENT},\n{EVENT},\n", id="commas"),
        pytest.param("windows.jsonl", EVENT.encode("utf-16"), id="utf-16"),
    ],
)
def test_the_way_out_is_a_command_that_makes_json_lines_as_it_stands(
    tmp_path: Path, name: str, content: str | bytes
) -> None:
    sentence = why_not(tmp_path, content if isinstance(content, bytes) else content.encode(), name) or ""
    command = sentence.partition("The way there: ")[2].partition("; each row")[0]
    subprocess.run(["bash", "-ec", command], cwd=tmp_path, check=True)
    [made] = tmp_path.glob("*-lines.jsonl")
    lines = [json.loads(line) for line in made.read_text(encoding="utf-8-sig").splitlines()]
    assert {line["timestamp"] for line in lines} == {"2026-03-02 09:59:00"}
    assert all(type(line["user_id"]) is str for line in lines)
