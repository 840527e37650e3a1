"""Touchpoint files: `.jsonl` or `.jsonl.gz` in, records as they would stand on the topic out, in chunks; and back.

The key of a record is the customer id that its line names, in UTF-8. A line from which none can be read still becomes
a record, with the empty key, so that the worker dead-letters it instead of a file reader dropping it in silence; the
empty key (not a missing one) sends it to the same partition in a replay and in Kafka. Blank lines are no records.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from io import BufferedWriter
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from streamseg.errors import ConfigError

CHUNK: Final = 8_192
"""Records in one list: large enough that the columns of a batch pay, about 2 MB of lines."""


class FileRecord(NamedTuple):
    """One line as a record. A named tuple, not a dataclass: it is made once a line, at a third of the cost."""

    key: bytes
    """Customer id in UTF-8; empty where the line names none."""
    value: bytes
    """The line without its line ending, byte for byte."""
    offset: int
    """Number of records before it in its file (or partition)."""
    timestamp: int = -1
    """Append time: a file has none."""
    headers: tuple[tuple[str, bytes], ...] = ()


def read(path: Path, *, chunk: int = CHUNK) -> Iterator[list[FileRecord]]:
    """Give the records of a file in order, in lists of at most `chunk`.

    Args:
        path: A file of JSON lines; gzip is recognised by its first bytes, whatever the name.
        chunk: Most records in a list, at least 1.

    Raises:
        ConfigError: If the file can't be opened, or its compression is damaged.
    """
    yield from chunked(records(_lines(path)), chunk)


def records(lines: Iterable[bytes]) -> Iterator[FileRecord]:
    """Turn lines, with or without their line endings, into records.

    >>> [(r.key, r.offset) for r in records([b'{"customer_id":"c1"}', b'', b'not JSON'])]
    [(b'c1', 0), (b'', 1)]
    """
    offset = 0
    for line in lines:
        value = line.rstrip(b"\r\n")
        if not value.strip():
            continue
        yield FileRecord(_key(value), value, offset)
        offset += 1


def chunked(stream: Iterable[FileRecord], size: int) -> Iterator[list[FileRecord]]:
    """Cut a stream of records into lists of `size`; the last may be shorter, none is empty."""
    chunk: list[FileRecord] = []
    for record in stream:
        chunk.append(record)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def write(path: Path, lines: Iterable[bytes]) -> int:
    """Write lines to a file, compressed if its name ends in `.gz`, and return their number.

    The file appears under its name only when it is whole, and the same lines give the same bytes (gzip is told no time
    and no name).

    Raises:
        ConfigError: If the file can't be written.
    """
    partial = path.with_name(f"{path.name}.part")
    count = 0
    try:
        with open(partial, "wb") as raw:
            sink: BufferedWriter | gzip.GzipFile = raw
            if path.name.endswith(".gz"):
                sink = gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=5, mtime=0)
            for line in lines:
                sink.write(line + b"\n")
                count += 1
            if sink is not raw:
                sink.close()
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ConfigError(
            f"can't write {path}: {error.strerror or error}; choose a place that can be written"
        ) from error
    return count


def _lines(path: Path) -> Iterator[bytes]:
    number = 0
    try:
        with open(path, "rb") as raw:
            compressed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            source = gzip.GzipFile(fileobj=raw) if compressed else raw
            for number, line in enumerate(source, start=1):  # noqa: B007 - the number is told when reading fails
                yield line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ConfigError(f"{path} is damaged after line {number} ({error}); make or copy the file again") from error
    except OSError as error:
        raise ConfigError(
            f"can't read {path}: {error.strerror or error}; give an existing .jsonl or .jsonl.gz file"
        ) from error


def _key(value: bytes) -> bytes:
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError:
        return b""
    customer_id = parsed.get("customer_id") if isinstance(parsed, dict) else None
    return customer_id.encode() if isinstance(customer_id, str) else b""
