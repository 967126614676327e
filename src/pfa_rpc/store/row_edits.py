"""Edits of many stored records, each of a few fields: `RowEdits`, within one write.

Of a record only what changes is decoded, with what depends on it, and its payload is made from the one before. What is
written is what `save_records` would write.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final, NamedTuple

from google.protobuf.message import Message

from pfa.v1.record_pb2 import Record
from pfa_rpc.records.cost import COST_NAMES, COSTED, costs_of_columns
from pfa_rpc.records.deltas import Deltas, deltas_of, overlay
from pfa_rpc.records.encode import Values, columns_from_messages, with_etag
from pfa_rpc.records.revision import chunk_of
from pfa_rpc.records.steps import Columns
from pfa_rpc.records.tracking import MERGED_NAMES, TRACKED, marked_columns
from pfa_rpc.schema import BY_NAME
from pfa_rpc.store.bulk import FEW
from pfa_rpc.store.database import Write
from pfa_rpc.store.history.recording import ROWS_AT_ONCE, history_of
from pfa_rpc.store.organizations import Organization
from pfa_rpc.store.records import StoredRow, batches, fields_of, rows_of
from pfa_rpc.store.updating import Made, Uses, count_uses, send_updates
from pfa_rpc.store.vocabulary import add_uses

_IN_BASE: Final = {BY_NAME[name].proto.partition(".")[0] for name in MERGED_NAMES}
_NOT_IN_BASE: Final = tuple(field.name for field in Record.DESCRIPTOR.fields if field.name not in _IN_BASE)
"""What a record has beside what it and PEMS agree on."""

_FIRST: Final = 50
"""Records that are made by themselves, so that the database begins while the others are made."""


class RowEdit(NamedTuple):
    """An edit of a record, which changes one field at least."""

    row: StoredRow
    updates: Values
    """Merged field → its value from now on."""


class RowEdits:
    """Edits of records of one organization, made by one person at one time."""

    def __init__(self, write: Write, organization: Organization) -> None:
        self._write = write
        self._currency = organization.currency_code
        self._rows = rows_of(organization.organization_id, organization.currency_code)
        self._uses: Uses = Counter()

    async def save(self, edits: Sequence[RowEdit], *, is_last: bool = False) -> list[bytes]:
        """Write records and return their payloads; with `is_last`, a few are left to the end of the write."""
        parts = chain((edits[:_FIRST],), batches(edits[_FIRST:], ROWS_AT_ONCE))
        made = (self.made(part) for part in parts if part)
        payloads = await send_updates(self._write, made, at_end=is_last and len(edits) <= FEW)
        await self.finish()
        return payloads

    def made(self, edits: Sequence[RowEdit]) -> Made:
        """Return what is to be written of records, one at least, and count what becomes of their values."""
        write, number = self._write, len(edits)
        messages = [Record.FromString(edit.row.payload) for edit in edits]
        edited = {name for edit in edits for name in edit.updates}
        old = fields_of([edit.row for edit in edits], _needed(frozenset(edited)), messages)
        new: dict[str, Sequence[Any]] = {**old, **_edited(old, edits, edited)}
        if COST_NAMES[0] in old:
            new |= costs_of_columns(new)
        agreed = _agreed(edits, messages, edited)
        is_open = [edit.row.base is not None for edit in edits]
        open_fields = [names if known else () for names, known in zip(old["modified_fields"], is_open, strict=True)]
        new |= marked_columns(old, new, agreed, open_fields, by=write.cause.by, at=write.at)
        deltas = deltas_of(old, new, self._currency)
        count_uses(self._uses, deltas.names, old, new)
        write.chunks.update(chunk_of(edit.row.position) for edit in edits)
        columns = {
            "id": old["id"],
            "revision": [write.revision.number] * number,
            "payload": self._payloads(messages, deltas),
            **self._rows.of_fields(new, deltas.names),
        }
        bases = list(map(_base_after, edits, new["modified_fields"]))
        if any(base is not edit.row.base for base, edit in zip(bases, edits, strict=True)):
            columns["base"] = bases
        return Made(columns, history_of(write, old["id"], deltas))

    def _payloads(self, messages: Sequence[Record], deltas: Deltas) -> list[bytes]:
        """Return the payloads of records, given as they were, after what changes of them."""
        revision, payloads = self._write.revision.number, []
        for message, names, new in zip(messages, deltas.fields, deltas.new, strict=True):
            overlay(message, names, new)
            message.revision = revision
            message.ClearField("etag")
            payloads.append(with_etag(message.SerializeToString()))
        return payloads

    async def finish(self) -> None:
        """Bring the vocabulary in step."""
        await add_uses(self._write, self._uses)


@lru_cache(maxsize=256)
def _needed(edited: frozenset[str]) -> tuple[str, ...]:
    """Return the fields that have to be known of records of which some are edited."""
    costs = () if edited.isdisjoint(COSTED) else (*COST_NAMES, *COSTED)
    return tuple(dict.fromkeys(("id", *edited, *costs, *TRACKED)))


def _edited(old: Columns, edits: Sequence[RowEdit], names: Iterable[str]) -> Columns:
    """Return fields after the edits."""
    return {
        name: [edit.updates.get(name, value) for edit, value in zip(edits, old[name], strict=True)] for name in names
    }


def _agreed(edits: Sequence[RowEdit], messages: Sequence[Record], edited: Iterable[str]) -> Columns:
    """Return fields as the bases have them; a record without one agrees with PEMS."""
    bases = [
        message if edit.row.base is None else Record.FromString(edit.row.base)
        for edit, message in zip(edits, messages, strict=True)
    ]
    return columns_from_messages(bases, edited)


def _base_after(edit: RowEdit, modified: Sequence[str]) -> bytes | None:
    """Return the base of a record after its edit, given the fields that differ from it then."""
    if not modified:
        return None
    return _base_of(edit.row.payload) if edit.row.base is None else edit.row.base


def _base_of(payload: bytes) -> bytes:
    """Return the base of a record that agrees with PEMS."""
    record: Message = Record.FromString(payload)
    for name in _NOT_IN_BASE:
        record.ClearField(name)
    return record.SerializeToString()
