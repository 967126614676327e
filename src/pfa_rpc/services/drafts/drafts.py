"""Drafts: `Drafts` begins, lists, edits, shows, commits and discards them. Each belongs to one principal."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from pfa.v1.draft_pb2 import (
    CommitDraftRequest,
    CommitDraftResponse,
    CreateDraftRequest,
    CreateDraftResponse,
    DiscardDraftRequest,
    DiscardDraftResponse,
    EditDraftRequest,
    EditDraftResponse,
    GetDraftRequest,
    GetDraftResponse,
    ListDraftsRequest,
    ListDraftsResponse,
)
from pfa.v1.draft_pb2 import Draft as DraftMessage
from pfa.v1.draft_pb2 import DraftConflict as ConflictMessage
from pfa.v1.record_pb2 import Record
from pfa_rpc.errors import DraftNotFound, InvalidRequest, LimitExceeded
from pfa_rpc.records.cause import Cause, How
from pfa_rpc.records.deltas import encode_partial
from pfa_rpc.records.effect import Effect
from pfa_rpc.records.encode import Values, timestamp_message
from pfa_rpc.records.revision import Revision
from pfa_rpc.services.call import Call
from pfa_rpc.services.drafts.changes import Edited, changes_edits, mutations_edits, reverted_edits
from pfa_rpc.services.drafts.commits import DraftCommit, read_resolutions
from pfa_rpc.services.drafts.edits import DraftEdits
from pfa_rpc.services.drafts.reads import DraftName
from pfa_rpc.services.editing.outcomes import effect_message
from pfa_rpc.services.editing.repeats import Answer, RepeatableWrites, read_request_id
from pfa_rpc.services.principal import Permission, Principal
from pfa_rpc.services.requests import Mask, authorize, bounded, revision_token
from pfa_rpc.services.sources import Sources
from pfa_rpc.services.tokens import digest
from pfa_rpc.store.database import Write
from pfa_rpc.store.drafts import drafts as stored_drafts
from pfa_rpc.store.drafts.drafts import MOST_DRAFTS, Counts, Draft, DraftRecord, conflicting, find_draft, take_draft
from pfa_rpc.store.drafts.view import see
from pfa_rpc.store.organizations import Organization, current_organization, get_organization
from pfa_rpc.store.records import StoredRow, read_rows

NAME_LENGTH: Final = 200
DEFAULT_CONFLICTS: Final = 100
MAX_CONFLICTS: Final = 1_000
_STRETCH: Final = 200
"""Records of a draft that are read at once."""
_AT_ONCE: Final = 50
"""Records that are added up before other calls get their turn: some 4 ms."""


class Drafts:
    """Drafts of principals."""

    def __init__(self, sources: Sources) -> None:
        self._database = sources.database
        self._tokens = sources.tokens
        self._reads = sources.drafts
        self._writes = RepeatableWrites(sources.database)

    async def create(self, request: CreateDraftRequest, call: Call) -> CreateDraftResponse:
        """Begin a draft."""
        organization_id = authorize(call, Permission.EDIT, request.organization_id)
        owner, at = call.principal.name, datetime.now(UTC)
        draft_id = read_draft_id(request.draft_id) if request.draft_id else str(uuid.uuid4())
        if len(request.display_name) > NAME_LENGTH or not (request.display_name or "-").isprintable():
            raise InvalidRequest.of("display_name", f"is no name; write at most {NAME_LENGTH} printable characters")
        async with self._database.writing() as connection:
            organization = await get_organization(connection, organization_id)
            await stored_drafts.hold_drafts(connection, organization_id, owner)
            mine = await stored_drafts.list_drafts(connection, organization_id, owner)
            draft = next((one for one in mine if one.draft_id == draft_id), None)
            if draft is None:
                _require_room(mine)
                draft = Draft(
                    organization_id,
                    draft_id,
                    owner,
                    request.display_name,
                    created_at=at,
                    changed_at=at,
                    revision=organization.revision.number,
                    next_position=stored_drafts.FIRST_POSITION,
                )
                if not await stored_drafts.create_draft(connection, draft):
                    raise InvalidRequest.of("draft_id", "is taken; draw another one")
            counts = await stored_drafts.count_records(connection, organization_id, [draft_id])
        return CreateDraftResponse(draft=_message(draft, counts[draft_id]))

    async def list(self, request: ListDraftsRequest, call: Call) -> ListDraftsResponse:
        """Return the drafts of the caller."""
        organization_id = authorize(call, Permission.READ, request.organization_id)
        async with self._database.reading() as connection:
            await get_organization(connection, organization_id)
            mine = await stored_drafts.list_drafts(connection, organization_id, call.principal.name)
            counts = await stored_drafts.count_records(connection, organization_id, [one.draft_id for one in mine])
        return ListDraftsResponse(drafts=[_message(one, counts[one.draft_id]) for one in mine])

    async def get(self, request: GetDraftRequest, call: Call) -> GetDraftResponse:
        """Return what a draft would do."""
        organization_id = authorize(call, Permission.READ, request.organization_id)
        most = bounded("max_conflicts", request.max_conflicts, default=DEFAULT_CONFLICTS, most=MAX_CONFLICTS)
        name = DraftName(organization_id, read_draft_id(request.draft_id), call.principal.name)
        async with self._reads.reading(name) as seen:
            connection, organization, draft = seen.connection, seen.organization, seen.draft
            await see(connection, None)
            summary = _Summary(organization, most, with_costs=call.principal.may(Permission.SEE_MONEY))
            after = ""
            while stretch := await stored_drafts.read_stretch(connection, draft, after=after, limit=_STRETCH):
                after = max(stretch)
                rows = await read_rows(connection, organization_id, "id", list(stretch))
                for number, (record_id, drafted) in enumerate(stretch.items(), start=1):
                    summary.add(drafted, rows.get(record_id))
                    if number % _AT_ONCE == 0:
                        await asyncio.sleep(0)
            counts = await stored_drafts.count_records(connection, organization_id, [draft.draft_id])
        response = summary.response()
        response.draft.CopyFrom(_message(draft, counts[draft.draft_id]))
        response.revision_token = revision_token(self._tokens, organization_id, organization.revision)
        return response

    async def edit(self, request: EditDraftRequest, call: Call) -> EditDraftResponse:
        """Change records in a draft."""
        organization_id = authorize(call, Permission.EDIT, request.organization_id)
        draft_id = read_draft_id(request.draft_id)
        organization = await current_organization(self._database, organization_id)
        carry_out = await _reading(request)(request, organization, call.principal)
        at = datetime.now(UTC)
        async with self._database.writing() as connection:
            draft = await take_draft(connection, organization_id, draft_id, call.principal.name, at)
            organization = await get_organization(connection, organization_id)
            edits = DraftEdits(connection, organization, draft, at)
            await edits.lay_over()
            response = await carry_out(edits)
            counts = await edits.counts()
        response.draft.CopyFrom(_message(edits.draft, counts))
        if not call.principal.may(Permission.SEE_MONEY):
            _hide_money(response.records)
        return response

    async def commit(self, request: CommitDraftRequest, call: Call) -> bytes:
        """Write what a draft changes, and drop it; return the serialized response."""
        organization_id = authorize(call, Permission.EDIT, request.organization_id)
        owner, draft_id = call.principal.name, read_draft_id(request.draft_id)
        request_id = read_request_id(request.request_id)
        resolutions = read_resolutions(request)
        cause = Cause(How.DRAFT, owner, request_id, str(uuid.uuid4()))
        changed_nothing = False

        async def body(write: Write) -> Answer:
            nonlocal changed_nothing
            draft = await take_draft(write.connection, organization_id, draft_id, owner)
            organization = await get_organization(write.connection, organization_id)
            commit = DraftCommit(write, organization, draft, resolutions)
            await commit.run()
            await stored_drafts.drop_draft(write.connection, draft)
            changed_nothing = not (commit.changed or commit.created)
            return self._answer(commit, write)

        response = await self._writes.run(organization_id, cause, digest("CommitDraft", request), body)
        if changed_nothing:  # then nothing that the body did is kept
            await self._drop(DraftName(organization_id, draft_id, owner))
        return response

    def _answer(self, commit: DraftCommit, write: Write) -> Answer:
        def answer(revision: Revision) -> bytes:
            return CommitDraftResponse(
                changed=commit.changed,
                created=commit.created,
                unchanged=commit.unchanged,
                revision_token=revision_token(self._tokens, write.organization_id, revision),
                change_id=(write.cause.change_id or "") if commit.changed or commit.created else "",
            ).SerializeToString()

        return answer

    async def discard(self, request: DiscardDraftRequest, call: Call) -> DiscardDraftResponse:
        """Drop a draft."""
        organization_id = authorize(call, Permission.EDIT, request.organization_id)
        name = DraftName(organization_id, read_draft_id(request.draft_id), call.principal.name)
        async with self._database.reading() as connection:
            await get_organization(connection, organization_id)
            await find_draft(connection, name.organization_id, name.draft_id, name.owner)
        return DiscardDraftResponse(records=await self._drop(name))

    async def _drop(self, name: DraftName) -> int:
        """Drop a draft; return how many records were in it, 0 where somebody was quicker."""
        async with self._database.writing() as connection:
            try:
                draft = await take_draft(connection, name.organization_id, name.draft_id, name.owner)
            except DraftNotFound:
                return 0
            return await stored_drafts.drop_draft(connection, draft)


def read_draft_id(text: str, field: str = "draft_id") -> str:
    """Return the name of a draft. Raises InvalidRequest."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise InvalidRequest.of(field, f"{text[:100]!r} is not a UUID; CreateDraft gives one") from None


