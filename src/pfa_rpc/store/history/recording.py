"""The history of records as the write path keeps it: `history_of`, the rows of what each write changes.

A write is one row of `organization_commits`, which `Database.write` makes. What it changed of records that were there
is kept here, field by field; records that it inserted are told by their positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import Any, Final

from pfa_rpc.records.deltas import Deltas
from pfa_rpc.store.database import Write

ROWS_AT_ONCE: Final = 200
"""Rows that are made before other calls get their turn: some 4 ms."""


def history_of(write: Write, record_ids: Sequence[str], deltas: Deltas) -> dict[str, Sequence[Any]]:
    """Return the columns of `record_changes` for what a write changes of records, and count these in the write.

    Where nothing differs there are no columns.
    """
    made = {"record_id": record_ids, "fields": deltas.fields, "old": deltas.old, "new": deltas.new}
    if not all(deltas.fields):
        made = {name: list(compress(column, deltas.fields)) for name, column in made.items()}
    number = len(made["fields"])
    write.changed += number
    if not number:
        return {}
    organization, revision = [write.organization_id] * number, [write.revision.number] * number
    return {"organization_id": organization, "revision": revision, **made}
