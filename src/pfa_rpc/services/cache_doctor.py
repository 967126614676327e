"""Compares what Redis keeps of an organization with the database: `examine_cache`.

An entry that was made from another revision is none of anybody's business: nobody uses it. One that has the database's
own revision is used, and must say what the database says; it is made anew from that, as it was made, and compared.
"""

from __future__ import annotations

import contextlib
import json
import struct
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.errors import LanguageError
from pfa_rpc.cache.inspection import Inspection, Kept
from pfa_rpc.cache.interface import CHUNKS, Kind
from pfa_rpc.services.asking.vocabularies import to_bytes
from pfa_rpc.services.reading.answers import key_of, take_apart
from pfa_rpc.services.reading.figures import FIGURES, FiguresRequest, read_figures
from pfa_rpc.services.reading.framing import frame_records
from pfa_rpc.services.reading.modified import count_of, pack
from pfa_rpc.services.reading.pages import PAGE, PageRequest, read_page
from pfa_rpc.services.reading.single import RECORD, read_record
from pfa_rpc.store import reads
from pfa_rpc.store.chunks import read_chunks
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import Organization, get_organization

_SHOWN: Final = 200


@dataclass(slots=True)
class CacheReport:
    """What was found in Redis."""

    examined: int = 0
    """Entries that have the database's revision."""
    outdated: int = 0
    """Entries that have another: nobody uses them."""
    damaged: list[str] = field(default_factory=list)
    """What each entry is that does not say what the database says."""


async def examine_cache(
    database: Database, inspection: Inspection, organization_id: str, *, drop: bool = False
) -> CacheReport:
    """Compare the entries of an organization with the database, and drop those that are wrong, if asked to.

    One entry at a time is in memory, with what it is compared with. The service may run meanwhile. Raises RedisAway and
    OrganizationNotFound.
    """
    report = CacheReport()
    async for kept in inspection.entries(organization_id):
        async with database.reading() as connection:
            is_right = await _is_right(connection, await get_organization(connection, organization_id), kept)
        if is_right is None:
            report.outdated += 1
            continue
        report.examined += 1
        if not is_right:
            report.damaged.append(_described(kept))
            if drop:
                await inspection.drop(organization_id, kept)
    return report


async def _is_right(connection: AsyncConnection, organization: Organization, kept: Kept) -> bool | None:
    """Tell whether an entry says what the database says; None where it is of another revision."""
    organization_id = organization.organization_id
    if kept.family == CHUNKS:
        number = int(kept.key)
        chunk = (await read_chunks(connection, organization_id, [number])).get(number)
        if chunk is None or chunk.revision != kept.revision:
            return None
        return kept.value == frame_records(chunk.payloads)
    if kept.revision != organization.revision:
        return None
    match kept.family:
        case Kind.QUERY:
            return await _is_right_answer(connection, organization, kept)
        case Kind.MODIFIED:
            return await _are_the_modified(connection, organization_id, kept.value)
        case _:
            return kept.value == to_bytes(await reads.read_vocabulary(connection, organization_id))


async def _are_the_modified(connection: AsyncConnection, organization_id: str, value: bytes) -> bool:
    try:
        number = count_of(value)
    except struct.error:
        return False
    if number is None:  # how many were too many was a setting of who put it there
        return True
    return value == pack(await reads.read_unsynced(connection, organization_id, limit=number + 1))


async def _is_right_answer(connection: AsyncConnection, organization: Organization, kept: Kept) -> bool:
    try:
        text, answer = take_apart(kept.value)
        asked = json.loads(text)
    except ValueError:
        return False
    if key_of(text) != kept.key:  # kept where the answer to something else belongs
        return False
    try:
        right = await _answer_to(asked, connection, organization)
    except (KeyError, LanguageError, TypeError, ValueError):
        return True  # asked by another version, which knows what this one does not
    return right is None or right == answer


async def _answer_to(asked: list[Any], connection: AsyncConnection, organization: Organization) -> bytes | None:
    """Return the answer to a query; None where this version does not know what was asked."""
    if asked[0] == PAGE:
        page = PageRequest.of(organization.organization_id, asked)
        return await read_page(connection, organization.organization_id, page)
    if asked[0] == RECORD:
        _, name, value = asked
        return await read_record(connection, organization.organization_id, name, value)
    if asked[0] == FIGURES:
        return await read_figures(connection, organization, FiguresRequest.of(organization.organization_id, asked))
    return None


def _described(kept: Kept) -> str:
    what = f"chunk {kept.key}" if kept.family == CHUNKS else f"{kept.family} {kept.key}".strip()
    if kept.family == Kind.QUERY:
        with contextlib.suppress(UnicodeDecodeError):
            what = f"{what}: {take_apart(kept.value)[0][:_SHOWN]}"
    return f"{what}, revision {kept.revision.number}"
