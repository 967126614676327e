"""Rows of PEMS in columns: `RowColumns`, which a `ColumnMapper` makes of columns of cells, many rows at once.

It gives what `RowMapper` gives, in a fraction of the time: cells come again and again, so each is read once. It gives
no faults: a row that may have one is left out, for `RowMapper` to judge.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import compress
from typing import Any, Final

from pfa_rpc.records.rules import may_be_broken
from pfa_rpc.schema import ID_LENGTH, MERGED_FIELDS, PEMS_FIELDS
from pfa_rpc.sync.cells import CELL_LIMIT, BadCell, Formats, cell_reader, check_text, id_of
from pfa_rpc.sync.mapping import PemsRow, text_of, value_text

KEYS: Final = ("pfa_id", "organization_id")
MOST_CELLS: Final = 16_384
"""Most cells of a column that are remembered; then all are forgotten, and those that still come are learned again."""
_LONGEST_REMEMBERED: Final = 100
_MERGED: Final = frozenset(field.name for field in MERGED_FIELDS)
_SELDOM_AGAIN: Final = ("pfa_id", "pems_stamp")
_FAULT: Final = (None, b"?")
_UNREADABLE: Final = (ValueError, RecursionError)
"""What text raises that is no value, BadCell among them, and JSON that is none or nested without end."""


@dataclass(slots=True)
class RowColumns:
    """Rows of PEMS as values of records, each column in the order of the rows."""

    organization_ids: Sequence[str]
    pfa_ids: Sequence[str]
    values: dict[str, Sequence[Any]]
    """By name, those of MERGED_FIELDS whose columns PEMS sent."""
    stamps: Sequence[datetime | None]
    modified_by: Sequence[str | None]
    versions: Sequence[str | None]
    """Update counters, where the grid shows them."""
    digests: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.pfa_ids)

    @classmethod
    def of(cls, rows: Sequence[PemsRow], versions: Sequence[str | None]) -> RowColumns:
        """Return some rows in columns; all of them have values of the same fields."""
        return cls(
            [row.organization_id for row in rows],
            [row.pfa_id for row in rows],
            {name: [row.values[name] for row in rows] for name in (rows[0].values if rows else ())},
            [row.stamp for row in rows],
            [row.modified_by for row in rows],
            versions,
            [row.digest for row in rows],
        )

    def row(self, place: int) -> PemsRow:
        """Return one of the rows."""
        values = {name: column[place] for name, column in self.values.items()}
        return PemsRow(
            self.organization_ids[place],
            self.pfa_ids[place],
            values,
            self.stamps[place],
            self.modified_by[place],
            text_of(values),
            self.digests[place],
        )

    def chosen(self, is_chosen: Sequence[bool]) -> RowColumns:
        """Return some of the rows."""
        return RowColumns(
            list(compress(self.organization_ids, is_chosen)),
            list(compress(self.pfa_ids, is_chosen)),
            {name: list(compress(column, is_chosen)) for name, column in self.values.items()},
            list(compress(self.stamps, is_chosen)),
            list(compress(self.modified_by, is_chosen)),
            list(compress(self.versions, is_chosen)),
            list(compress(self.digests, is_chosen)),
        )

    def known(self, at: datetime) -> dict[str, Sequence[Any]]:
        """Return the columns of records that are made of the rows at a time."""
        return self.values | {
            "pfa_id": self.pfa_ids,
            "pems_stamp": self.stamps,
            "pems_modified_by": self.modified_by,
            "pems_version": self.versions,
            "last_synced_at": [at] * len(self),
        }


class CellReader(dict[Any, tuple[Any, bytes]]):
    """Cell → (value, its part of the text that a digest is of), for the cells of one column.

    Args:
        field: that they are values of.
        text: gives the text of a cell; raises ValueError.
        read: gives the value of a text without spaces around it; raises BadCell.
    """

    def __init__(self, field: str, text: Callable[[Any], str], read: Callable[[str], Any]) -> None:
        super().__init__()
        self.field = field
        self.has_failed = False
        """Whether a cell could not be read since this was last set to False."""
        self._text = text
        self._read = read
        self._is_merged = field in _MERGED
        self._start = f'"{field}":'
        self._longest = 0 if field in _SELDOM_AGAIN else _LONGEST_REMEMBERED

    def __missing__(self, cell: Any) -> tuple[Any, bytes]:
        try:
            text = self._text(cell)
            if len(text) > CELL_LIMIT:
                raise BadCell("too long")
            value = self._read(text.strip())
            found = value, (self._start + value_text(value)).encode() if self._is_merged else b""
        except _UNREADABLE:
            self.has_failed = True
            return _FAULT
        if len(cell) <= self._longest:
            if len(self) >= MOST_CELLS:
                self.clear()
            self[cell] = found
        return found


def readers_of(
    fields: Iterable[str],
    organizations: Collection[str],
    zone: tzinfo,
    formats: Formats,
    text: Callable[[str], Callable[[Any], str]],
) -> dict[str, CellReader]:
    """Return field → what reads its cells; `text` gives for a field what gives the texts of its cells."""
    reads: dict[str, Callable[[str], Any]] = {
        field.name: cell_reader(field, zone, formats) for field in PEMS_FIELDS if field.pems is not None
    }
    reads |= {
        "pfa_id": id_of,
        "organization_id": lambda code: _one_of(organizations, code),
        "pems_version": version_of,
    }
    return {field: CellReader(field, text(field), reads[field]) for field in fields}


def version_of(text: str) -> str | None:
    """Return the trimmed text of an update counter. Raises BadCell where it is none."""
    if len(text) > ID_LENGTH:
        raise BadCell(f"update counter is longer than {ID_LENGTH} characters")
    check_text(text, "update counter")
    return text or None


def _one_of(codes: Collection[str], code: str) -> str:
    if code not in codes:
        raise BadCell("unknown organization")
    return code


class ColumnMapper:
    """Maps columns of cells, each read by its reader; the two keys must be among them."""

    def __init__(self, readers: Mapping[str, CellReader]) -> None:
        self._readers = readers
        self._merged = tuple(name for name in readers if name in _MERGED)
        self._in_text = tuple(sorted(self._merged))

    def map(self, cells: Mapping[str, Sequence[Any]], doubtful: Iterable[int] = ()) -> tuple[RowColumns, list[bool]]:
        """Return the rows that are sure to be good, and which of all they are.

        Args:
            cells: a column for each reader, each of the same length, one at least.
            doubtful: places of rows that are known not to be sure.
        """
        doubts = set(doubtful)
        values: dict[str, Sequence[Any]] = {}
        texts: dict[str, Sequence[bytes]] = {}
        for name, reader in self._readers.items():
            reader.has_failed = False
            found = list(map(reader.__getitem__, cells[name]))
            if reader.has_failed:
                doubts.update(place for place, one in enumerate(found) if one is _FAULT)
            values[name], texts[name] = zip(*found, strict=True)
        doubts |= may_be_broken(values)
        rows = RowColumns(
            organization_ids=values["organization_id"],
            pfa_ids=values["pfa_id"],
            values={name: values[name] for name in self._merged},
            stamps=values.get("pems_stamp") or [None] * len(values["pfa_id"]),
            modified_by=values.get("pems_modified_by") or [None] * len(values["pfa_id"]),
            versions=values.get("pems_version") or [None] * len(values["pfa_id"]),
            digests=list(map(_digest, zip(*[texts[name] for name in self._in_text], strict=True))),
        )
        is_good = [True] * len(rows)
        for place in doubts:
            is_good[place] = False
        return rows.chosen(is_good) if doubts else rows, is_good


def _digest(texts: tuple[bytes, ...]) -> bytes:
    """Return what `digest_of` gives of the text that has these parts."""
    return hashlib.blake2b(b"{" + b",".join(texts) + b"}", digest_size=16).digest()
