"""Rows of sheets as each database sends them in the shortest way: `read_chunks`, `read_positions`, `read_drafted`.

PostgreSQL joins the columns of all rows to one value, which is read without looking at a single row. SQLite has no
columns of fixed length, and sends rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.records.remembered import Remembered
from pfa_rpc.records.revision import CHUNK_RECORDS, Revision
from pfa_rpc.records.sheets import DAYS, MONEY, NO_DAY, NO_MONEY, Sheet, choice_bits, joined, sheet_of
from pfa_rpc.records.vectors import LAST_DAY
from pfa_rpc.store.drafts.view import DraftView

CHUNKS_AT_ONCE: Final = 64
"""Chunks that one statement reads: some 3 MB."""

_LEAST, _MOST = np.iinfo(np.int32).min, np.iinfo(np.int32).max
"""What PostgreSQL sends for -infinity and infinity, which stand for the first and the last day of the calendar."""
_MISSING: Final = _LEAST + 1
"""What stands for a missing day: none is so far away."""
_MILLENNIUM: Final = date(2000, 1, 1).toordinal()
_PACKED: Final = np.dtype(
    [("position", ">i8"), ("choices", ">i4"), *((name, ">i4") for name in DAYS), *((name, ">i8") for name in MONEY)]
)


def _choices(true: str) -> str:
    """Return the expression of the bits of flags and enumerations; `true` is how the database writes it."""
    cases = [
        f"CASE WHEN r.{name} = {true if value is True else repr(value)} THEN {bit} ELSE 0 END"
        for name, (value, bit) in choice_bits().items()
    ]
    return " + ".join(cases)


_PACK: Final = " || ".join(
    (
        "int8send(r.position)",
        f"int4send({_choices('true')})",
        *(f"coalesce(date_send(r.{name}), int4send({_MISSING}))" for name in DAYS),
        *(f"int8send(coalesce(r.{name}, '{NO_MONEY}'::bigint))" for name in MONEY),
    )
)
_JOINED: Final = f"string_agg({_PACK}, ''::bytea)"
_IN_CHUNK: Final = f"r.position >= c.chunk * {CHUNK_RECORDS} AND r.position < (c.chunk + 1) * {CHUNK_RECORDS}"
_NUMBERS: Final = postgresql.ARRAY(sa.BigInteger())

PACKED_CHUNKS: Final = sa.text(
    f"SELECT c.chunk, c.revision, c.nonce, (SELECT {_JOINED} FROM records r "  # noqa: S608 (names of our own)
    f"WHERE r.organization_id = c.organization_id AND {_IN_CHUNK}) "
    "FROM record_chunks c WHERE c.organization_id = :organization_id AND c.chunk = ANY(:chunks)"
).bindparams(sa.bindparam("chunks", type_=_NUMBERS))
"""Chunks on PostgreSQL: for each what it is at, and its records, of which it reads a range of the index."""
PACKED_POSITIONS: Final = sa.text(
    f"SELECT {_JOINED} FROM records r "  # noqa: S608 (names of our own)
    "WHERE r.organization_id = :organization_id AND r.position = ANY(:positions)"
).bindparams(sa.bindparam("positions", type_=_NUMBERS))
PACKED_DRAFT: Final = sa.text(
    f"SELECT {_JOINED} FROM draft_records r "  # noqa: S608 (names of our own)
    "WHERE r.organization_id = :organization_id AND r.draft_id = :draft_id"
)

_COLUMNS: Final = ", ".join(("r.position", _choices("1"), *(f"r.{name}" for name in (*DAYS, *MONEY))))
_ROWS_OF_CHUNKS: Final = sa.text(
    f"SELECT {_COLUMNS} FROM records r WHERE r.organization_id = :organization_id "  # noqa: S608 (names of our own)
    "AND r.position >= :first AND r.position < :end"
)
_ROWS_AT: Final = sa.text(
    f"SELECT {_COLUMNS} FROM records r WHERE r.organization_id = :organization_id "  # noqa: S608 (names of our own)
    "AND r.position IN (SELECT value FROM json_each(:positions))"
)
_ROWS_OF_DRAFT: Final = sa.text(
    f"SELECT {_COLUMNS} FROM draft_records r "  # noqa: S608 (names of our own)
    "WHERE r.organization_id = :organization_id AND r.draft_id = :draft_id"
)


async def read_chunks(
    connection: AsyncConnection, organization_id: str, pairs: Mapping[int, Revision]
) -> dict[int, Sheet]:
    """Return the sheets of some chunks, given what each is at in the snapshot that the connection sees."""
    found: dict[int, Sheet] = {}
    chunks = sorted(pairs)
    for start in range(0, len(chunks), CHUNKS_AT_ONCE):
        some = chunks[start : start + CHUNKS_AT_ONCE]
        if connection.dialect.name == "postgresql":
            parameters = {"organization_id": organization_id, "chunks": some}
            rows = await connection.execute(PACKED_CHUNKS, parameters)
            found |= {chunk: _unpacked(packed) for chunk, _, _, packed in rows}
        else:
            found |= await _chunks_in_rows(connection, organization_id, some)
    return found


async def _chunks_in_rows(connection: AsyncConnection, organization_id: str, chunks: Sequence[int]) -> dict[int, Sheet]:
    found: dict[int, Sheet] = {}
    for run in _runs(chunks):
        places = {"first": run[0] * CHUNK_RECORDS, "end": (run[-1] + 1) * CHUNK_RECORDS}
        rows = await connection.execute(_ROWS_OF_CHUNKS, {"organization_id": organization_id, **places})
        sheet = _from_rows(rows.all())
        bounds = np.searchsorted(sheet.positions, [chunk * CHUNK_RECORDS for chunk in (*run, run[-1] + 1)])
        for chunk, (first, end) in zip(run, pairwise(bounds.tolist()), strict=True):
            found[chunk] = Sheet(sheet.rows[first:end].copy())  # or it would keep the others, too
    return found


def _runs(numbers: Sequence[int]) -> list[list[int]]:
    """Return ascending numbers in runs without a gap."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


