"""The history of records: `RecordHistory` lists changes, and gives a record as it was at a past time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from pfa.v1.history_pb2 import ChangeOrigin, HistoryEntry, ListChangesRequest, ListChangesResponse
from pfa_rpc.errors import InvalidRequest
from pfa_rpc.records.cause import How
from pfa_rpc.records.encode import timestamp_message
from pfa_rpc.schema import BY_NAME
from pfa_rpc.services.call import Call
from pfa_rpc.services.principal import Permission
from pfa_rpc.services.reading.answers import Answer
from pfa_rpc.services.reading.framing import embed
from pfa_rpc.services.requests import (
    DEFAULT_PAGE,
    MAX_PAGE,
    Mask,
    authorize,
    bounded,
    canonical,
    read_filter,
    read_name,
    read_time,
    require_visible,
    revision_token,
)
from pfa_rpc.services.tokens import Tokens, digest
from pfa_rpc.store.database import Database
from pfa_rpc.store.history.audit import (
    AUDITED,
    ChangeKey,
    Sought,
    StoredChange,
    history_start,
    list_changes,
    record_as_of,
)
from pfa_rpc.store.organizations import get_organization

_PREFIX: Final = "CHANGE_ORIGIN_"
_ORIGIN_OF: Final = {how.value: ChangeOrigin.Value(_PREFIX + how.name) for how in How if how is not How.VOCABULARY}
_AUDITED: Final = frozenset(AUDITED)
_WITHOUT_MONEY: Final = tuple(name for name in AUDITED if not BY_NAME[name].is_money)
_MAX_NAMES: Final = 100
_CHANGES_FIELD: Final = ListChangesResponse.CHANGES_FIELD_NUMBER


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Some changes, the newest first."""

    changes: Sequence[StoredChange]
    end: ChangeKey | None
    """Where the next page begins; None where this is the last."""
    message: ListChangesResponse
    """All of the response but the changes."""

    def framed(self, *, see_money: bool) -> bytes:
        """Return the serialized response."""
        mask = Mask((), hide_money=not see_money)
        framed = [embed(_CHANGES_FIELD, history_entry(change, mask)) for change in self.changes]
        return b"".join(framed) + self.message.SerializeToString()


class RecordHistory:
    """Reads what is kept of past changes."""

    def __init__(self, database: Database, tokens: Tokens) -> None:
        self._database = database
        self._tokens = tokens

    async def list(self, request: ListChangesRequest, call: Call) -> bytes:
        """Return a page of changes."""
        organization_id = authorize(call, Permission.READ, request.organization_id)
        sought = await _sought(request, call)
        limit = bounded("page_size", request.page_size, default=DEFAULT_PAGE, most=MAX_PAGE)
        request_digest = _digest(request, sought)
        after: ChangeKey | None = None
        if request.page_token:
            after = ChangeKey(*self._tokens.open("page", request.page_token, organization_id, request_digest))
        see_money = call.principal.may(Permission.SEE_MONEY)
        async with self._database.reading() as connection:
            page = await self.page(connection, organization_id, visible(sought, see_money=see_money), limit, after)
        if page.end is not None:
            page.message.next_page_token = self._tokens.seal("page", organization_id, request_digest, list(page.end))
        return page.framed(see_money=see_money)

    async def page(
        self,
        connection: AsyncConnection,
        organization_id: str,
        sought: Sought,
        limit: int,
        after: ChangeKey | None = None,
    ) -> ChangePage:
        """Return the newest changes, those after a key, of what is sought as it is `visible` to the caller.

        Raises OrganizationNotFound.
        """
        organization = await get_organization(connection, organization_id)
        changes = await list_changes(connection, organization_id, sought, limit=limit + 1, after=after)
        start = await history_start(connection, organization_id)
        message = ListChangesResponse(
            revision_token=revision_token(self._tokens, organization_id, organization.revision),
            history_start_time=None if start is None else timestamp_message(start[1]),
        )
        return ChangePage(changes[:limit], changes[limit - 1].key if len(changes) > limit else None, message)

    async def record(self, organization_id: str, field: str, value: str, at: datetime) -> Answer:
        """Return the payload that a record had at a time, b"" where there was none. OrganizationNotFound."""
        async with self._database.reading() as connection:
            organization = await get_organization(connection, organization_id)
            payload = await record_as_of(connection, organization, field, value, at)
        return Answer(organization.revision, payload or b"")


def visible(sought: Sought, *, see_money: bool) -> Sought:
    """Return what is sought without what the caller may not see: that a rate was changed says something of it."""
    return sought if see_money else replace(sought, visible=_WITHOUT_MONEY)


async def _sought(request: ListChangesRequest, call: Call) -> Sought:
    condition = await read_filter(request.filter, call.principal)
    name = request.WhichOneof("record")
    fields = _fields(request.fields)
    require_visible(call.principal, fields)
    since, before = (
        read_time(field, getattr(request, field)) if request.HasField(field) else None
        for field in ("start_time", "end_time")
    )
    if since is not None and before is not None and since >= before:
        raise InvalidRequest.of("end_time", "is not after start_time; no time lies between them")
    return Sought(
        condition=condition,
        record=None if name is None else read_name(name, getattr(request, name)),
        changed_by=request.changed_by or None,
        fields=fields,
        since=since,
        before=before,
        origins=tuple(_origin(number) for number in request.origins),
    )


def _fields(names: Sequence[str]) -> tuple[str, ...]:
    if len(names) > _MAX_NAMES:
        raise InvalidRequest.of("fields", f"{len(names)} names are too many; give at most {_MAX_NAMES}")
    for number, name in enumerate(names):
        if name not in AUDITED:
            known = "its changes are not kept apart" if name in BY_NAME else "is no field"
            raise InvalidRequest.of(f"fields[{number}]", f"{name[:100]!r} {known}; write one such as forecast_end")
    return tuple(names)


def _origin(number: ChangeOrigin.ValueType) -> str:
    try:
        return How[ChangeOrigin.Name(number).removeprefix(_PREFIX)].value
    except (ValueError, KeyError):
        raise InvalidRequest.of("origins", f"{number} is no origin; write one such as CHANGE_ORIGIN_EDIT") from None


def _digest(request: ListChangesRequest, sought: Sought) -> bytes:
    asked = ListChangesRequest.FromString(request.SerializeToString())
    for name in ("organization_id", "filter", "page_size", "page_token"):
        asked.ClearField(name)
    return digest("ListChanges", canonical(sought.condition)[0], asked)


def history_entry(change: StoredChange, mask: Mask) -> bytes:
    """Return a serialized HistoryEntry; what changed goes into it as it is kept."""
    fields = [name for name in change.fields if name in _AUDITED and not (mask.hide_money and BY_NAME[name].is_money)]
    message = HistoryEntry(
        id=change.record_id,
        pfa_id=change.pfa_id,
        change_time=timestamp_message(change.at),
        changed_by=change.changed_by,
        origin=_ORIGIN_OF.get(change.how, ChangeOrigin.CHANGE_ORIGIN_UNSPECIFIED),
        request_id=change.request_id or "",
        change_id=change.change_id or "",
        revision=change.revision,
        created=change.created,
        fields=fields,
    ).SerializeToString()
    if change.created:
        return message
    cover: Callable[[bytes], bytes] = mask.apply if mask else bytes
    old, new = cover(change.old), cover(change.new)
    return message + embed(HistoryEntry.OLD_FIELD_NUMBER, old) + embed(HistoryEntry.NEW_FIELD_NUMBER, new)
