"""What an organization holds, in figures to compare: `contents`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.records.revision import CHUNK_RECORDS
from pfa_rpc.schema import FIELDS
from pfa_rpc.store.tables import (
    records,
)
from pfa_rpc.store.upkeep.copied_tables import tables_digest

_COMPARED_RECORDS: Final = 4 * CHUNK_RECORDS
_MONEY: Final = tuple(field.column for field in FIELDS if field.is_money)
_HALF: Final = 2**31


@dataclass(frozen=True, slots=True)
class Contents:
    """What an organization holds, in figures that are equal for equal records."""

    records: int
    sums: dict[str, int]
    """Sum of each column of money, in its own unit."""
    digest: str
    """Of every record in order of insertion: payload, place, revision and what is known of PEMS."""
    others: str
    """Digest of what there is beside the records: vocabulary, history and all else."""


async def contents(connection: AsyncConnection, code: str, *, read: Callable[[int], None] | None = None) -> Contents:
    """Return what an organization holds, read in batches; `read` is told of each."""
    r = records.c
    columns = (r.position, r.revision, r.payload_version, r.id, r.payload, r.base, r.seen_digest)
    digest, number, last = blake2b(digest_size=16), 0, -1
    while True:
        query = (
            sa.select(*columns)
            .where(r.organization_id == code, r.position > last)
            .order_by(r.position)
            .limit(_COMPARED_RECORDS)
        )
        rows = (await connection.execute(query)).all()
        if not rows:
            break
        for row in rows:
            digest.update(repr(tuple(row)).encode())
        number, last = number + len(rows), rows[-1].position
        if read is not None:
            read(len(rows))
    others = await tables_digest(connection, code)
    return Contents(number, await _sums(connection, code), digest.hexdigest(), others)


async def _sums(connection: AsyncConnection, code: str) -> dict[str, int]:
    """Return the sum of each column of money; of halves, since SQLite refuses a sum beyond 64 bits."""
    half = sa.literal(_HALF, sa.BigInteger())
    halves = [
        part for name in _MONEY for part in (sa.func.sum(records.c[name] // half), sa.func.sum(records.c[name] % half))
    ]
    row = (await connection.execute(sa.select(*halves).where(records.c.organization_id == code))).one()
    return {name: int(row[2 * place] or 0) * _HALF + int(row[2 * place + 1] or 0) for place, name in enumerate(_MONEY)}
