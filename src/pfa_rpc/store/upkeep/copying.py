"""Copies one database into another, of the same kind or not: `copy`.

Records come over as they are: payloads, columns, positions and revision numbers. Each organization is read in one
snapshot, is written in batches that are whole, and is compared at the end. A copy that was stopped, or whose source has
changed since, goes on when it is run again: for each organization the target keeps up to which revision it has
everything, and what it was at when the last batch was written.

Nonces are drawn anew with every batch, as any write does: what a shared cache holds of the source, or of an unfinished
copy, is never taken for what the target holds.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.schema import FieldType
from pfa_rpc.errors import PfaError
from pfa_rpc.records.revision import CHUNK_RECORDS, Revision, chunk_of
from pfa_rpc.schema import FIELDS
from pfa_rpc.store.bulk import insert_for, insert_rows
from pfa_rpc.store.database import Database
from pfa_rpc.store.tables import (
    instance_keys,
    organization_revisions,
    organizations,
    record_chunks,
    records,
)
from pfa_rpc.store.upkeep.contents import Contents, contents
from pfa_rpc.store.upkeep.copied_tables import copy_tables

BATCH_RECORDS: Final = 10 * CHUNK_RECORDS
"""Records of one transaction: whole chunks."""
_STATE: Final = "copy/"
"""Begins the name of what is kept of a copy beside the keys of an instance."""
_NAMES: Final = tuple(column.name for column in records.columns)
_LISTS: Final = tuple(field.column for field in FIELDS if field.type is FieldType.NAMES)

Progress = Callable[[int, int], None]
"""Is told (records done, records in all), over copying and comparing alike."""


class OtherData(PfaError):
    """The target has other data than the source; name an empty database."""

    status = "ALREADY_EXISTS"


class CopyDiffers(PfaError):
    """The target is not equal to the source."""

    status = "DATA_LOSS"


@dataclass(slots=True)
class Copied:
    """What became of one organization."""

    records: int
    """Records that it has."""
    inserted: int = 0
    replaced: int = 0
    """Records that an earlier copy wrote, and that the source has changed since."""
    digest: str = ""
    is_behind: bool = False
    """Whether the source changed it after it was read."""


@dataclass(slots=True)
class CopySummary:
    """What a copy came to."""

    organizations: dict[str, Copied] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def behind(self) -> list[str]:
        """Return the codes of organizations that changed while they were copied."""
        return [code for code, copied in self.organizations.items() if copied.is_behind]

    def document(self) -> dict[str, Any]:
        """Return the summary as JSON would have it."""
        copied = self.organizations.values()
        return {
            "records": sum(one.records for one in copied),
            "inserted": sum(one.inserted for one in copied),
            "replaced": sum(one.replaced for one in copied),
            "seconds": round(self.seconds, 3),
            "behind": self.behind,
            "organizations": {
                code: {
                    "records": one.records,
                    "inserted": one.inserted,
                    "replaced": one.replaced,
                    "digest": one.digest,
                }
                for code, one in self.organizations.items()
            },
        }


async def copy(source: Database, target: Database, *, progress: Progress | None = None) -> CopySummary:
    """Copy everything, both databases being of this version's schema.

    Raises OtherData where the target has other data, before anything is written; CopyDiffers where a comparison at the
    end fails, which means a defect or a writer at the target; DatabaseUnavailable.
    """
    began = time.monotonic()
    summary = CopySummary()
    async with source.reading() as reader:
        heads = await _heads(reader)
        keys = await _keys(reader)
    await _check_target(source, target, heads)
    await _copy_keys(target, keys)
    counter = _Counter(2 * sum(head.next_position for head in heads), progress)
    for head in heads:
        summary.organizations[head.organization_id] = await _Organization(source, target, counter).run(head)
    async with source.reading() as reader:
        now = {head.organization_id: (head.revision, head.nonce) for head in await _heads(reader)}
    for code, copied in summary.organizations.items():
        copied.is_behind = now.pop(code, None) != counter.read_at[code]
    for code in now:  # created meanwhile
        summary.organizations[code] = Copied(0, is_behind=True)
    summary.seconds = time.monotonic() - began
    return summary


class _Counter:
    """How far the copy is, and what each organization was at when it was read."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.done = 0
        self._total = total
        self._progress = progress
        self.read_at: dict[str, tuple[int, int]] = {}

    def add(self, number: int) -> None:
        """Note that more records were copied or compared, and tell."""
        self.done += number
        if self._progress is not None:
            self._progress(min(self.done, self._total), self._total)


# --- what is there ---------------------------------------------------------------------------------------------------


