"""Rows as PostgreSQL's binary COPY has them: `in_parts` puts them together for the driver, `row_maker` makes them.

The driver would make each value by itself; here those that come again are remembered (`column_maker`). The format is
that of "Binary Format" in PostgreSQL's page on COPY: each value stands as its type's binary form, after its length.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import islice, repeat
from operator import itemgetter
from struct import Struct
from typing import Any, Final

import sqlalchemy as sa

from pfa_rpc.records.remembered import Remembered
from pfa_rpc.records.steps import Make
from pfa_rpc.store.types import NameList, UtcTime

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
"""With no flags, and no extension of the header."""
_END: Final = b"\xff\xff"
_MISSING: Final = b"\xff\xff\xff\xff"
_PART: Final = 128
"""Rows that are sent at once, made in some 2 ms: the server works on some while the next are made."""
_MOST_REMEMBERED: Final = 4_096
_FIRST_DAY: Final = date(2000, 1, 1)
_FIRST_MOMENT: Final = datetime(2000, 1, 1, tzinfo=UTC)
_TEXT_OID: Final = 25

_COUNT: Final = Struct("!h").pack
_length: Final = Struct("!i").pack
_boolean: Final = Struct("!i?").pack
_int2: Final = Struct("!ih").pack
_int4: Final = Struct("!ii").pack
_int8: Final = Struct("!iq").pack
_array: Final = Struct("!5i").pack


async def in_parts(rows: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield what COPY reads, given its rows, which are made as they are asked for."""
    made = iter(rows)
    yield _SIGNATURE
    while part := b"".join(islice(made, _PART)):
        yield part
        # The driver goes on at once where the server is ready for more: others have to be let in here.
        await asyncio.sleep(0)
    yield _END


def row_head(columns: int) -> bytes:
    """Return what a row of so many columns begins with."""
    return _COUNT(columns)


@lru_cache(maxsize=16)
def row_maker(table: sa.Table) -> Callable[[dict[str, Any]], bytes]:
    """Return what makes rows that have a value for every column of a table, in the order of its columns."""
    take = itemgetter(*(column.name for column in table.columns))
    makers = [column_maker(column) for column in table.columns]
    head = row_head(len(makers))

    def make(row: dict[str, Any]) -> bytes:
        return head + b"".join([make(value) for make, value in zip(makers, take(row), strict=True)])

    return make


def rows_of_columns(table: sa.Table, columns: Mapping[str, Sequence[Any]]) -> Iterator[bytes]:
    """Yield rows given as columns of a table, each of its values in the order of the columns."""
    makers = _column_makers(table)
    made = [map(makers[name], values) for name, values in columns.items()]
    return map(b"".join, zip(repeat(row_head(len(made))), *made, strict=False))


@lru_cache(maxsize=16)
def _column_makers(table: sa.Table) -> dict[str, Make]:
    return {column.name: column_maker(column) for column in table.columns}


def column_maker(column: sa.Column[Any], *, comes_again: bool = True) -> Make:
    """Return what makes the values of a column, and tell it whether texts come again, which are remembered then.

    Raises TypeError for a type that no form is known of.
    """
    match column.type:
        case UtcTime():
            return lambda value: _MISSING if value is None else _moment(value)
        case NameList():
            return _remembering(_names)
        case sa.Text() if not comes_again:
            return lambda value: _MISSING if value is None else _text(value)
        case sa.Text():
            return _remembering(_text)
        case sa.Boolean():
            return _remembering(lambda value: _boolean(1, value))
        case sa.Date():
            return _remembering(lambda value: _int4(4, (value - _FIRST_DAY).days))
        case sa.SmallInteger():  # before the wider ones: all are integers
            return lambda value: _MISSING if value is None else _int2(2, value)
        case sa.BigInteger():
            return lambda value: _MISSING if value is None else _int8(8, value)
        case sa.Integer():
            return lambda value: _MISSING if value is None else _int4(4, value)
        case sa.LargeBinary():
            return lambda value: _MISSING if value is None else _length(len(value)) + value
    raise TypeError(f"{column} is {column.type!r}, which has no binary form here yet")


def _remembering(encode: Make) -> Make:
    """Return an encoder that remembers what it gave, and gives a missing value."""
    remembered = Remembered(encode, _MOST_REMEMBERED)
    remembered[None] = _MISSING
    return remembered.__getitem__


def _text(value: str) -> bytes:
    content = value.encode()
    return _length(len(content)) + content


def _moment(value: datetime) -> bytes:
    since = value - _FIRST_MOMENT
    return _int8(8, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _names(values: tuple[str, ...]) -> bytes:
    """Return an array of text with one dimension, numbered from 1; an empty list is stored as missing."""
    if not values:
        return _MISSING
    content = _array(1, 0, _TEXT_OID, len(values), 1) + b"".join(map(_text, values))
    return _length(len(content)) + content
