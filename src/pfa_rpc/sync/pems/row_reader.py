"""From rows of the grid to records' values: `RowReader`, equal to `RowMapper` in what it gives, and quicker.

Rows are cut into cells and read in columns, a cell once, from its bytes: most of a row's 26 were in some row before.
One with anything unusual goes to `RowMapper`, which finds its faults.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import compress, count, repeat
from operator import not_
from typing import Any, Final, NamedTuple

from nlq.schema import FieldType
from pfa_rpc.schema import BY_NAME
from pfa_rpc.sync.cells import ID_ALIAS, BadCell, cell_reader, id_of, shown
from pfa_rpc.sync.mapping import UNKNOWN_ORGANIZATION, Fault, PemsRow, Rejection, RowMapper
from pfa_rpc.sync.pems.columns import Columns
from pfa_rpc.sync.pems.decoding import Cell, Twice, cells_of, decode_row, text_of, written
from pfa_rpc.sync.pems.errors import MalformedAnswer
from pfa_rpc.sync.pems.settings import GRID_ALIASES, PemsSettings
from pfa_rpc.sync.row_columns import KEYS, ColumnMapper, RowColumns, readers_of, version_of

MAPPING_VERSION: Final = 2
"""Raised when the same cells come to mean other values, so that rows seen before are looked at again."""
DIGEST_SIZE: Final = 16
_FLAGS: Final = frozenset(field.name for field in BY_NAME.values() if field.type is FieldType.BOOL)
_CELL: Final = re.compile(rb'\d+,"value":"([^"\\\x00-\x1f]*)"')
_NUMBER: Final = re.compile(rb"[0-9]+(?=,)")
_OPENING: Final = re.compile(rb'[^,]*(,\s*"D"\s*:\s*\[\s*\{\s*"n"\s*:\s*)')
_BETWEEN: Final = re.compile(rb'\}\s*,\s*\{\s*"n"\s*:\s*')
_CLOSING: Final = re.compile(rb"\}\s*\]\s*\}\Z")


class SweptRow(NamedTuple):
    """A row of a page that can be taken in."""

    row: PemsRow
    cells_digest: bytes
    """What `SeenRows` knows it by."""
    version: str | None
    """The update counter, where the grid shows it."""


class RejectedRow(NamedTuple):
    """A row of a page that cannot be taken in."""

    pfa_id: str
    """As far as it can be told; empty where it cannot."""
    cells: dict[str, str]
    """Text by column of the grid, as far as it is text."""
    rejection: Rejection
    cells_digest: bytes
    stamp: datetime | None
    """When PEMS last changed the row, where that could be read."""


class ForeignRow(NamedTuple):
    """A row of another organization than was asked for; nothing of it is kept."""

    organization_id: str


ReadRow = SweptRow | RejectedRow | ForeignRow


class SweptPart(Sequence[SweptRow]):
    """Rows of a page that can be taken in, in columns."""

    def __init__(self, rows: RowColumns, digests: Sequence[bytes]) -> None:
        self.rows = rows
        self.digests = digests
        """What `SeenRows` knows them by."""

    @classmethod
    def of(cls, rows: Sequence[SweptRow]) -> SweptPart:
        """Return some rows in columns."""
        columns = RowColumns.of([swept.row for swept in rows], [swept.version for swept in rows])
        return cls(columns, [swept.cells_digest for swept in rows])

    def __len__(self) -> int:
        return len(self.digests)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        return SweptRow(self.rows.row(place), self.digests[place], self.rows.versions[place])

    def chosen(self, is_chosen: Sequence[bool]) -> SweptPart:
        """Return some of the rows."""
        return SweptPart(self.rows.chosen(is_chosen), list(compress(self.digests, is_chosen)))


class _Layout(NamedTuple):
    """The bytes before the first cell of a row, between two, and behind the last, as a server writes them."""

    opening: bytes
    between: bytes
    closing: bytes


class _Cells(NamedTuple):
    """The cells of some rows."""

    cells: Mapping[str, Sequence[bytes]]
    """Field → a cell of each row, without its first bytes; empty where it was left out."""
    doubtful: Sequence[int]
    """Places of rows with anything unusual."""


class ReadPart(NamedTuple):
    """Rows as they were read together."""

    rows: RowColumns
    """Those that can be taken in and had nothing unusual."""
    digests: Sequence[bytes]
    """What `SeenRows` knows these by."""
    is_plain: Sequence[bool]
    """Which of all rows they are."""
    others: Sequence[ReadRow]

    def in_order(self) -> list[ReadRow]:
        """Return every row, in the order in which they came."""
        plain, others = iter(SweptPart(self.rows, self.digests)), iter(self.others)
        return [next(plain) if is_plain else next(others) for is_plain in self.is_plain]

    def good(self) -> SweptPart:
        """Return the rows that can be taken in, those that were unusual among them."""
        if any(isinstance(row, SweptRow) for row in self.others):
            return SweptPart.of([row for row in self.in_order() if isinstance(row, SweptRow)])
        return SweptPart(self.rows, self.digests)


class RowReader:
    """Reads the rows of one organization.

    Args:
        columns: what the grid has.
        settings: how it writes values.
        organization: code of the organization; rows of others are told apart.
    """

    def __init__(self, columns: Columns, settings: PemsSettings, organization: str) -> None:
        self._organization = organization
        self._columns = columns
        self._point = settings.decimal_point
        self._fields = {number: column.field for number, column in columns.known.items()}
        # In the order of the table of fields, so that the first fault of a row is the same however a grid is laid out.
        present = set(self._fields.values())
        aliases = {field: alias for field, alias in GRID_ALIASES.items() if field in present}
        self._mapped = {alias: place for place, alias in enumerate(aliases.values())}
        self._places = {n: self._mapped[aliases[f]] for n, f in self._fields.items() if f in aliases}
        self._mapper = RowMapper(tuple(self._mapped), {organization}, settings.zone, settings.formats)
        self._stamp = cell_reader(BY_NAME["pems_stamp"], settings.zone, settings.formats)
        texts = {field: self._text_of(number) for number, field in self._fields.items()}
        self._readers = readers_of(texts, {organization}, settings.zone, settings.formats, texts.__getitem__)
        self._columns_mapper = ColumnMapper(self._readers) if present.issuperset(KEYS) else None
        self.fingerprint = _fingerprint(columns, settings, organization)
        """Says how cells become values: what is known of bytes holds under the same one only."""
        self._hash = hashlib.blake2b(self.fingerprint, digest_size=DIGEST_SIZE)

    def digest(self, row: bytes) -> bytes:
        """Return what a row is known by: of all its bytes but its number, which is its place on the page."""
        hashed = self._hash.copy()
        hashed.update(row[row.find(b",") :])
        return hashed.digest()

    def read(self, rows: Sequence[bytes], digests: Sequence[bytes], head: bytes) -> ReadPart:
        """Read rows that were cut from an answer, one at least, with their digests."""
        layout = _layout(rows[0])
        cut = None if layout is None else self._cut(rows, layout)
        if cut is None or self._columns_mapper is None:
            others = [self._slow(head + row, digest) for row, digest in zip(rows, digests, strict=True)]
            return ReadPart(RowColumns.of((), ()), (), [False] * len(rows), others)
        read, is_plain = self._columns_mapper.map(cut.cells, cut.doubtful)
        if len(read) == len(rows):
            return ReadPart(read, digests, is_plain, ())
        others = [self._slow(head + rows[place], digests[place]) for place in compress(count(), map(not_, is_plain))]
        return ReadPart(read, list(compress(digests, is_plain)), is_plain, others)

    def id_of(self, row: bytes) -> str | None:
        """Return the id of a row as PEMS has it, spaces and all; None where it cannot be told."""
        try:
            for number, value in cells_of(decode_row(row)):
                if number in self._fields and self._fields[number] == "pfa_id":
                    text = text_of(value, point=self._point, is_flag=False)
                    return text if id_of(text.strip()) else None
        except (MalformedAnswer, BadCell):
            return None
        return None

    def _cut(self, rows: Sequence[bytes], layout: _Layout) -> _Cells | None:
        """Return the cells of rows in columns; None where that cannot be told of these rows."""
        first, last = len(layout.opening), -len(layout.closing)
        doubtful: list[int] = []
        found: list[list[bytes]] = []
        for place, row in enumerate(rows):
            start = row.find(b",")
            if not row.startswith(layout.opening, start) or not row.endswith(layout.closing):
                doubtful.append(place)
            found.append(row[start + first : last].split(layout.between))
        if len(doubtful) == len(rows):
            return None
        return self._alike(found, doubtful) or self._unlike(found, doubtful)

    def _alike(self, rows: Sequence[list[bytes]], doubtful: list[int]) -> _Cells | None:
        """Return the cells of rows that have the same columns in the same order; None where they have not."""
        if doubtful or len(set(map(len, rows))) > 1:
            return None
        cells: dict[str, Sequence[bytes]] = dict.fromkeys(self._readers, [b""] * len(rows))
        for column in zip(*rows, strict=True):
            number = _NUMBER.match(column[0])
            if number is None:
                return None
            start = number[0] + b","
            if not all(map(bytes.startswith, column, repeat(start))):
                return None
            field = self._fields.get(int(number[0]))
            if field is not None and cells[field][0]:
                return None  # a column that comes twice
            if field is not None:
                cells[field] = column
        return _Cells(cells, doubtful)

    def _unlike(self, rows: Sequence[list[bytes]], doubtful: list[int]) -> _Cells:
        """Return the cells of rows that lack some of the columns, or have them in an order of their own."""
        doubts = set(doubtful)
        cells: dict[str, list[bytes]] = {field: [b""] * len(rows) for field in self._readers}
        for place, row in enumerate(rows):
            for cell in row:
                number = _NUMBER.match(cell)
                if number is None:
                    doubts.add(place)
                    continue
                field = self._fields.get(int(number[0]))
                if field is not None and cells[field][place]:
                    doubts.add(place)
                elif field is not None:
                    cells[field][place] = cell
        return _Cells(cells, sorted(doubts))

    def _text_of(self, number: int) -> Callable[[bytes], str]:
        """Return the function cell without its first bytes → its text, for the cells of a column.

        It raises one of BROKEN where that is not just as it should be.
        """
        field = self._fields[number]

        def text(cell: bytes) -> str:
            match = _CELL.fullmatch(cell)
            if match is not None:
                return match[1].decode()
            if not cell:  # it was left out
                return ""
            try:
                found = cells_of(decode_row(b'{"D":{"n":' + cell + b"}}"))
            except MalformedAnswer:
                raise BadCell("no JSON") from None
            if len(found) != 1 or found[0][0] != number:
                raise BadCell("a cell of another column")
            return self._text(field, found[0][1])

        return text

    def _text(self, field: str, value: Any) -> str:
        """Return the text of a cell, whatever JSON makes of it. Raises BadCell for what is no single value."""
        try:
            return text_of(value, point=self._point, is_flag=field in _FLAGS)
        except BadCell as error:
            raise BadCell(f"{BY_NAME[field].label if field in BY_NAME else field} {error}") from None

    def _slow(self, row: bytes, digest: bytes) -> ReadRow:
        """Read a row by the mapper that reads files, which gives every fault."""
        try:
            cells = cells_of(decode_row(row))
        except MalformedAnswer:
            return RejectedRow("", {}, Rejection((Fault("", "", "row cannot be read"),)), digest, None)
        texts = [""] * len(self._mapped)
        version, faults = self._texts(cells, texts)
        mapped = self._mapper.map(texts, faults)
        if isinstance(mapped, PemsRow):
            return SweptRow(mapped, digest, version)
        fault = mapped.faults[0]
        if fault.reason == UNKNOWN_ORGANIZATION and fault.value:
            return ForeignRow(fault.value)
        return self._rejected(texts, mapped, digest)

    def _texts(self, cells: Sequence[Cell], texts: list[str]) -> tuple[str | None, list[Fault]]:
        """Put the texts of cells into their places; return the update counter, and what is wrong with the cells."""
        version = None
        faults: dict[str, Fault] = {}
        seen: set[int] = set()
        for number, value in cells:
            if number is None:
                faults[""] = Fault("", "", "cells cannot be told apart")
            if number is None or number not in self._fields:
                continue
            field = self._fields[number]
            column = GRID_ALIASES.get(field) or self._columns.known[number].alias
            try:
                text = self._text(field, Twice() if number in seen else value)
                seen.add(number)
                if number in self._places:
                    texts[self._places[number]] = text
                else:
                    version = version_of(text.strip())
            except BadCell as error:
                faults.setdefault(column, Fault(column, written(value), str(error)))
        return version, list(faults.values())

    def _rejected(self, texts: Sequence[str], rejection: Rejection, digest: bytes) -> RejectedRow:
        aliases = {column.field: column.alias for column in self._columns.known.values()}
        called = {GRID_ALIASES[f]: alias for f, alias in aliases.items() if f in GRID_ALIASES}
        faults = tuple(replace(fault, column=called.get(fault.column, fault.column)) for fault in rejection.faults)
        cells = {aliases[f]: texts[self._mapped[GRID_ALIASES[f]]] for f in aliases if f in GRID_ALIASES}
        stamp = None
        if "pems_stamp" in self._readers:
            try:
                stamp = self._stamp(texts[self._mapped[GRID_ALIASES["pems_stamp"]]].strip())
            except BadCell:
                stamp = None
        has_id = all(fault.column != ID_ALIAS for fault in rejection.faults)
        pfa_id = texts[self._mapped[ID_ALIAS]].strip() if has_id else ""
        cells = {alias: shown(text) for alias, text in cells.items()}
        return RejectedRow(pfa_id, cells, Rejection(faults), digest, stamp)


def _layout(row: bytes) -> _Layout | None:
    """Return how the server of a row writes rows; None where that cannot be told."""
    opening, between, closing = _OPENING.match(row), _BETWEEN.search(row), _CLOSING.search(row)
    if opening is None or between is None or closing is None:
        return None
    return _Layout(opening[1], between[0], closing[0])


def _fingerprint(columns: Columns, settings: PemsSettings, organization: str) -> bytes:
    """Return what says how cells become values: rows with equal cells are equal only under the same."""
    known = sorted((column.number, column.field) for column in columns.known.values())
    return repr((MAPPING_VERSION, known, settings.formats, settings.time_zone, organization)).encode()
