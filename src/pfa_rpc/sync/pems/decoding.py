"""Decodes single rows of the grid, whatever stands in them: `decode_row`, `cells_of`, and `text_of` a cell's value.

What Python would read as something else than was sent stays apart: numbers keep their digits, an object that has a key
twice says so, and bytes that are no text are told by halves of surrogate pairs, which no text has.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from pfa_rpc.sync.cells import BadCell
from pfa_rpc.sync.pems.errors import MalformedAnswer

BROKEN: Final = (ValueError, RecursionError)
"""What JSON that is none, or nested without end, raises."""
_SHOWN: Final = 80
_LONGEST_NUMBER: Final = 40
"""Digits of the largest number that is written out: no amount has as many."""


class Number(str):
    """A number as it was written: what Python's own numbers would make of it may be another amount, or none."""

    __slots__ = ()


class Twice(dict[str, Any]):
    """An object one of whose keys comes twice, so that nobody knows which value is meant."""


class NoNumber:
    """NaN or an infinity, which JSON does not have and some write all the same."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Twice(found)


# Not strict: a tab within a text is the cell's affair.
_decoder: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_float=Number,
    parse_int=Number,
    parse_constant=lambda _: NoNumber(),
    strict=False,
)
decode_at: Final = _decoder.raw_decode
"""Decodes the value that a text has at a place; returns it and where it ends. Raises one of BROKEN."""


def as_text(body: bytes) -> str:
    """Return JSON as text; `as_bytes` gives the same bytes for it, whatever they are."""
    return body.decode(errors="surrogateescape")


def as_bytes(text: str) -> bytes:
    """Return text that `as_text` made as the bytes that it was."""
    return text.encode(errors="surrogateescape")


def decode_row(row: bytes) -> dict[str, Any]:
    """Decode one row. Raises MalformedAnswer where it is not one object."""
    try:
        found = _decoder.decode(as_text(row))
    except BROKEN:
        found = None
    if not isinstance(found, dict):
        raise malformed("a row that is no object", row)
    return found


def malformed(what: str, found: bytes) -> MalformedAnswer:
    """Return the error for an answer that holds something else than it should."""
    return MalformedAnswer(f"PEMS answered with {what}: {found[:_SHOWN].decode(errors='replace')!r}")


Cell = tuple[int | None, Any]
"""Aliasnum, None where it cannot be told, and value; of an object with a key twice the object itself."""


def cells_of(row: dict[str, Any]) -> list[Cell]:
    """Return the cells of a decoded row."""
    cells = None if isinstance(row, Twice) else row.get("D")
    return [_cell_of(cell) for cell in (cells if isinstance(cells, list) else [cells])]


def _cell_of(cell: Any) -> Cell:
    number = cell.get("n") if isinstance(cell, dict) else None
    if not isinstance(number, str) or not number.isdecimal() or len(number) > _LONGEST_NUMBER:
        return None, None
    return int(number), cell if isinstance(cell, Twice) else cell.get("value")


def text_of(value: Any, *, point: str, is_flag: bool) -> str:
    """Return the text of a value, for a field that may be a flag; `point` stands before decimals.

    Raises BadCell for what is no single value.
    """
    if value is None:
        return ""
    if isinstance(value, Number):
        return _without_exponent(value).replace(".", point)
    if isinstance(value, str):
        return value
    if isinstance(value, bool) and is_flag:
        return "true" if value else "false"
    if isinstance(value, Twice):
        raise BadCell("comes twice")
    raise BadCell("is neither text nor a number")


def _without_exponent(number: Number) -> str:
    """Return a number written out, where it is not beyond everything that an amount can be."""
    if "e" not in number.lower():
        return str(number)
    try:
        exact = Decimal(number)
    except InvalidOperation:
        return str(number)
    return f"{exact:f}" if abs(exact.adjusted()) < _LONGEST_NUMBER else str(number)


def written(value: Any) -> str:
    """Return a value about as it was sent; nothing of one that is nested without end."""
    try:
        return value if isinstance(value, str) else json.dumps(value, default=repr)
    except RecursionError:
        return ""
