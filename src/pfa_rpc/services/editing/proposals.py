"""Changes of many records in two steps: `Proposals` tells what a change would do, and carries out what it told.

Nothing is kept in the server: the token of a proposal has the filter, the changes, who asked, and the revision.
"""

from __future__ import annotations

import base64
import json
import uuid
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.changes import canonical_changes
from nlq.errors import LanguageError
from nlq.filters.filter_text import parse_filter
from nlq.interpretation import Interpretation, InterpretationKind
from nlq.query import fields_of
from pfa.v1.proposal_pb2 import (
    ApplyChangeRequest,
    ApplyChangeResponse,
    ChangeProposal,
    ProposeChangeRequest,
    ProposeChangeResponse,
)
from pfa_rpc.errors import (
    InvalidQuestion,
    InvalidRequest,
    InvalidToken,
    LimitExceeded,
    PfaError,
    ProposalStale,
)
from pfa_rpc.records.cause import Cause, How
from pfa_rpc.records.revision import Revision
from pfa_rpc.schema import SCHEMA
from pfa_rpc.services.asking.interpretations import change_messages
from pfa_rpc.services.asking.questions import read_question
from pfa_rpc.services.call import Call
from pfa_rpc.services.editing.applying import MAX_RECORDS, Asked, added, carry_out
from pfa_rpc.services.editing.changes import read_change, read_changes
from pfa_rpc.services.editing.entries import NotRead
from pfa_rpc.services.editing.outcomes import Outcome
from pfa_rpc.services.editing.repeats import Answer, RepeatableWrites, read_request_id
from pfa_rpc.services.principal import Permission, Principal
from pfa_rpc.services.reading.answers import FRESH, Need
from pfa_rpc.services.requests import (
    Mask,
    authorize,
    bounded,
    canonical,
    read_filter,
    require_visible,
    revision_token,
)
from pfa_rpc.services.sources import Sources
from pfa_rpc.services.tokens import digest
from pfa_rpc.store import reads
from pfa_rpc.store.database import Write
from pfa_rpc.store.organizations import Organization, current_organization
from pfa_rpc.store.records import read_rows_at
from pfa_rpc.store.sheets.reading import matching_positions

VALID_SECONDS: Final = 3_600
"""How long a proposal can be applied."""
DEFAULT_SAMPLE: Final = 5
MAX_SAMPLE: Final = 100
PROPOSAL: Final = "proposal"
"""Kind of the token, and first word of the name of a proposal in the cache."""
_DIGEST: Final = digest("proposal of a change", 1)
"""Names the form of the token's content; another form gets another number."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a token says."""

    asked: Asked
    by: str
    revision: Revision
    matched: int


class _Stale(Exception):
    """Records that match were changed since."""


