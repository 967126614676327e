"""Reads the file of a PEMS export: `ExportFile.open` checks its first row, `rows` yields the others one by one.

A file is CSV in UTF-8, plain or gzip; which of the two, its first bytes say, not its name. Nothing but a line and a row
is ever held in memory. What cannot be read as an export ends in UnreadableExport, which names the place.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from pfa_rpc.errors import PfaError
from pfa_rpc.sync.mapping import KNOWN_ALIASES, columns_missing

ROW_COLUMN: Final = "rejected_row"
REJECTED_COLUMNS: Final = (ROW_COLUMN, "rejected_column", "rejected_value", "rejected_reason")
"""Columns that a file of rejected rows has before those of PEMS; an import passes over them."""

LINE_LIMIT: Final = 1 << 20
"""Longest line, in bytes."""
_BOM: Final = b"\xef\xbb\xbf"
_GZIP: Final = b"\x1f\x8b"
_OTHER_FORMATS: Final = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook; unpack it, or save the sheet as CSV (UTF-8)",
    b"\xff\xfe": "UTF-16 text; save it as CSV in UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as CSV in UTF-8",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save the sheet as CSV (UTF-8)",
    b"%PDF": "a PDF; export the grid as CSV",
    b"SQLite format 3": "an SQLite database; export the grid as CSV",
}
_SEPARATORS: Final = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


class UnreadableExport(PfaError):
    """The file cannot be read as a PEMS export."""

    status = "INVALID_ARGUMENT"
    reason = "INVALID_REQUEST"


@dataclass(frozen=True, slots=True)
class Header:
    """The first row of an export."""

    cells: tuple[str, ...]
    """As they are in the file."""
    columns: tuple[str, ...]
    """The same as names of PEMS columns: trimmed, in lower case."""

    @property
    def unknown(self) -> tuple[str, ...]:
        """Columns that no field takes its value from, as they are in the file."""
        ours = KNOWN_ALIASES.union(REJECTED_COLUMNS)
        return tuple(
            cell.strip() or f"column {number} (without a name)"
            for number, (cell, column) in enumerate(zip(self.cells, self.columns, strict=True), start=1)
            if column not in ours
        )

    @property
    def absent(self) -> tuple[str, ...]:
        """Columns of PEMS that the file lacks; an import leaves their fields as they are."""
        return tuple(sorted(KNOWN_ALIASES.difference(self.columns)))


class ExportFile:
    """An export that is open for reading, once through. A context manager."""

    def __init__(self, path: Path, file: io.BufferedReader) -> None:
        self.path = path
        self._file = file
        # 0 for what is no regular file, such as a pipe: its size is not known.
        self.size = path.stat().st_size
        """Bytes of the file as it is on the disk."""
        self._lines = _Lines(_unpacked(path, file))
        self._reader = csv.reader(self._lines, strict=True)
        self.header = self._read_header()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file and read its header. Raises UnreadableExport."""
        try:
            file = path.open("rb")
        except OSError as error:
            raise UnreadableExport(f"{path} cannot be opened: {error.strerror or error}") from error
        try:
            return cls(path, file)
        except BaseException:
            file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self._file.close()

    @property
    def bytes_read(self) -> int:
        """How much of `size` has been read; 0 where the size is not known."""
        return self._file.tell() if self.size else 0

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (number, cells) of each row; rows count from 1 after the header, empty lines do not. Once only.

        Raises UnreadableExport where the file's structure is broken.
        """
        number = 0
        while (cells := self._next(number + 1)) is not None:
            if cells:
                number += 1
                yield number, cells

    def _next(self, number: int) -> list[str] | None:
        """Return the cells of the next row, which would have a number; None at the end of the file."""
        place = f"row {number}" if number else "the first row"
        try:
            return next(self._reader, None)
        except csv.Error as error:
            raise self._unreadable(f"{place} (line {self._lines.number}) is broken: {_explain(error)}") from error
        except EOFError as error:
            raise self._unreadable(f"the gzip file ends too early, in {place}; fetch it again") from error
        except (OSError, zlib.error) as error:
            raise self._unreadable(f"it cannot be read further, in {place}: {error}") from error
        except _BadLine as error:
            raise self._unreadable(f"{place} (line {self._lines.number}) {error}") from error

    def _unreadable(self, text: str) -> UnreadableExport:
        return UnreadableExport(f"{self.path} is not an export that can be read: {text}")

    def _read_header(self) -> Header:
        cells = self._next(0)
        while cells is not None and not any(cell.strip() for cell in cells):
            cells = self._next(0)
        if cells is None:
            raise self._unreadable("it is empty")
        columns = tuple(cell.strip().lower() for cell in cells)
        self._check_columns(columns)
        return Header(tuple(cells), columns)

    def _check_columns(self, columns: Sequence[str]) -> None:
        known = KNOWN_ALIASES.intersection(columns)
        if not known:
            raise self._unreadable(f"its first row names no column of PEMS, such as pfs_id{_hint(columns)}")
        twice = [name for name, number in Counter(columns).items() if number > 1 and name]
        if twice:
            raise self._unreadable(f"its first row names more than once: {', '.join(twice)}")
        missing = columns_missing(columns)
        if missing:
            noun = "the column" if len(missing) == 1 else "the columns"
            raise self._unreadable(f"it lacks {noun} {', '.join(missing)}")


def _hint(columns: Sequence[str]) -> str:
    text = ",".join(columns)
    for separator, name in _SEPARATORS.items():
        if KNOWN_ALIASES.intersection(part.strip(' "') for part in text.split(separator)):
            return f"; its cells are separated by {name}, write commas"
    return ""


def _explain(error: csv.Error) -> str:
    text = str(error)
    if "field larger" in text:
        return "a cell is far too long; a closing quotation mark is probably missing"
    if "unexpected end" in text:
        return "the file ends within quotation marks"
    if "expected after" in text:
        return "text follows a closing quotation mark; a mark within quotation marks is written twice"
    if "new-line" in text:
        return "its lines end in bare carriage returns; save it with line ends \\n or \\r\\n"
    return text


def _unpacked(path: Path, file: io.BufferedReader) -> io.BufferedReader[Any]:
    """Return the bytes of the text. Raises UnreadableExport for another format that is known."""
    start = file.peek(16)
    for magic, name in _OTHER_FORMATS.items():
        if start.startswith(magic):
            raise UnreadableExport(f"{path} is not an export that can be read: it is {name}")
    if start.startswith(_GZIP):
        return io.BufferedReader(gzip.GzipFile(fileobj=file))
    return file


class _BadLine(Exception):
    """A line is not text; the message goes on from its name."""


class _Lines:
    """The lines of a file as text, line ends included. Raises _BadLine."""

    def __init__(self, file: io.BufferedReader[Any]) -> None:
        self._file = file
        self._offset = 0
        self.number = 0
        """Number of the line given last, from 1."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._file.readline(LINE_LIMIT)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == LINE_LIMIT and not line.endswith(b"\n"):
            raise _BadLine(f"is longer than {LINE_LIMIT:,} bytes: the file is not CSV")
        if b"\0" in line and self.number == 1:
            raise _BadLine(f"holds a zero byte, at byte {self._offset + line.index(0):,}: the file is not text")
        if not self._offset and line.startswith(_BOM):
            self._offset, line = len(_BOM), line[len(_BOM) :]
        try:
            # Halves of surrogate pairs, like zero bytes, are the row's fault; other bytes are another encoding.
            text = line.decode(errors="surrogatepass")
        except UnicodeDecodeError as error:
            place = f"byte {self._offset + error.start:,}"
            raise _BadLine(f"is not UTF-8: {line[error.start]:#04x} at {place}; save the file as UTF-8") from error
        self._offset += len(line)
        return text