def _require_room(mine: Sequence[Draft]) -> None:
    if len(mine) >= MOST_DRAFTS:
        raise LimitExceeded(
            f"you have {len(mine)} drafts in this organization, which is the most; commit or discard one",
            metadata={"limit": "drafts"},
        )


def _reading(request: EditDraftRequest) -> Callable[[EditDraftRequest, Organization, Principal], Awaitable[Edited]]:
    """Return what reads the kind of edit that a request asks for."""
    kinds = {
        mutations_edits: bool(request.mutations),
        changes_edits: bool(request.changes),
        reverted_edits: bool(request.revert_ids),
    }
    if sum(kinds.values()) != 1 or (request.filter and not request.changes):
        raise InvalidRequest.of("mutations", "give one of mutations, changes with a filter, and revert_ids")
    return next(kind for kind, is_asked in kinds.items() if is_asked)


def _message(draft: Draft, counts: Counts) -> DraftMessage:
    return DraftMessage(
        draft_id=draft.draft_id,
        display_name=draft.display_name,
        create_time=timestamp_message(draft.created_at),
        change_time=timestamp_message(draft.changed_at),
        changed=counts.changed,
        created=counts.created,
    )


def _hide_money(records: Sequence[Record]) -> None:
    mask = Mask((), hide_money=True)
    for record in records:
        record.ParseFromString(mask.apply(record.SerializeToString()))