async def _heads(connection: AsyncConnection, code: str | None = None) -> list[Any]:
    """Return organizations with what they are at, by code."""
    o, r = organizations.c, organization_revisions.c
    query = (
        sa.select(organizations, r.revision, r.nonce, r.next_position, r.changed_at)
        .join_from(organizations, organization_revisions, o.organization_id == r.organization_id)
        .order_by(o.organization_id)
    )
    if code is not None:
        query = query.where(o.organization_id == code)
    return list(await connection.execute(query))


async def _keys(connection: AsyncConnection) -> list[Any]:
    query = sa.select(instance_keys).order_by(instance_keys.c.name)
    return [row for row in await connection.execute(query) if not row.name.startswith(_STATE)]


async def _copy_keys(target: Database, keys: Sequence[Any]) -> None:
    """Take the keys over, so that tokens given out by the source are good at the target."""
    async with target.writing() as writer:
        for row in keys:
            await _put_key(writer, row.name, row.value)


async def _put_key(writer: AsyncConnection, name: str, value: bytes) -> None:
    insert = insert_for(writer.dialect.name, instance_keys)
    upsert = insert.on_conflict_do_update(index_elements=["name"], set_={"value": insert.excluded.value})
    await writer.execute(upsert, {"name": name, "value": value})


@dataclass(slots=True)
class _State:
    """What the target keeps of a copy of an organization."""

    complete_to: int
    """Every record that is there is at least as new as this revision of the source."""
    revision: int
    nonce: int
    """What the target's organization was at after the last batch: another pair tells that someone else has written."""

    def to_bytes(self) -> bytes:
        return json.dumps([self.complete_to, self.revision, self.nonce]).encode()


async def _state(connection: AsyncConnection, code: str) -> _State | None:
    stored = await connection.scalar(sa.select(instance_keys.c.value).where(instance_keys.c.name == _STATE + code))
    return None if stored is None else _State(*json.loads(stored))


async def _check_target(source: Database, target: Database, heads: Sequence[Any]) -> None:
    """Raise OtherData where the target has data that no copy of this source has put there."""
    known = {head.organization_id: head for head in heads}
    async with target.reading() as theirs, source.reading() as ours:
        for there in await _heads(theirs):
            code, state = there.organization_id, await _state(theirs, there.organization_id)
            if code not in known:
                raise OtherData(
                    f"the target has an organization {code!r} that the source has not; name an empty database"
                )
            if there.next_position and state is None:
                raise OtherData(
                    f"the target has {there.next_position:,} records of organization {code!r} that no copy has put "
                    "there; name an empty database"
                )
            if state is not None and (state.revision, state.nonce) != (there.revision, there.nonce):
                raise OtherData(
                    f"organization {code!r} was changed in the target since it was copied; name an empty database"
                )
            last = there.next_position - 1
            if there.next_position > known[code].next_position or (
                last >= 0 and await _id_at(theirs, code, last) != await _id_at(ours, code, last)
            ):
                raise OtherData(f"the target has other records of organization {code!r}; name an empty database")


async def _id_at(connection: AsyncConnection, code: str, position: int) -> str | None:
    found: str | None = await connection.scalar(
        sa.select(records.c.id).where(records.c.organization_id == code, records.c.position == position)
    )
    return found


# --- one organization ------------------------------------------------------------------------------------------------