class Proposals:
    """Changes of many records."""

    def __init__(self, sources: Sources) -> None:
        self._database = sources.database
        self._tokens = sources.tokens
        self._answers = sources.answers
        self._languages = sources.languages
        self._writes = RepeatableWrites(sources.database)

    async def propose(self, request: ProposeChangeRequest, call: Call) -> ProposeChangeResponse:
        """Return what a change would do."""
        organization_id = authorize(call, Permission.EDIT, request.organization_id)
        samples = bounded("sample_size", request.sample_size, default=DEFAULT_SAMPLE, most=MAX_SAMPLE)
        if request.question:
            organization, reading = await self._read_order(request, call)
            asked, sentence = Asked(reading.query.where, reading.changes), reading.sentence
        else:
            organization = await current_organization(self._database, organization_id)
            asked = Asked(
                await read_filter(request.filter, call.principal),
                read_changes(request.changes, organization.currency_code),
            )
            require_visible(call.principal, asked.fields)
            sentence = ""
        proposal = await self.proposal(organization, asked, call.principal, samples=samples)
        return ProposeChangeResponse(proposal=proposal, sentence=sentence)

    async def _read_order(self, request: ProposeChangeRequest, call: Call) -> tuple[Organization, Interpretation]:
        """Return the reading of an order that was understood. Raises InvalidQuestion for another."""
        if request.filter or request.changes:
            raise InvalidRequest.of("question", "is given beside a filter or changes; give one of the two")
        prepared, reading = await read_question(request, call, self._languages, self._tokens, Permission.EDIT)
        why = _why_not_proposed(reading, confirmed=request.confirm_corrections)
        if why:
            raise InvalidQuestion(f"{why}; QueryService.Interpret shows the reading")
        return prepared.organization, reading

    async def proposal(
        self,
        organization: Organization,
        asked: Asked,
        principal: Principal,
        *,
        need: Need = FRESH,
        samples: int = DEFAULT_SAMPLE,
    ) -> ChangeProposal:
        """Return a proposal, with a token where the caller may edit. Raises LimitExceeded for too many records."""
        organization_id = organization.organization_id
        with_costs = principal.may(Permission.SEE_MONEY)

        async def fill(connection: AsyncConnection, found: Organization) -> bytes:
            outcome = Outcome(asked.changes, found, samples=samples, with_costs=with_costs)
            await _add_matching(connection, found, asked, outcome)
            return outcome.proposal().SerializeToString()

        text, _ = canonical(asked.condition)
        name = json.dumps([PROPOSAL, text, canonical_changes(asked.changes, SCHEMA), samples, with_costs])
        answer = await self._answers.get(organization_id, name, need, fill)
        proposal = ChangeProposal.FromString(answer.value)
        proposal.filter = text
        proposal.changes.extend(change_messages(asked.changes, organization.currency_code))
        proposal.revision_token = revision_token(self._tokens, organization_id, answer.revision)
        if answer.age is not None:
            proposal.age.CopyFrom(answer.age)
        if principal.may(Permission.EDIT):
            proposed = Proposed(asked, principal.name, answer.revision, proposal.matched)
            proposal.proposal_token = self._seal(organization, proposed)
            proposal.expire_time.CopyFrom(_in_an_hour())
        if not with_costs:
            _hide_money(proposal)
        return proposal

    async def apply(self, request: ApplyChangeRequest, call: Call) -> bytes:
        """Carry out a proposal; return the serialized response."""
        organization_id = authorize(call, Permission.EDIT, request.organization_id)
        request_id = read_request_id(request.request_id)
        if not request.proposal_token:
            raise InvalidRequest.of("proposal_token", "is missing; ProposeChange gives one")
        cause = Cause(How.PROPOSAL, call.principal.name, request_id, str(uuid.uuid4()))
        request_digest = digest("ApplyChange", request)
        answering = self._answer(request, call, cause, request_digest)
        return await self._writes.answered(organization_id, cause, request_digest, answering)

    async def _answer(self, request: ApplyChangeRequest, call: Call, cause: Cause, request_digest: bytes) -> bytes:
        organization = await current_organization(self._database, request.organization_id)
        proposed = self._open(organization, request.proposal_token)
        if proposed.by != call.principal.name:
            raise InvalidToken("the proposal token was made for somebody else; propose the change yourself")
        require_visible(call.principal, proposed.asked.fields | fields_of(proposed.asked.condition))

        async def body(write: Write) -> Answer:
            return await self._carry_out(write, organization, proposed, allow_refused=request.allow_refused)

        try:
            return await self._writes.run(request.organization_id, cause, request_digest, body)
        except _Stale:
            pass
        raise await self._stale(organization, proposed, call.principal)

    async def _carry_out(
        self, write: Write, organization: Organization, proposed: Proposed, *, allow_refused: bool
    ) -> Answer:
        condition = proposed.asked.condition
        matched, newest = await reads.count_since(write.connection, organization.organization_id, condition)
        if (
            write.revision.history != proposed.revision.history
            or matched != proposed.matched
            or newest > proposed.revision.number
        ):
            raise _Stale
        outcome = await carry_out(write, organization, proposed.asked, allow_refused=allow_refused)

        def answer(revision: Revision) -> bytes:
            return ApplyChangeResponse(
                changed=outcome.changed,
                unchanged=outcome.unchanged,
                refused=outcome.refused,
                revision_token=revision_token(self._tokens, organization.organization_id, revision),
                change_id=(write.cause.change_id or "") if outcome.changed else "",
            ).SerializeToString()

        return answer

    async def _stale(self, organization: Organization, proposed: Proposed, principal: Principal) -> PfaError:
        """Return the error for a proposal that is not what it was, with a fresh one."""
        fresh = await self.proposal(organization, proposed.asked, principal, samples=1)
        del fresh.samples[:]
        if fresh.HasField("effect"):
            del fresh.effect.months[:]
        return ProposalStale(
            f"records of the proposal were changed since; {fresh.matched:,} match now; look at the fresh proposal",
            metadata={"matched": str(fresh.matched)},
            details=[fresh],
        )

    def _seal(self, organization: Organization, proposed: Proposed) -> str:
        text, _ = canonical(proposed.asked.condition)
        changes = change_messages(proposed.asked.changes, organization.currency_code)
        packed = zlib.compress(ChangeProposal(filter=text, changes=changes).SerializeToString(), 9)
        content = [proposed.by, *proposed.revision, proposed.matched, base64.b85encode(packed).decode("ascii")]
        return self._tokens.seal(PROPOSAL, organization.organization_id, _DIGEST, content, VALID_SECONDS)

    def _open(self, organization: Organization, token: str) -> Proposed:
        content = self._tokens.open(PROPOSAL, token, organization.organization_id, _DIGEST)
        try:
            by, number, nonce, matched, packed = content
            message = ChangeProposal.FromString(zlib.decompress(base64.b85decode(packed)))
            changes = tuple(read_change(change, organization.currency_code) for change in message.changes)
            asked = Asked(parse_filter(message.filter, SCHEMA), changes)
        except (LanguageError, NotRead, ValueError) as error:  # another version of the service knew other fields
            raise InvalidToken(
                "the proposal token is of another version of the service; propose the change again",
                metadata={"token": PROPOSAL},
            ) from error
        return Proposed(asked, by, Revision(number, nonce), matched)


