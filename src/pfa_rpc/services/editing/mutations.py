"""MutateRecords: `Mutations` changes records one by one, all of a request or none of it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from pfa.v1.mutation_pb2 import MutateRecordsRequest, MutateRecordsResponse
from pfa_rpc.errors import EtagMismatch, PfaError, RecordExists, RecordNotFound, Violation
from pfa_rpc.records.cause import Cause, How
from pfa_rpc.records.cost import costs_of
from pfa_rpc.records.editing import Edited, created, edit, looked_at, marked_created, marked_edited
from pfa_rpc.records.encode import Values, etag_in, to_message
from pfa_rpc.records.revision import Revision
from pfa_rpc.schema import FIELDS
from pfa_rpc.services.call import Call
from pfa_rpc.services.editing.entries import CREATE, Entry, first_of, read_entries, violations_error
from pfa_rpc.services.editing.repeats import Answer, RepeatableWrites, read_request_id
from pfa_rpc.services.principal import Permission
from pfa_rpc.services.reading.framing import frame_records
from pfa_rpc.services.requests import Mask, authorize, require_visible, revision_token
from pfa_rpc.services.tokens import Tokens, digest
from pfa_rpc.store.database import Database, Write
from pfa_rpc.store.organizations import KnownOrganizations, Organization, get_organization
from pfa_rpc.store.records import (
    StoredRecord,
    StoredRow,
    batches,
    fields_of,
    new_record,
    read_rows,
    record_id,
    save_records,
)
from pfa_rpc.store.row_edits import RowEdit
from pfa_rpc.store.sending import Sending
from pfa_rpc.sync.batch import save_row_edits

_AT_ONCE: Final = 100
"""Mutations that are worked on before other calls get their turn: some 3 ms."""
_READ: Final = 500
"""Records that are read, and whose mutations are tried, at once: some 4 ms."""


_Finding = Callable[[], list[Violation]]
_Telling = Callable[[Sequence[Violation]], PfaError]


@dataclass(slots=True)
class Tried:
    """A mutation, tried on the record as it is."""

    row: StoredRow | None
    before: Values | None
    """The fields of the record that the batch knows; None where there is none."""
    edited: Edited


class Mutations:
    """Changes of single records."""

    def __init__(self, database: Database, tokens: Tokens) -> None:
        self._database = database
        self._tokens = tokens
        self._writes = RepeatableWrites(database)
        self._organizations = KnownOrganizations(database)

    async def mutate(self, request: MutateRecordsRequest, call: Call) -> bytes:
        """Carry mutations out, all or none; return the serialized response."""
        organization_id = authorize(call, Permission.EDIT, request.organization_id)
        request_id = read_request_id(request.request_id)
        cause = Cause(How.EDIT, call.principal.name, None if request.validate_only else request_id, str(uuid.uuid4()))
        request_digest = digest("MutateRecords", request)
        answering = self._answer(request, call, cause, request_digest)
        response = await self._writes.answered(organization_id, cause, request_digest, answering)
        return await _masked(response, Mask((), hide_money=not call.principal.may(Permission.SEE_MONEY)))

    async def _answer(self, request: MutateRecordsRequest, call: Call, cause: Cause, request_digest: bytes) -> bytes:
        organization_id = request.organization_id
        organization = await self._organizations.get(organization_id)
        entries = await read_entries(request.mutations, organization)
        require_visible(call.principal, dict.fromkeys(name for entry in entries for name in entry.updates))
        batch = MutationBatch(organization, entries, call.principal.name, whole=request.validate_only)
        if request.validate_only or any(entry.is_malformed for entry in entries):
            async with self._database.reading() as connection:
                seen = (await get_organization(connection, organization_id)).revision
                await batch.read(connection)
            batch.require_sound()  # which is never so where something is malformed
            return self._response(organization_id, await batch.foreseen(), "")(seen)

        async def body(write: Write) -> Answer:
            await batch.read(write.connection)
            batch.require_sound()
            payloads = await batch.save(write)
            return self._response(organization_id, payloads, cause.change_id if write.changed or write.reserved else "")

        return await self._writes.run(organization_id, cause, request_digest, body)

    def _response(self, organization_id: str, payloads: Sequence[bytes], change_id: str | None) -> Answer:
        def answer(revision: Revision) -> bytes:
            token = revision_token(self._tokens, organization_id, revision)
            trailer = MutateRecordsResponse(revision_token=token, change_id=change_id or "")
            return frame_records(payloads) + trailer.SerializeToString()

        return answer


async def _masked(response: bytes, mask: Mask) -> bytes:
    """Return a response without what the caller may not see; it is kept in full."""
    if not mask:
        return response
    message = MutateRecordsResponse.FromString(response)
    payloads = await mask.apply_all([record.SerializeToString() for record in message.records])
    del message.records[:]
    return frame_records(payloads) + message.SerializeToString()


class MutationBatch:
    """The mutations of a request, with the records that they are about.

    Args:
        organization: whose records they are.
        entries: the mutations.
        by: who makes them.
        whole: whether every field of the records is to be known; otherwise those that decide, and those that change.
    """

    def __init__(self, organization: Organization, entries: Sequence[Entry], by: str, *, whole: bool = True) -> None:
        self._organization = organization
        self._entries = entries
        self._by = by
        self._rows: list[StoredRow | None] = []
        self.tried: list[Tried] = []
        """What becomes of the records, in the order of the mutations."""
        updated = frozenset(name for entry in entries for name in entry.updates)
        needed = looked_at(updated) | {"conflicting_fields"}
        self._known = tuple(field.name for field in FIELDS if whole or field.name in needed)

    async def read(self, connection: AsyncConnection) -> None:
        """Read the records as the connection sees them, and try the mutations: some while the next are read."""
        self._rows, self.tried = [], []
        async with Sending() as reading:
            for entries in batches(self._entries, _READ):
                await reading.begin(self._read(connection, entries))
                await asyncio.sleep(0)
                self._try_those_read()
        self._try_those_read()

    async def _read(self, connection: AsyncConnection, entries: Sequence[Entry]) -> None:
        organization_id = self._organization.organization_id
        ids = [entry.name for entry in entries if entry.key == "id"]
        pfa_ids = [entry.name for entry in entries if entry.key == "pfa_id" and entry.name]
        by_id = await read_rows(connection, organization_id, "id", ids)
        by_pfa_id = await read_rows(connection, organization_id, "pfa_id", pfa_ids)
        self._rows += [(by_id if entry.key == "id" else by_pfa_id).get(entry.name) for entry in entries]

    def _try_those_read(self) -> None:
        first, end = len(self.tried), len(self._rows)
        rows = self._rows[first:end]
        known = fields_of([row for row in rows if row is not None], self._known)
        each = (dict(zip(known, values, strict=True)) for values in zip(*known.values(), strict=True))
        for entry, row in zip(self._entries[first:end], rows, strict=True):
            self.tried.append(_tried(entry, row, None if row is None else next(each)))

    def require_sound(self) -> None:
        """Raise the error of the weightiest kind of thing that is wrong, with everything that is, that kind first."""
        kinds: tuple[tuple[_Finding, _Telling], ...] = (
            (self._malformed, violations_error),
            (self._missing, self._not_found),
            (self._existing, self._exists),
            (self._misnamed, violations_error),
            (self._outdated, self._mismatch),
            (self._broken, violations_error),
        )
        found = [(violations, error) for find, error in kinds if (violations := find())]
        if found:
            raise found[0][1]([violation for violations, _ in found for violation in violations])

    def _malformed(self) -> list[Violation]:
        return [violation for entry in self._entries if entry.is_malformed for violation in entry.malformed()]

    def _missing(self) -> list[Violation]:
        organization_id = self._organization.organization_id
        return [
            Violation(f"{entry.path}.record", f"organization {organization_id!r} has no record {entry.name[:100]!r}")
            for entry, row in zip(self._entries, self._rows, strict=True)
            if row is None and entry.name and entry.operation != CREATE
        ]

    def _existing(self) -> list[Violation]:
        return [
            Violation(entry.of("pfa_id"), f"a record {entry.name[:100]!r} exists already; update it")
            for entry, row in zip(self._entries, self._rows, strict=True)
            if row is not None and entry.operation == CREATE
        ]

    def _misnamed(self) -> list[Violation]:
        """Return where two names do not fit together, or two mutations name one record."""
        violations = []
        first: dict[str, str] = {}
        for entry, row in zip(self._entries, self._rows, strict=True):
            if not entry.name:
                continue
            key = record_id(self._organization.organization_id, entry.name) if row is None else row.id
            if key in first:
                violations.append(Violation(entry.path, f"changes the same record as {first[key]}; join the two"))
            first.setdefault(key, entry.path)
            if row is not None and entry.other_name not in ("", row.pfa_id):
                violations.append(Violation(entry.of("pfa_id"), f"the record of this id has {row.pfa_id[:100]!r}"))
        return violations

    def _outdated(self) -> list[Violation]:
        return [
            Violation(f"{entry.path}.etag", f"is {entry.etag[:100]!r}; the record is at {etag_in(row.payload)!r}")
            for entry, row in zip(self._entries, self._rows, strict=True)
            if row is not None and entry.etag and entry.etag != etag_in(row.payload)
        ]

    def _broken(self) -> list[Violation]:
        return [
            Violation(entry.of(broken.field), broken.reason)
            for entry, tried in zip(self._entries, self.tried, strict=True)
            for broken in tried.edited.broken
            if not (entry.is_malformed and entry.blames(broken.field))
        ]

    def _not_found(self, violations: Sequence[Violation]) -> PfaError:
        entry = self._entry_of(violations[0])
        names = {"organization_id": self._organization.organization_id, entry.key: entry.name}
        return RecordNotFound(first_of(violations), violations=violations, metadata=names | _number(violations))

    def _exists(self, violations: Sequence[Violation]) -> PfaError:
        name = self._entry_of(violations[0]).name
        names = {"organization_id": self._organization.organization_id, "pfa_id": name}
        return RecordExists(first_of(violations), violations=violations, metadata=names | _number(violations))

    def _mismatch(self, violations: Sequence[Violation]) -> PfaError:
        entry = self._entry_of(violations[0])
        row = self._rows[self._entries.index(entry)]
        versions = {"expected_etag": entry.etag, "current_etag": etag_in(row.payload) if row else ""}
        metadata = {"field": violations[0].field, "id": row.id if row else "", **versions, **_number(violations)}
        return EtagMismatch(first_of(violations), violations=violations, metadata=metadata)

    def _entry_of(self, violation: Violation) -> Entry:
        return next(entry for entry in self._entries if violation.field.startswith(f"{entry.path}."))

    async def save(self, write: Write) -> list[bytes]:
        """Write what changes; return the payloads of all records as they are then."""
        payloads: list[bytes] = [b"" if row is None else row.payload for row in self._rows]
        new: dict[int, StoredRecord] = {}
        edits: dict[int, RowEdit] = {}
        for number, (entry, tried) in enumerate(zip(self._entries, self.tried, strict=True)):
            if tried.row is None or tried.before is None:
                new[number] = self._created(number, tried, write.at)
            else:
                updates = _differing(tried.before, tried.edited.values, entry)
                if updates or _decided(tried.before, entry):
                    edits[number] = RowEdit(tried.row, updates)
        if new:
            saved = await save_records(write, self._organization, [(None, record) for record in new.values()])
            payloads = _with(payloads, new, saved)
        if edits:
            named = {edit.row.id: self._entries[number].updates.keys() for number, edit in edits.items()}
            saved = await save_row_edits(write, self._organization, list(edits.values()), named=named, is_last=True)
            payloads = _with(payloads, edits, saved)
        return payloads

    async def foreseen(self) -> list[bytes]:
        """Return the records as they would be, serialized."""
        organization = self._organization
        at = datetime.now(UTC)
        payloads = []
        for number in range(len(self._entries)):
            values = self._foreseen(number, at)
            values |= costs_of(values)
            message = to_message(values, organization.currency_code, organization_id=organization.organization_id)
            payloads.append(message.SerializeToString())
            if number % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
        return payloads

    def _foreseen(self, number: int, at: datetime) -> Values:
        """Return the fields of a record after its mutation, costs aside."""
        tried, entry = self.tried[number], self._entries[number]
        if tried.row is None or tried.before is None:
            return self._created(number, tried, at).values
        marked, _ = marked_edited(tried.before, tried.row.decoded().base, tried.edited.values, self._by, at)
        is_edited = marked is not tried.before or _decided(tried.before, entry)
        return marked | {"modified_by": self._by, "modified_at": at} if is_edited else marked

    def _created(self, number: int, tried: Tried, at: datetime) -> StoredRecord:
        made, nothing = marked_created(tried.edited.values, self._by, at)
        record = new_record(self._organization.organization_id, self._entries[number].name, made)
        record.base = nothing
        return record


def _tried(entry: Entry, row: StoredRow | None, fields: Values | None) -> Tried:
    """Return a mutation, tried on the record, of which some fields are given."""
    if entry.operation == CREATE:
        return Tried(row, None, created(entry.updates))
    return Tried(row, fields, Edited({}) if fields is None else edit(fields, entry.updates))


def _differing(before: Values, after: Values, entry: Entry) -> Values:
    """Return the fields that an entry gives other values."""
    return {name: after[name] for name in entry.updates if after[name] != before[name]}


def _decided(before: Values, entry: Entry) -> list[str]:
    """Return the fields in conflict that an entry names: it decides about them, even with the value they have."""
    return [name for name in before["conflicting_fields"] if name in entry.updates]


def _with(payloads: Sequence[bytes], numbers: Iterable[int], saved: Iterable[bytes]) -> list[bytes]:
    """Return payloads with some of them replaced, by their numbers."""
    replaced = dict(zip(numbers, saved, strict=True))
    return [replaced.get(number, payload) for number, payload in enumerate(payloads)]


def _number(violations: Sequence[Violation]) -> dict[str, str]:
    return {"violations": str(len(violations))}