async def read_positions(connection: AsyncConnection, organization_id: str, positions: Sequence[int]) -> Sheet:
    """Return the sheet of the records at some positions."""
    parameters: dict[str, Any] = {"organization_id": organization_id}
    if connection.dialect.name == "postgresql":
        parameters["positions"] = positions
        return _unpacked((await connection.execute(PACKED_POSITIONS, parameters)).scalar_one())
    parameters["positions"] = json.dumps(positions)
    return _from_rows((await connection.execute(_ROWS_AT, parameters)).all())


async def read_drafted(connection: AsyncConnection, view: DraftView) -> Sheet:
    """Return the sheet of the records that a draft changes or makes."""
    parameters = {"organization_id": view.organization_id, "draft_id": view.draft_id}
    if connection.dialect.name == "postgresql":
        return _unpacked((await connection.execute(PACKED_DRAFT, parameters)).scalar_one())
    return _from_rows((await connection.execute(_ROWS_OF_DRAFT, parameters)).all())


def _unpacked(packed: bytes | None) -> Sheet:
    rows = np.frombuffer(packed or b"", _PACKED)
    columns: dict[str, Any] = {name: rows[name] for name in ("position", "choices", *MONEY)}
    for name in DAYS:
        days = rows[name].astype(np.int32)
        ordinals = np.clip(days.astype(np.int64) + _MILLENNIUM, 1, LAST_DAY)
        columns[name] = np.where(days == _MISSING, NO_DAY, ordinals)
    return sheet_of(columns)


_ORDINALS: Final = Remembered(lambda text: date.fromisoformat(text).toordinal())
_ORDINALS[None] = NO_DAY


def _from_rows(rows: Sequence[Any]) -> Sheet:
    if not rows:
        return joined(())
    position, choices, *others = zip(*rows, strict=True)
    columns: dict[str, Any] = {"position": position, "choices": choices}
    for name, values in zip((*DAYS, *MONEY), others, strict=True):
        columns[name] = (
            [*map(_ORDINALS.__getitem__, values)]
            if name in DAYS
            else [NO_MONEY if value is None else value for value in values]
        )
    return sheet_of(columns)