async def _add_matching(
    connection: AsyncConnection, organization: Organization, asked: Asked, outcome: Outcome
) -> None:
    """Add the records that match to an outcome. Raises LimitExceeded where they are too many."""
    organization_id = organization.organization_id
    positions = await matching_positions(connection, organization_id, asked.condition, MAX_RECORDS)
    if len(positions) > MAX_RECORDS:
        matched = await reads.count(connection, organization_id, asked.condition)
        raise LimitExceeded(
            f"{matched:,} records match; a proposal is of at most {MAX_RECORDS:,}: narrow the filter",
            metadata={"limit": "proposal_records", "matched": str(matched)},
        )
    async for _ in added(connection, organization_id, asked, positions, outcome):
        pass
    named = await read_rows_at(connection, organization_id, sorted(outcome.named_positions))
    outcome.tell({row.position: row.values() for row in named})


def _why_not_proposed(reading: Interpretation, *, confirmed: bool) -> str:
    """Return why the reading of an order is not carried on with; "" where it is."""
    if reading.kind is InterpretationKind.REFUSED:
        return f"this is never done: {reading.reason.replace('_', ' ')}"
    if reading.question_back:
        return reading.question_back
    if not reading.complete:
        return "not every word of the question is understood"
    if reading.kind is not InterpretationKind.CHANGE:
        return "the question asks for no change"
    if reading.confirm and not confirmed:
        words = ", ".join(f"“{word}”" for word in reading.confirm)
        return f"words were corrected, and that has to be confirmed: {words}"
    return ""


def _in_an_hour() -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(datetime.now(UTC) + timedelta(seconds=VALID_SECONDS))
    return stamp


def _hide_money(proposal: ChangeProposal) -> None:
    mask = Mask((), hide_money=True)
    for sample in proposal.samples:
        for record in (sample.before, sample.after):
            record.ParseFromString(mask.apply(record.SerializeToString()))
