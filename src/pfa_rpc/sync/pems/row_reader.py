"""From rows of the grid to records' values: `RowReader`, equal to `RowMapper` in what it gives, and quicker.

Cells come again and again: most of a row's 26 were in some row before. So a cell is read once, from its bytes, and a
row is put together from cells that are known. One with anything unusual goes to `RowMapper`, which finds its faults.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, NamedTuple

from pfa_rpc.records.rules import broken_rules
from pfa_rpc.schema import BY_NAME, ID_LENGTH, MERGED_FIELDS
from pfa_rpc.sync.mapping import (
    CELL_LIMIT,
    ID_ALIAS,
    UNKNOWN_ORGANIZATION,
    BadCell,
    PemsRow,
    Rejection,
    RowMapper,
    cell_reader,
    digest_of,
    text_of,
)
from pfa_rpc.sync.pems.columns import Columns
from pfa_rpc.sync.pems.rows import decode_row, malformed
from pfa_rpc.sync.pems.settings import GRID_ALIASES, PemsSettings

MAPPING_VERSION: Final = 1
"""Raised when the same cells come to mean other values, so that rows seen before are looked at again."""
DIGEST_SIZE: Final = 16
MOST_CELLS: Final = 65_536
"""Most cells that are remembered; then all are forgotten, and those that still come are learned again."""

_CELL: Final = re.compile(rb'(\d+),"value":"([^"\\\x00-\x1f]*)"')
_OPENING: Final = re.compile(rb'[^,]*(,\s*"D"\s*:\s*\[\s*\{\s*"n"\s*:\s*)')
_BETWEEN: Final = re.compile(rb'\}\s*,\s*\{\s*"n"\s*:\s*')
_CLOSING: Final = re.compile(rb"\}\s*\]\s*\}\Z")
_DEEP: Final = (ValueError, RecursionError)
"""What JSON that is none, or nested without end, raises."""
_MERGED: Final = frozenset(field.name for field in MERGED_FIELDS)
_KEYS: Final = ("pfa_id", "organization_id")
_BESIDE: Final = ("pems_stamp", "pems_modified_by", "pems_version")
_FAULT: Final = "?"
_PASSED_OVER: Final = "-"


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
    """Text by column of the grid."""
    rejection: Rejection
    cells_digest: bytes
    stamp: datetime | None
    """When PEMS last changed the row, where that could be read."""


class ForeignRow(NamedTuple):
    """A row of another organization than was asked for; nothing of it is kept."""

    organization_id: str


ReadRow = SweptRow | RejectedRow | ForeignRow


class _Layout(NamedTuple):
    """The bytes before the first cell of a row, between two, and behind the last, as a server writes them."""

    opening: bytes
    between: bytes
    closing: bytes


@dataclass(frozen=True, slots=True)
class _Shape:
    """Where a row's parts are, for rows that have the same cells in the same order."""

    names: tuple[str, ...]
    """Merged fields."""
    take: Callable[[Sequence[Any]], tuple[Any, ...]]
    """Their values, of those of all cells."""
    texts: Callable[[Sequence[str]], tuple[str, ...]]
    """Their texts in the order of their names, of those of all cells and of the cells left out."""
    left_out: dict[str, Any]
    """Values of the fields whose cells were left out."""
    left_out_texts: tuple[str, ...]
    places: tuple[int | None, ...]
    """Where pfa_id, organization_id, stamp, modified_by and version are."""


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
        self._readers = {
            field: cell_reader(BY_NAME[field], settings.zone, settings.formats) for field in aliases if field in BY_NAME
        }
        self._cells = _Cells(self._read_cell)
        self._shapes: dict[tuple[str, ...], _Shape | None] = {}
        self._hash = hashlib.blake2b(digest_size=DIGEST_SIZE)
        self._hash.update(_fingerprint(columns, settings, organization))

    def digest(self, row: bytes) -> bytes:
        """Return what a row is known by: of all its bytes but its number, which is its place on the page."""
        hashed = self._hash.copy()
        hashed.update(row[row.find(b",") :])
        return hashed.digest()

    def read(self, rows: Sequence[bytes], digests: Sequence[bytes], head: bytes) -> list[ReadRow]:
        """Read rows that were cut from an answer, with their digests. Raises MalformedAnswer where one is no row."""
        found: list[ReadRow] = []
        layout = _layout(rows[0]) if rows else None
        for row, digest in zip(rows, digests, strict=True):
            quick = None if layout is None else self._quick(row, digest, layout)
            found.append(quick or self._slow(head + row, digest))
        return found

    def id_of(self, row: dict[str, Any]) -> str:
        """Return the id of a decoded row. Raises MalformedAnswer where it has none."""
        for number, value in _cells_of(row):
            if self._fields.get(number) == "pfa_id" and isinstance(value, (str, int)) and str(value).strip():
                return str(value)
        raise malformed("a row without an id", json.dumps(row).encode())

    def _quick(self, row: bytes, digest: bytes, layout: _Layout) -> SweptRow | None:
        """Return a row put together from known cells; None where that is not sure to be right."""
        start = row.find(b",")
        if not row.startswith(layout.opening, start) or not row.endswith(layout.closing):
            return None
        cells = row[start + len(layout.opening) : -len(layout.closing)].split(layout.between)
        found = list(map(self._cells.get, cells))
        names, values, texts = zip(
            *[part or self._cells[cell] for part, cell in zip(found, cells, strict=True)], strict=True
        )
        try:
            shape = self._shapes[names]
        except KeyError:
            shape = self._shapes[names] = self._shape(names)
        if shape is None:
            return None
        pfa_id, organization, stamp, modified_by, version = [
            None if place is None else values[place] for place in shape.places
        ]
        merged = dict(zip(shape.names, shape.take(values), strict=True))
        if shape.left_out:
            merged |= shape.left_out
            texts += shape.left_out_texts
        if organization != self._organization or broken_rules(merged):
            return None
        text = "{" + ",".join(shape.texts(texts)) + "}"
        return SweptRow(
            PemsRow(organization, str(pfa_id), merged, stamp, modified_by, text, digest_of(text)), digest, version
        )

    def _read_cell(self, cell: bytes) -> tuple[str, Any, str]:
        """Return (field, value, text) of a cell without its first bytes; `_FAULT` where it needs a closer look."""
        match = _CELL.fullmatch(cell)
        try:
            number, text = (int(match[1]), match[2].decode()) if match else self._unusual(cell)
            field = self._fields.get(number)
            if field is None:
                return _PASSED_OVER, None, ""
            text = text.strip()
            if len(text) > CELL_LIMIT:
                return _FAULT, None, ""
            if field in _KEYS or field == "pems_version":
                is_key = field != "pfa_id" or 0 < len(text) <= ID_LENGTH
                return (field if is_key else _FAULT), text or None, ""
            value = self._readers[field](text)
        except _DEEP:  # BadCell among them
            return _FAULT, None, ""
        return field, value, text_of({field: value})[1:-1] if field in _MERGED else ""

    def _unusual(self, cell: bytes) -> tuple[int, str]:
        """Read a cell that is not plain text. Raises ValueError."""
        found = json.loads(b'{"n":' + cell + b"}")
        return int(found["n"]), self._text(found.get("value"))

    def _text(self, value: Any) -> str:
        """Return the text of a cell, whatever JSON makes of it. Raises ValueError for what is no single value."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (int, float)):
            return str(value).replace(".", self._point)
        if not isinstance(value, str):
            raise ValueError("neither text nor number")  # noqa: TRY004 - what callers catch
        return value

    def _shape(self, names: tuple[str, ...]) -> _Shape | None:
        """Return where the parts of rows with these cells are; None where such rows need a closer look."""
        fields = [name for name in names if name != _PASSED_OVER]
        if _FAULT in names or len(set(fields)) != len(fields) or not set(_KEYS).issubset(fields):
            return None
        places = {name: place for place, name in enumerate(names)}
        merged = [name for name in fields if name in _MERGED]
        try:
            left_out = {n: self._readers[n]("") for n in self._readers if n in _MERGED and n not in places}
        except BadCell:
            return None
        places |= {name: place for place, name in enumerate(left_out, start=len(names))}
        return _Shape(
            names=tuple(merged),
            take=itemgetter(*(places[name] for name in merged)),
            texts=itemgetter(*(places[name] for name in sorted((*merged, *left_out)))),
            left_out=left_out,
            left_out_texts=tuple(text_of({name: value})[1:-1] for name, value in left_out.items()),
            places=tuple(places.get(name) for name in (*_KEYS, *_BESIDE)),
        )

    def _slow(self, row: bytes, digest: bytes) -> ReadRow:
        """Read a row by the mapper that reads files, which gives every fault."""
        texts = [""] * len(self._mapped)
        version = None
        try:
            for number, value in _cells_of(decode_row(row)):
                if number in self._places:
                    texts[self._places[number]] = self._text(value)
                elif self._fields.get(number) == "pems_version":
                    version = self._text(value).strip() or None
        except ValueError:
            raise malformed("a row with cells that are none", row) from None
        mapped = self._mapper.map(texts)
        if isinstance(mapped, PemsRow):
            return SweptRow(mapped, digest, version)
        fault = mapped.faults[0]
        if fault.reason == UNKNOWN_ORGANIZATION and fault.value:
            return ForeignRow(fault.value)
        return self._rejected(texts, mapped, digest)

    def _rejected(self, texts: Sequence[str], rejection: Rejection, digest: bytes) -> RejectedRow:
        aliases = {column.field: column.alias for column in self._columns.known.values()}
        cells = {aliases[f]: texts[self._mapped[GRID_ALIASES[f]]] for f in aliases if f in GRID_ALIASES}
        stamp = None
        if "pems_stamp" in self._readers:
            try:
                stamp = self._readers["pems_stamp"](texts[self._mapped[GRID_ALIASES["pems_stamp"]]].strip())
            except BadCell:
                stamp = None
        return RejectedRow(texts[self._mapped[ID_ALIAS]].strip(), cells, rejection, digest, stamp)


class _Cells(dict[bytes, tuple[str, Any, str]]):
    """Cell → what it holds, remembered where it may come again."""

    def __init__(self, read: Callable[[bytes], tuple[str, Any, str]]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, cell: bytes) -> tuple[str, Any, str]:
        found = self._read(cell)
        if found[0] != "pfa_id":
            if len(self) >= MOST_CELLS:
                self.clear()
            self[cell] = found
        return found


def _layout(row: bytes) -> _Layout | None:
    """Return how the server of a row writes rows; None where that cannot be told."""
    opening, between, closing = _OPENING.match(row), _BETWEEN.search(row), _CLOSING.search(row)
    if opening is None or between is None or closing is None:
        return None
    return _Layout(opening[1], between[0], closing[0])


def _cells_of(row: dict[str, Any]) -> list[tuple[int, Any]]:
    """Return aliasnum and value of each cell. Raises MalformedAnswer."""
    cells: Any = row.get("D")
    try:
        return [(int(cell["n"]), cell.get("value")) for cell in (cells if isinstance(cells, list) else [cells])]
    except (TypeError, KeyError, ValueError, AttributeError):
        raise malformed("a row whose cells cannot be told apart", json.dumps(row).encode()) from None


def _fingerprint(columns: Columns, settings: PemsSettings, organization: str) -> bytes:
    """Return what says how cells become values: rows with equal cells are equal only under the same."""
    known = sorted((column.number, column.field) for column in columns.known.values())
    return repr((MAPPING_VERSION, known, settings.formats, settings.time_zone, organization)).encode()
