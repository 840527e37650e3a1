"""Touchpoint files: every line becomes a record, whole and in order, or the file is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from streamseg.datasets import jsonl
from streamseg.errors import ConfigError

LINES = [
    b'{"event_id":"e1","customer_id":"c1","type":"view","event_time":"2011-08-31T23:59:59.999Z"}',
    b'{"event_id":"e2","customer_id":"c\xc3\xa9","type":"view","event_time":1314835200000}',
    b'{"event_id":"e3","customer_id":"c1","type":"view","event_time":"soon"}',
    b"not JSON",
]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_what_is_written_is_read_back_byte_for_byte(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert jsonl.write(path, LINES) == 4
    assert [record.value for chunk in jsonl.read(path) for record in chunk] == LINES


def test_gzip_is_known_by_its_bytes_not_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(gzip.compress(b"\n".join(LINES)))
    assert [record.value for chunk in jsonl.read(path) for record in chunk] == LINES


def test_the_same_lines_give_the_same_file(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl.gz"
    jsonl.write(first, LINES)
    jsonl.write(second, LINES)
    assert first.read_bytes() == second.read_bytes()


def test_the_key_is_the_customer_id_in_utf8_and_empty_where_none_can_be_read() -> None:
    lines = [*LINES, b"[1]", b'{"customer_id":7}', b'{"event_id":"e"}']
    assert [record.key for record in jsonl.records(lines)] == [b"c1", "cé".encode(), b"c1", b"", b"", b"", b""]


def test_chunks_are_full_but_the_last_and_offsets_count_records_not_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"{}\r\n\n{}\n   \n{}")
    chunks = list(jsonl.read(path, chunk=2))
    assert [[record.offset for record in chunk] for chunk in chunks] == [[0, 1], [2]]
    assert {record.value for chunk in chunks for record in chunk} == {b"{}"}


def test_a_file_cut_off_in_its_middle_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    jsonl.write(path, LINES)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ConfigError, match=r"a\.jsonl\.gz is damaged after line \d+ .*; make or copy the file again"):
        list(jsonl.read(path))


def test_a_missing_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"can't read .*gone\.jsonl: No such file or directory; give an existing"):
        list(jsonl.read(tmp_path / "gone.jsonl"))


def test_a_file_that_could_not_be_written_whole_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"can't write .*; choose a place that can be written"):
        jsonl.write(tmp_path / "no such folder" / "a.jsonl", LINES)
    assert list(tmp_path.iterdir()) == []