class _Organization:
    """Copies one organization."""

    def __init__(self, source: Database, target: Database, counter: _Counter) -> None:
        self._source = source
        self._target = target
        self._counter = counter

    async def run(self, listed: Any) -> Copied:
        """Copy it as of one snapshot of the source, and compare."""
        async with self._source.reading() as reader:
            head = (await _heads(reader, listed.organization_id))[0]
            self._counter.read_at[head.organization_id] = (head.revision, head.nonce)
            state, position = await self._begin(head)
            copied = Copied(head.next_position)
            self._counter.add(position)
            if state.complete_to < head.revision and position:
                copied.replaced = await self._replace(reader, head, state, position)
            copied.inserted = await self._append(reader, head, state, position)
            await self._finish(reader, head, state)
            copied.digest = await self._compare(reader, head)
        return copied

    async def _begin(self, head: Any) -> tuple[_State, int]:
        """Put the organization itself at the source's revision; return the state, and where to go on."""
        code = head.organization_id
        values = {column.name: getattr(head, column.name) for column in organizations.columns}
        async with self._target.writing() as writer:
            state = await _state(writer, code)
            there = await _heads(writer, code)
            if not there:
                await writer.execute(sa.insert(organizations).values(values))
                await writer.execute(
                    sa.insert(organization_revisions).values(
                        organization_id=code, revision=head.revision, nonce=secrets.randbits(63), next_position=0
                    )
                )
                there = await _heads(writer, code)
            else:
                await writer.execute(
                    # Without the code itself: no server lets a row move to another organization.
                    sa.update(organizations)
                    .where(organizations.c.organization_id == code)
                    .values({name: value for name, value in values.items() if name != "organization_id"})
                )
            at = Revision(there[0].revision, there[0].nonce)
            # What is not there is as new as it can be.
            complete_to = state.complete_to if state is not None and there[0].next_position else head.revision
            state = _State(complete_to, at.number, at.nonce)
            await self._mark(writer, head, state, there[0].next_position)
        return state, there[0].next_position

    async def _mark(
        self, writer: AsyncConnection, head: Any, state: _State, position: int, chunks: Sequence[int] = ()
    ) -> None:
        """Give the organization, and chunks that were written, a nonce of their own. Raises OtherData."""
        table, code = organization_revisions, head.organization_id
        nonce = secrets.randbits(63)
        changed = await writer.execute(
            sa.update(table)
            .where(table.c.organization_id == code, table.c.revision == state.revision, table.c.nonce == state.nonce)
            .values(
                revision=head.revision,
                nonce=nonce,
                next_position=position,
                vocabulary_nonce=nonce,
                changed_at=head.changed_at,
            )
        )
        if changed.rowcount != 1:
            raise OtherData(f"someone else writes to organization {code!r} of the target; stop that, and copy again")
        state.revision, state.nonce = head.revision, nonce
        await _put_key(writer, _STATE + code, state.to_bytes())
        if chunks:
            insert = insert_for(writer.dialect.name, record_chunks)
            upsert = insert.on_conflict_do_update(
                index_elements=["organization_id", "chunk"],
                set_={"revision": insert.excluded.revision, "nonce": insert.excluded.nonce},
            )
            pair = {"revision": head.revision, "nonce": nonce}
            await writer.execute(upsert, [{"organization_id": code, "chunk": chunk, **pair} for chunk in chunks])

    async def _replace(self, reader: AsyncConnection, head: Any, state: _State, position: int) -> int:
        """Write the records anew that the source has changed since they were copied; return how many."""
        replaced = 0
        changed = sa.and_(records.c.revision > state.complete_to, records.c.position < position)
        async for rows in _batches(reader, head.organization_id, changed, CHUNK_RECORDS):
            async with self._target.writing() as writer:
                await self._mark(writer, head, state, position, sorted({chunk_of(row["position"]) for row in rows}))
                await writer.execute(
                    sa.delete(records).where(
                        records.c.organization_id == head.organization_id,
                        records.c.id.in_([row["id"] for row in rows]),
                    )
                )
                await insert_rows(writer, records, rows)
            replaced += len(rows)
        return replaced

    async def _append(self, reader: AsyncConnection, head: Any, state: _State, position: int) -> int:
        """Write the records that the target lacks; return how many."""
        inserted = 0
        async for rows in _batches(reader, head.organization_id, records.c.position >= position, BATCH_RECORDS):
            after = rows[-1]["position"] + 1
            async with self._target.writing() as writer:
                await self._mark(writer, head, state, after, sorted({chunk_of(row["position"]) for row in rows}))
                await insert_rows(writer, records, rows)
            inserted += len(rows)
            self._counter.add(len(rows))
        return inserted

    async def _finish(self, reader: AsyncConnection, head: Any, state: _State) -> None:
        """Take over what there is beside the records, and note that everything is there."""
        await copy_tables(reader, self._target, head.organization_id)
        state.complete_to = head.revision
        async with self._target.writing() as writer:
            await self._mark(writer, head, state, head.next_position)

    async def _compare(self, reader: AsyncConnection, head: Any) -> str:
        """Return the digest that both sides have. Raises CopyDiffers, telling both."""
        code = head.organization_id
        ours = await contents(reader, code, read=self._counter.add)
        async with self._target.reading() as theirs:
            there = await contents(theirs, code)
        if ours != there:
            raise CopyDiffers(
                f"organization {code!r} is not the same in both databases; copy into an empty database. "
                f"Source: {_shown(ours)}. Target: {_shown(there)}"
            )
        return ours.digest


def _shown(one: Contents) -> str:
    sums = ", ".join(f"{name} {amount}" for name, amount in one.sums.items())
    return f"{one.records:,} records, {sums}, digest {one.digest}, others {one.others}"


async def _batches(
    reader: AsyncConnection, code: str, condition: sa.ColumnElement[bool], size: int
) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield records by column, in order of insertion, at most `size` at a time."""
    last = -1
    while True:
        query = (
            sa.select(records)
            .where(records.c.organization_id == code, condition, records.c.position > last)
            .order_by(records.c.position)
            .limit(size)
        )
        rows = [dict(zip(_NAMES, row, strict=True)) for row in await reader.execute(query)]
        for row in rows:
            for name in _LISTS:  # an empty list is stored as missing
                row[name] = row[name] or None
        if not rows:
            return
        last = rows[-1]["position"]
        yield rows
