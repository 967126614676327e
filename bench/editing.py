"""Edits records in a process of its own, so many a second: `editing`, as a person's edits are written."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from typing import Final

import sqlalchemy as sa

from pfa_rpc.records.cause import Cause, How
from pfa_rpc.schema import MERGED_FIELDS
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import Organization, get_organization
from pfa_rpc.store.records import StoredRecord, read_for_write, save_records
from pfa_rpc.store.tables import records

_CHOICES: Final = 500
"""Records that are edited in turn."""


@contextmanager
def editing(url: str, code: str, a_second: float) -> Iterator[None]:
    """Edit records of an organization while the body runs; print how it went."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_run, args=(url, code, a_second, there), daemon=True)
    process.start()
    here.recv()
    try:
        yield
    finally:
        here.send("stop")
        edits, seconds = here.recv()
        process.join(10)
        print(f"meanwhile {edits} edits of {code} in {seconds:.0f} s, {edits / seconds:.1f} a second")


def _run(url: str, code: str, a_second: float, pipe: Connection) -> None:
    asyncio.run(_edit_on(url, code, 1 / a_second, pipe))


async def _edit_on(url: str, code: str, pause: float, pipe: Connection) -> None:
    database = Database(url)
    async with database.reading() as connection:
        organization = await get_organization(connection, code)
        query = sa.select(records.c.pfa_id).where(records.c.organization_id == code).limit(_CHOICES)
        pfa_ids = list((await connection.execute(query)).scalars())
    pipe.send("ready")
    began, edits = time.monotonic(), 0
    while not pipe.poll():
        await edit(database, organization, random.choice(pfa_ids))
        edits += 1
        await asyncio.sleep(max(0.0, began + edits * pause - time.monotonic()))
    pipe.recv()
    pipe.send((edits, time.monotonic() - began))
    await database.close()


async def edit(database: Database, organization: Organization, pfa_id: str) -> None:
    """Move the end of a record's forecast by a day."""
    async with database.write(organization.organization_id, Cause(How.EDIT, "bench")) as write:
        before = (await read_for_write(write, [pfa_id]))[pfa_id]
        await save_records(write, organization, [(before, _edited(before))])


def _edited(before: StoredRecord) -> StoredRecord:
    after = before.copy()
    values = after.values
    after.base = after.base or {field.name: values[field.name] for field in MERGED_FIELDS}
    values["forecast_end"] += timedelta(days=1)
    values["modified_fields"] = tuple(name for name, value in after.base.items() if values[name] != value)
    values["sync_state"] = "modified"
    values["local_version"] += 1
    values["modified_by"] = "jsmith"
    values["modified_at"] = datetime.now(UTC)
    return after
