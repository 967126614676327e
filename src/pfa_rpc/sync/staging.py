"""Holds the rows of an import between reading and writing, on disk: `Staging`.

So a file is read to its end before anything is written, of rows with one id the right one is known, and memory stays
flat however large the file is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

from pfa_rpc.errors import SetupError
from pfa_rpc.sync.mapping import PemsRow, values_of

_CACHE_KIB: Final = 16_384
_NO_STAMP: Final = -(2**62)
_SCHEMA: Final = """
CREATE TABLE staged (
    number INTEGER PRIMARY KEY, organization TEXT NOT NULL, pfa_id TEXT NOT NULL,
    stamp INTEGER NOT NULL, modified_by TEXT, digest BLOB NOT NULL, text TEXT NOT NULL
);
CREATE TABLE winners (
    organization TEXT, pfa_id TEXT, stamp INTEGER NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (organization, pfa_id)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A row that another row of the same file, with the same id, was preferred to."""

    row: int
    kept_row: int
    organization_id: str
    pfa_id: str


@dataclass(frozen=True, slots=True)
class StagedRow:
    """A row whose values are read only when they are asked for."""

    number: int
    organization_id: str
    pfa_id: str
    stamp: datetime | None
    digest: bytes
    _modified_by: str | None
    _text: str

    def row(self) -> PemsRow:
        """Return the row."""
        values = values_of(self._text)
        return PemsRow(
            self.organization_id, self.pfa_id, values, self.stamp, self._modified_by, self._text, self.digest
        )


class Staging:
    """The good rows of a file. A context manager; nothing remains of it, not even after a crash.

    It lies in the folder that TMPDIR names, else in /var/tmp. Raises SetupError where that is full. One thread at a
    time may use it.
    """

    def __init__(self) -> None:
        # An empty name is a private file that SQLite deletes as soon as it is open.
        with _disk_errors():
            self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            self._database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            self._database.execute("PRAGMA journal_mode = OFF")
            self._database.execute("PRAGMA synchronous = OFF")
            self._database.executescript(_SCHEMA)
            self._database.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self._database.close()

    def add(self, number: int, row: PemsRow) -> Duplicate | None:
        """Add a row; return the loser where the file had its id before: the older, on a tie the earlier row."""
        stamp = _NO_STAMP if row.stamp is None else int(row.stamp.timestamp())
        key = (row.organization_id, row.pfa_id)
        duplicate = None
        with _disk_errors():
            execute = self._database.execute
            if not execute("INSERT OR IGNORE INTO winners VALUES (?, ?, ?, ?)", (*key, stamp, number)).rowcount:
                duplicate = self._contest(key, stamp, number)
                if duplicate.row == number:
                    return duplicate
            execute(
                "INSERT INTO staged VALUES (?, ?, ?, ?, ?, ?, ?)",
                (number, *key, stamp, row.modified_by, row.digest, row.text),
            )
        return duplicate

    def _contest(self, key: tuple[str, str], stamp: int, number: int) -> Duplicate:
        """Let the newer of two rows with one key win; return the other."""
        where = "WHERE organization = ? AND pfa_id = ?"
        execute = self._database.execute
        kept_stamp, kept = execute(f"SELECT stamp, number FROM winners {where}", key).fetchone()  # noqa: S608
        if stamp < kept_stamp:
            return Duplicate(number, kept, *key)
        execute(f"UPDATE winners SET stamp = ?, number = ? {where}", (stamp, number, *key))  # noqa: S608
        execute("DELETE FROM staged WHERE number = ?", (kept,))
        return Duplicate(kept, number, *key)

    def finish(self) -> dict[str, int]:
        """End adding; return how many rows each organization has."""
        with _disk_errors():
            self._database.execute("DROP TABLE winners")
            self._database.execute("CREATE INDEX by_organization ON staged (organization, number)")
            counts = self._database.execute("SELECT organization, count(*) FROM staged GROUP BY 1 ORDER BY 1")
            return dict(counts.fetchall())

    def batches(self, organization_id: str, size: int) -> Iterator[list[StagedRow]]:
        """Yield an organization's rows in the order of the file, at most `size` at a time."""
        query = (
            "SELECT number, organization, pfa_id, stamp, digest, modified_by, text FROM staged"
            " WHERE organization = ? AND number > ? ORDER BY number LIMIT ?"
        )
        last = 0
        while True:
            with _disk_errors():
                found = self._database.execute(query, (organization_id, last, size)).fetchall()
            if not found:
                return
            last = found[-1][0]
            yield [_staged(row) for row in found]


def _staged(row: tuple[Any, ...]) -> StagedRow:
    number, organization_id, pfa_id, stamp, digest, modified_by, text = row
    moment = None if stamp == _NO_STAMP else datetime.fromtimestamp(stamp, UTC)
    return StagedRow(number, organization_id, pfa_id, moment, digest, modified_by, text)


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise SetupError(
            f"the rows cannot be kept in the temporary folder: {error}; free some space, or name another in TMPDIR"
        ) from error
