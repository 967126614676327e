"""Updates of records with their history, made in columns: `send_updates` writes some while the next are made."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from pfa_rpc.records.steps import Columns
from pfa_rpc.schema import FIELDS
from pfa_rpc.store.bulk import insert_columns, update_columns
from pfa_rpc.store.database import Write
from pfa_rpc.store.sending import Sending
from pfa_rpc.store.tables import record_changes, records

NAMED: Final = tuple(field.name for field in FIELDS if field.named)
"""The fields whose values can be named."""
Uses = Counter[tuple[str, str]]
"""(field, spelling) → how many more records hold it; fewer are negative."""


class Made(NamedTuple):
    """What is written of some records."""

    columns: Mapping[str, Sequence[Any]]
    """Columns of `records` that are updated, and the id."""
    history: Mapping[str, Sequence[Any]]
    """Columns of `record_changes`; none where nothing differs."""


async def send_updates(write: Write, made: Iterable[Made], *, at_end: bool = False) -> list[bytes]:
    """Write records, some while the next are made, or leave it to the end of the write; return their payloads."""
    payloads: list[bytes] = []
    async with Sending() as sending:
        for part in made:
            payloads += part.columns["payload"]
            if at_end:
                _leave(write, part)
            else:
                await sending.begin(send_update(write, part))
                await asyncio.sleep(0)
    return payloads


async def send_update(write: Write, made: Made) -> None:
    """Write some records."""
    await update_columns(write.connection, records, made.columns, organization_id=write.organization_id)
    if made.history:
        await insert_columns(write.connection, record_changes, made.history)


def _leave(write: Write, made: Made) -> None:
    for row in _rows(made.columns):
        keys = {"organization_id": write.organization_id, "id": row.pop("id")}
        write.ending.update(records, row, keys)
    for row in _rows(made.history):
        write.ending.insert(record_changes, row)


def _rows(columns: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    return (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))


def count_uses(uses: Uses, names: Iterable[str], old: Columns, new: Columns) -> None:
    """Count what becomes of the values that can be named, among fields of which some records differ."""
    for name in NAMED:
        if name in names:
            uses.update((name, value) for value in new[name] if value is not None)
            uses.subtract((name, value) for value in old[name] if value is not None)