@dataclass(slots=True)
class _Summary:
    """What a draft would do, added up record by record."""

    organization: Organization
    most: int
    with_costs: bool
    effect: Effect = field(default_factory=Effect)
    fields: Counter[str] = field(default_factory=Counter)
    conflicts: list[ConflictMessage] = field(default_factory=list)
    conflict_count: int = 0

    def add(self, drafted: DraftRecord, row: StoredRow | None) -> None:
        """Add a record of the draft, and what there is of it outside."""
        theirs = None if row is None else row.values()
        self.effect.add(theirs, drafted.record.values)
        self.fields.update(drafted.fields)
        if theirs is None:
            return
        names = conflicting(drafted, theirs)
        if names or drafted.is_created:
            self.conflict_count += 1
            if len(self.conflicts) < self.most:
                self.conflicts.append(self._conflict(drafted, theirs, names))

    def _conflict(self, drafted: DraftRecord, theirs: Values, names: Sequence[str]) -> ConflictMessage:
        message = ConflictMessage(
            id=theirs["id"],
            pfa_id=theirs["pfa_id"],
            fields=names,
            base=self._partial(drafted.old, names),
            mine=self._partial(drafted.record.values, names),
            theirs=self._partial(theirs, names),
        )
        if not self.with_costs:
            _hide_money([message.base, message.mine, message.theirs])
        return message

    def _partial(self, values: Values, names: Sequence[str]) -> Record:
        return Record.FromString(encode_partial(values, names, self.organization.currency_code))

    def response(self) -> GetDraftResponse:
        """Return what was added up."""
        effect = effect_message(self.effect, self.organization.currency_code) if self.with_costs else None
        return GetDraftResponse(
            fields=self.fields, effect=effect, conflicts=self.conflicts, conflict_count=self.conflict_count
        )
