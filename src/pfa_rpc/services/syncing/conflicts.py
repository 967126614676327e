"""Conflicts between local edits and PEMS: `Conflicts` lists and settles them, and sends records in error again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from nlq.filters.filter_text import parse_filter
from nlq.query import And, Condition
from pfa.v1 import conflict_pb2 as pb
from pfa_rpc.errors import (
    ConflictNotOpen,
    EtagMismatch,
    InvalidRequest,
    PfaError,
    ResolutionRefused,
    Violation,
)
from pfa_rpc.records.cause import Cause, How
from pfa_rpc.records.encode import timestamp_message
from pfa_rpc.records.entered import NotTaken, entered
from pfa_rpc.schema import SCHEMA
from pfa_rpc.services.call import Call
from pfa_rpc.services.editing.entries import NotRead, read_value, violations_error
from pfa_rpc.services.editing.repeats import Answer, RepeatableWrites, read_request_id
from pfa_rpc.services.principal import Permission
from pfa_rpc.services.requests import (
    DEFAULT_PAGE,
    MAX_PAGE,
    Mask,
    authorize,
    bounded,
    canonical,
    read_filter,
    require_visible,
    revision_token,
)
from pfa_rpc.services.tokens import Tokens, digest
from pfa_rpc.store.database import Database, Write
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.records import read_row_stretch
from pfa_rpc.store.syncing.settings import read_sync_settings
from pfa_rpc.sync.batch import SyncBatch
from pfa_rpc.sync.conflict_log import ConflictKey, LoggedConflict, find_open, list_conflicts
from pfa_rpc.sync.conflicts import NotResolvable
from pfa_rpc.sync.events import Choice, Keep, Own, Resolved, RetryAsked
from pfa_rpc.sync.merge import TERMS
from pfa_rpc.sync.runner import Runner
from pfa_rpc.sync.stored_rows import open_conflicts
from pfa_rpc.sync.sync_record import State

MAX_DECISIONS: Final = 1_000
"""Most decisions of one request."""
MAX_RETRIED: Final = 5_000
"""Most records of one request that are sent again."""
_IN_ERROR: Final = parse_filter("sync_state = SYNC_ERROR", SCHEMA)
_KEEPS: Final[Mapping[int, Keep]] = {pb.CONFLICT_CHOICE_MINE: Keep.MINE, pb.CONFLICT_CHOICE_THEIRS: Keep.THEIRS}
_STATES: Final[Mapping[int, bool | None]] = {
    pb.CONFLICT_STATE_UNSPECIFIED: True,
    pb.CONFLICT_STATE_OPEN: True,
    pb.CONFLICT_STATE_SETTLED: False,
    pb.CONFLICT_STATE_ANY: None,
}


class Conflicts:
    """Conflicts of all organizations."""

    def __init__(self, database: Database, tokens: Tokens, runner: Runner) -> None:
        self._database = database
        self._tokens = tokens
        self._runner = runner
        self._writes = RepeatableWrites(database)

    async def list(self, request: pb.ListConflictsRequest, call: Call) -> pb.ListConflictsResponse:
        """Return a page of conflicts."""
        organization_id = authorize(call, Permission.READ, request.organization_id)
        condition = await read_filter(request.filter, call.principal)
        limit = bounded("page_size", request.page_size, default=DEFAULT_PAGE, most=MAX_PAGE)
        if request.state not in _STATES:
            raise InvalidRequest.of("state", f"{request.state} is no state of conflicts; write 1 to {max(_STATES)}")
        request_digest = digest("ListConflicts", canonical(condition)[0], str(request.state))
        after: ConflictKey | None = None
        if request.page_token:
            moment, conflict_id = self._tokens.open("page", request.page_token, organization_id, request_digest)
            after = ConflictKey(datetime.fromisoformat(moment), conflict_id)
        async with self._database.reading() as connection:
            await get_organization(connection, organization_id)
            found = await list_conflicts(
                connection,
                organization_id,
                condition,
                is_open=_STATES[request.state],
                limit=limit + 1,
                after=after,
            )
            ids = list({conflict.record_id for conflict in found[:limit] if conflict.closed_at is None})
            others = await open_conflicts(connection, organization_id, ids)
        mask = Mask((), hide_money=not call.principal.may(Permission.SEE_MONEY))
        names = {record_id: [other.field for other in listed] for record_id, listed in others.items()}
        response = pb.ListConflictsResponse(
            conflicts=[_message(conflict, names.get(conflict.record_id, ()), mask) for conflict in found[:limit]]
        )
        if len(found) > limit:
            key = found[limit - 1].key
            content = [key.opened_at.isoformat(), key.conflict_id]
            response.next_page_token = self._tokens.seal("page", organization_id, request_digest, content)
        return response

    async def resolve(self, request: pb.ResolveConflictsRequest, call: Call) -> bytes:
        """Settle conflicts, all or none; return the serialized response."""
        organization_id = authorize(call, Permission.SYNC, request.organization_id)
        request_id = read_request_id(request.request_id)
        _check_decisions(request.resolutions)
        cause = Cause(How.SYNC, call.principal.name, request_id)

        async def body(write: Write) -> Answer:
            decisions = await _Decisions.read(write, request.resolutions)
            require_visible(call.principal, decisions.fields)
            terms = self._runner.terms(await read_sync_settings(write.connection, organization_id))
            batch = await SyncBatch.begin(write, terms)
            await batch.read("id", decisions.record_ids)
            decisions.carry_out(batch, write)
            await batch.save(is_needed=True)
            counts = {"resolved": len(request.resolutions), "records": len(decisions.record_ids)}
            return lambda revision: pb.ResolveConflictsResponse(
                **counts, revision_token=revision_token(self._tokens, organization_id, revision)
            ).SerializeToString()

        return await self._writes.run(organization_id, cause, digest("ResolveConflicts", request), body)

    async def retry(self, request: pb.RetryRecordsRequest, call: Call) -> bytes:
        """Send records in error again; return the serialized response."""
        organization_id = authorize(call, Permission.SYNC, request.organization_id)
        request_id = read_request_id(request.request_id)
        condition = await _retried(request, call)
        cause = Cause(How.SYNC, call.principal.name, request_id)

        async def body(write: Write) -> Answer:
            batch = await SyncBatch.begin(write)
            if request.pfa_ids:
                await batch.read("pfa_id", request.pfa_ids)
                found = [record for pfa_id in request.pfa_ids if (record := batch.find(pfa_id)) is not None]
                ids, has_more = [record.values["id"] for record in found if record.state is State.ERROR], False
            else:
                rows = await read_row_stretch(
                    write.connection, organization_id, condition, after=-1, limit=MAX_RETRIED + 1
                )
                ids, has_more = [row.id for row in rows[:MAX_RETRIED]], len(rows) > MAX_RETRIED
                await batch.read("id", ids)
            for record_id in dict.fromkeys(ids):
                batch.step(record_id, RetryAsked(cause.by, write.at))
            await batch.save(is_needed=True)
            return lambda revision: pb.RetryRecordsResponse(
                retried=len(set(ids)),
                has_more=has_more,
                revision_token=revision_token(self._tokens, organization_id, revision),
            ).SerializeToString()

        return await self._writes.run(organization_id, cause, digest("RetryRecords", request), body)


async def _retried(request: pb.RetryRecordsRequest, call: Call) -> Condition | None:
    """Return which records a request is about, where it names none. Raises InvalidRequest."""
    if request.pfa_ids and request.filter:
        raise InvalidRequest.of("filter", "is given beside pfa_ids; give one of the two")
    if len(request.pfa_ids) > MAX_DECISIONS:
        raise InvalidRequest.of("pfa_ids", f"{len(request.pfa_ids):,} of them; write at most {MAX_DECISIONS:,}")
    condition = await read_filter(request.filter, call.principal)
    return _IN_ERROR if condition is None or _IN_ERROR is None else And((condition, _IN_ERROR))


def _check_decisions(decisions: Sequence[pb.ConflictDecision]) -> None:
    """Raise InvalidRequest where decisions are missing, too many, unknown, or two are about the same conflict."""
    if not 0 < len(decisions) <= MAX_DECISIONS:
        said = f"{len(decisions):,} of them" if decisions else "is missing"
        raise InvalidRequest.of("resolutions", f"{said}; write 1 to {MAX_DECISIONS:,}")
    violations: list[Violation] = []
    seen: set[str] = set()
    for number, decision in enumerate(decisions):
        path = f"resolutions[{number}]"
        if not decision.conflict_id or decision.conflict_id in seen:
            wrong = "is missing" if not decision.conflict_id else "is decided about twice"
            violations.append(Violation(f"{path}.conflict_id", wrong))
        if decision.choice not in (*_KEEPS, pb.CONFLICT_CHOICE_OWN):
            violations.append(Violation(f"{path}.choice", "is missing, or unknown; write MINE, THEIRS or OWN"))
        if decision.HasField("own") and decision.choice != pb.CONFLICT_CHOICE_OWN:
            violations.append(Violation(f"{path}.own", "goes with the choice OWN only"))
        seen.add(decision.conflict_id)
    if violations:
        raise violations_error(violations)


class _Decisions:
    """Decisions of a request, with the conflicts that they are about."""

    def __init__(self, conflicts: Sequence[LoggedConflict], choices: Sequence[Choice]) -> None:
        self._numbers = {(conflict.record_id, conflict.field): n for n, conflict in enumerate(conflicts)}
        self._by_record: dict[str, dict[str, Choice]] = {}
        for conflict, choice in zip(conflicts, choices, strict=True):
            self._by_record.setdefault(conflict.record_id, {})[conflict.field] = choice

    @classmethod
    async def read(cls, write: Write, decisions: Sequence[pb.ConflictDecision]) -> _Decisions:
        """Return them as of a write. Raises ConflictNotOpen, EtagMismatch, InvalidRequest."""
        organization_id = write.organization_id
        organization = await get_organization(write.connection, organization_id)
        found = await find_open(write.connection, organization_id, [decision.conflict_id for decision in decisions])
        _check_found(decisions, found, organization_id)
        conflicts = [found[decision.conflict_id] for decision in decisions]
        return cls(conflicts, _choices(decisions, conflicts, organization.currency_code))

    @property
    def record_ids(self) -> list[str]:
        """The records."""
        return list(self._by_record)

    @property
    def fields(self) -> set[str]:
        """The fields that are decided about."""
        return {field for _, field in self._numbers}

    def carry_out(self, batch: SyncBatch, write: Write) -> None:
        """Take the records through it. Raises ResolutionRefused with every rule that stands against it."""
        violations: list[Violation] = []
        for record_id, choices in self._by_record.items():
            try:
                batch.step(record_id, Resolved(choices, write.cause.by, write.at))
            except NotResolvable as refusal:
                record = batch.get(record_id)
                pfa_id = "" if record is None else record.values["pfa_id"]
                first = self._numbers[record_id, next(iter(choices))]
                violations += [
                    Violation(
                        f"resolutions[{self._numbers.get((record_id, rule.field), first)}]",
                        f"{rule.field} of {pfa_id}: {rule.reason}",
                    )
                    for rule in refusal.broken
                ]
        if violations:
            raise _error(ResolutionRefused, violations, write.organization_id)


def _check_found(
    decisions: Sequence[pb.ConflictDecision], found: Mapping[str, LoggedConflict], organization_id: str
) -> None:
    numbered = list(enumerate(decisions))
    missing = [
        Violation(f"resolutions[{number}].conflict_id", f"conflict {decision.conflict_id[:100]!r} is not open")
        for number, decision in numbered
        if decision.conflict_id not in found
    ]
    if missing:
        raise _error(ConflictNotOpen, missing, organization_id)
    changed = [
        Violation(f"resolutions[{number}].etag", f"the values of {found[decision.conflict_id].field} have changed")
        for number, decision in numbered
        if decision.etag and decision.etag != found[decision.conflict_id].etag
    ]
    if changed:
        raise _error(EtagMismatch, changed, organization_id)


def _error(kind: type[PfaError], violations: Sequence[Violation], organization_id: str) -> PfaError:
    more = f"; and {len(violations) - 1:,} more" if len(violations) > 1 else ""
    return kind(
        f"{violations[0].description}{more}", violations=violations, metadata={"organization_id": organization_id}
    )


def _choices(
    decisions: Sequence[pb.ConflictDecision], conflicts: Sequence[LoggedConflict], currency: str
) -> list[Choice]:
    choices: list[Choice] = []
    violations: list[Violation] = []
    for number, (decision, conflict) in enumerate(zip(decisions, conflicts, strict=True)):
        try:
            choices.append(_KEEPS.get(decision.choice) or Own(_own_value(decision, conflict.field, currency)))
        except (NotRead, NotTaken) as wrong:
            violations.append(Violation(f"resolutions[{number}].own", f"{conflict.field}: {wrong}"))
    if violations:
        raise violations_error(violations)
    return choices


def _own_value(decision: pb.ConflictDecision, field: str, currency: str) -> Any:
    """Return a value that a person gives. Raises NotRead, NotTaken."""
    return entered(field, read_value(decision.own, field, currency))


def _message(conflict: LoggedConflict, open_fields: Sequence[str], mask: Mask) -> pb.Conflict:
    group = TERMS.group_of(conflict.field)
    is_open = conflict.closed_at is None
    parts = {name: getattr(conflict, name) for name in ("base", "mine", "theirs")}
    hidden = mask and any(mask.apply(part) != part for part in parts.values())
    message = pb.Conflict(
        conflict_id=conflict.conflict_id,
        id=conflict.record_id,
        pfa_id=conflict.pfa_id,
        field=conflict.field,
        mine_by=conflict.mine_by or "",
        mine_time=_time(conflict.mine_at),
        theirs_by=conflict.theirs_by or "",
        theirs_time=_time(conflict.theirs_at),
        open_time=_time(conflict.opened_at),
        ambiguous=conflict.ambiguous,
        decided=conflict.decided,
        tied_fields=[name for name in open_fields if is_open and name in group and name != conflict.field],
        etag="" if hidden else conflict.etag,
        settlement=_settlement(conflict.settlement),
        settle_time=_time(conflict.closed_at),
        settled_by=conflict.closed_by or "",
    )
    for name, part in parts.items():
        getattr(message, name).ParseFromString(mask.apply(part) if mask else part)
    return message


def _time(moment: datetime | None) -> Any:
    return None if moment is None else timestamp_message(moment)


def _settlement(how: str | None) -> pb.ConflictSettlement.ValueType:
    return pb.ConflictSettlement.Value(f"CONFLICT_SETTLEMENT_{(how or 'unspecified').upper()}")
