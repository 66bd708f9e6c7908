"""A raw object is read to its end before its first line is given: whole, or not at all."""

import bz2
import gzip
import lzma
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.versions import RawObject
from spark_jobs.raw import raw_lines
from spark_jobs.raw.raw_lines import UnreadableObjectError, chunks, decompressed, line_chunks, sound_lines
from storage.directory import DirectoryStore


def unpacked(*blocks: bytes) -> bytes:
    return b"".join(decompressed(blocks))


@given(lines=st.lists(st.one_of(st.just(b""), st.just(b"x" * 50)), min_size=1, max_size=60), most=st.integers(1, 9))
def test_a_chunk_has_no_more_lines_than_are_judged_at_once(lines: list[bytes], most: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(raw_lines, "MOST_LINES", most)
        given_out = list(chunks([b"\n".join(lines) + b"\n"], raw_lines.CHUNK))
    assert b"".join(given_out) == b"\n".join(lines) + b"\n"
    assert all(1 <= chunk.count(b"\n") <= most and chunk.endswith(b"\n") for chunk in given_out)


def test_members_that_follow_each_other_are_one_stream() -> None:
    assert unpacked(gzip.compress(b"a\n") + gzip.compress(b"") + gzip.compress(b"b\n")) == b"a\nb\n"


@given(text=st.binary(max_size=2000), size=st.integers(1, 50))
def test_blocks_may_end_anywhere(text: bytes, size: int) -> None:
    packed = gzip.compress(text) + gzip.compress(text)
    assert unpacked(*(packed[i : i + size] for i in range(0, len(packed), size))) == text + text


def test_zeros_after_the_last_member_are_padding() -> None:
    assert unpacked(gzip.compress(b"a\n") + bytes(512), bytes(3)) == b"a\n"


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(b"", id="no bytes"),
        pytest.param(b"plain text\n", id="not gzip"),
        pytest.param(gzip.compress(b"a\n" * 1000)[:-1], id="cut in the trailer"),
        pytest.param(gzip.compress(bytes(range(256)) * 100)[:200], id="cut in the middle"),
        pytest.param(gzip.compress(b"a\n") + b"rubbish", id="rubbish after the end"),
        pytest.param(gzip.compress(b"a\n" * 99)[:-8] + bytes(8), id="wrong checksum"),
    ],
)
def test_a_stream_that_is_not_sound_is_unreadable(packed: bytes) -> None:
    with pytest.raises(UnreadableObjectError):
        unpacked(packed)


def test_a_bomb_comes_in_pieces() -> None:
    packed = gzip.compress(bytes(64 * 1024 * 1024))
    assert max(map(len, decompressed([packed]))) <= 4 * 1024 * 1024


@given(pieces=st.lists(st.one_of(st.binary(max_size=30), st.just(b"a\nb")), max_size=20), size=st.integers(1, 40))
def test_chunks_are_whole_lines_and_lose_nothing(pieces: list[bytes], size: int) -> None:
    cut = list(chunks(pieces, size))
    assert b"".join(cut) == b"".join(pieces)
    assert all(chunk.endswith(b"\n") for chunk in cut[:-1])
    assert b"" not in cut


@given(pieces=st.lists(st.binary(max_size=30), max_size=20), held=st.integers(0, 200))
def test_what_is_more_than_may_be_held_comes_out_of_a_file_after_the_rest(pieces: list[bytes], held: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(raw_lines, "SPOOL_IN_MEMORY", held)
        patched.setattr(raw_lines, "CHUNK", 10)
        with line_chunks(pieces) as cut:
            assert b"".join(cut) == b"".join(pieces)


def object_of(directory: Path, name: str, content: bytes) -> tuple[DirectoryStore, RawObject]:
    raw = directory / "raw"
    raw.mkdir(exist_ok=True)
    (raw / name).write_bytes(content)
    return DirectoryStore(directory=raw), RawObject(key=f"raw/{name}", etag="", size=len(content))


@pytest.mark.parametrize("name", ["lines", "lines.gz", "lines.zst"])
@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param(b"a\nb", b"a\nb", id="text"),
        pytest.param(b"\xef\xbb\xbf{}\n", b"\xef\xbb\xbf{}\n", id="text-with-a-mark"),
        pytest.param(gzip.compress(b"a\nb"), b"a\nb", id="gzip"),
        pytest.param(b"", b"", id="no-bytes"),
        pytest.param("ключ\n".encode() * 200, "ключ\n".encode() * 200, id="other-scripts"),
    ],
)
def test_gzip_is_known_by_its_first_bytes_whatever_the_name(
    tmp_path: Path, name: str, content: bytes, text: bytes
) -> None:
    store, raw_object = object_of(tmp_path, name, content)
    with sound_lines(store, raw_object) as lines:
        assert b"".join(lines) == text


@given(text=st.binary(max_size=2000), size=st.sampled_from([1, 2, 7, 50]), packed=st.booleans())
def test_what_an_object_is_does_not_depend_on_where_its_blocks_end(text: bytes, size: int, packed: bool) -> None:
    content = gzip.compress(text) if packed else b"{}\n" + text
    blocks = (content[i : i + size] for i in range(0, len(content), size))
    assert b"".join(raw_lines.unpacked(blocks, "raw/lines")) == (text if packed else content)


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        pytest.param("a", bz2.compress(b"{}\n"), "but compressed with bzip2", id="bzip2"),
        pytest.param("a.gz", lzma.compress(b"{}\n"), "but compressed with xz", id="xz"),
        pytest.param("a.zst", b"\x28\xb5\x2f\xfd\x20\0", "but compressed with Zstandard", id="zstandard"),
        pytest.param("a", '{"a":1}'.encode("utf-16"), "but text in UTF-16", id="utf-16"),
        pytest.param("a.gz", gzip.compress(b"{}\n" * 9)[2:], "but binary data", id="gzip-without-its-head"),
        pytest.param("a.gz", bytes(100), "but binary data", id="zeros"),
    ],
)
def test_an_object_of_another_format_is_unreadable_and_named(
    tmp_path: Path, name: str, content: bytes, named: str
) -> None:
    store, raw_object = object_of(tmp_path, name, content)
    with pytest.raises(UnreadableObjectError, match=named), sound_lines(store, raw_object):
        pytest.fail("lines were given")


def test_no_chunk_is_given_of_an_object_that_is_corrupt_at_its_end(tmp_path: Path) -> None:
    store, raw_object = object_of(tmp_path, "o.gz", gzip.compress(b"line\n" * 1_000_000)[:-4])
    with pytest.raises(UnreadableObjectError, match="cut off"), sound_lines(store, raw_object):
        pytest.fail("lines were given")


def test_bytes_without_newlines_are_no_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_lines, "MAX_BUFFERED_LINE", 100)
    store, raw_object = object_of(tmp_path, "o", b"ok\n" + b"x" * 101)
    with pytest.raises(UnreadableObjectError, match="without a newline"), sound_lines(store, raw_object):
        pytest.fail("lines were given")
