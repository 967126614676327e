"""Writes the rows that an import did not take: whole, with their number, column, value and reason.

The file can be corrected and imported itself: an import passes over the columns that are put before those of PEMS. It
appears under its name when it is complete, and only where there is a rejected row; one of an earlier import goes away.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from pfa_rpc.errors import SetupError
from pfa_rpc.sync.export_file import REJECTED_COLUMNS, ROW_COLUMN
from pfa_rpc.sync.mapping import Rejection

_SHOWN: Final = 200
"""Characters of a value that are repeated beside its reason."""


def rejected_path(path: Path) -> Path:
    """Return where the rejected rows of a file go unless told otherwise."""
    return path.with_name(f"{path.name}.rejected.csv")


class RejectedFile:
    """The rejected rows of one import. A context manager; `commit` puts the file in place, else nothing remains.

    Raises SetupError where the file cannot be written, or is not one that an import wrote.
    """

    def __init__(self, path: Path, header: Sequence[str]) -> None:
        self.path = path
        # The columns of ours that the file being imported has already, being a file of rejected rows itself.
        self._ours = {number for number, cell in enumerate(header) if cell.strip().lower() in REJECTED_COLUMNS}
        self._width = len(header)
        self._header = header
        self._partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        self._file: IO[str] | None = None
        self._writer: Any = None
        _check_replaceable(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()
            self._partial.unlink(missing_ok=True)

    def add(self, number: int, cells: Sequence[str], rejection: Rejection) -> None:
        """Add a row of the file being imported."""
        faults = rejection.faults
        try:
            if self._file is None:
                self._begin()
            ours = (
                number,
                "; ".join(fault.column for fault in faults),
                "; ".join(fault.value[:_SHOWN] for fault in faults),
                "; ".join(fault.reason for fault in faults),
            )
            self._writer.writerow((*ours, *self._original(cells)))
        except OSError as error:
            raise self._unwritable(error) from error

    def commit(self) -> Path | None:
        """Put the file in place and return its path; without a rejected row, take an earlier one away. Once only."""
        try:
            if self._file is None:
                self.path.unlink(missing_ok=True)
                return None
            self._file.close()
            self._partial.replace(self.path)
        except OSError as error:
            raise self._unwritable(error) from error
        self._file = None
        return self.path

    def _begin(self) -> None:
        # With the byte-order mark that PEMS writes too: spreadsheets need it to see that the file is UTF-8.
        self._file = self._partial.open("w", encoding="utf-8-sig", errors="surrogatepass", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow((*REJECTED_COLUMNS, *self._original(self._header)))

    def _original(self, cells: Sequence[str]) -> Sequence[str]:
        """Return the cells without columns of ours; where the number of cells is wrong, all that can be told apart."""
        if not self._ours:
            return cells
        return [cell for number, cell in enumerate(cells) if number not in self._ours]

    def _unwritable(self, error: OSError) -> SetupError:
        reason = error.strerror or error
        return SetupError(f"the rejected rows cannot be written to {self.path}: {reason}; name another file")


def _check_replaceable(path: Path) -> None:
    """Raise SetupError where a file has the path that is not one of rejected rows: it would be lost."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except FileNotFoundError:
        return
    except OSError as error:
        raise SetupError(
            f"the rejected rows cannot be written to {path}: {error.strerror}; name another file"
        ) from error
    if start and not start.removeprefix(b"\xef\xbb\xbf").startswith(ROW_COLUMN.encode()):
        raise SetupError(f"{path} exists and is not a file of rejected rows; name another file for them")
