"""Questions about who changed what, answered from the history: `about_changes`, `ChangeQuestions`.

A record names its last editor only. Who has changed it before, and which records somebody changed that were changed
again since, the history alone can tell.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.query import Aggregate, And, Comparison, Condition, Contains, Function, Operator, Or, Query, fields_of
from pfa.v1.query_service_pb2 import AskResponse
from pfa.v1.record_service_pb2 import AggregateGroup, AggregateRecordsResponse, AggregateValue, GroupKey
from pfa_rpc.services.call import Call
from pfa_rpc.services.following.history import RecordHistory, visible
from pfa_rpc.services.principal import Permission
from pfa_rpc.services.reading.framing import embed
from pfa_rpc.services.requests import revision_token
from pfa_rpc.services.tokens import Tokens
from pfa_rpc.store.database import Database
from pfa_rpc.store.history.audit import AUDITED, Sought, count_changers
from pfa_rpc.store.organizations import get_organization

SHOWN: Final = 100
"""Changes that an answer tells one by one, the newest."""
_BY: Final = "modified_by"
_AT: Final = "modified_at"
_FIELDS: Final = "modified_fields"
_TRACES: Final = frozenset({_BY, _AT, _FIELDS})
_INSTANT: Final = timedelta(microseconds=1)


def about_changes(query: Query) -> Sought | None:
    """Return which changes a question is about that asks for them, or who made them; None for any other question."""
    if not query.history and not _asks_who(query.aggregate):
        return None
    sought, rest = Sought(created=query.history), []
    for operand in _operands(query.where):
        if _TRACES.isdisjoint(fields_of(operand)):
            rest.append(operand)
            continue
        narrowed = _narrowed(sought, operand)
        if narrowed is None:
            return None
        sought = narrowed
    condition = rest[0] if len(rest) == 1 else And(tuple(rest)) if rest else None
    return replace(sought, condition=condition)


def _asks_who(spec: Aggregate | None) -> bool:
    """Return whether people are asked for, and nothing of them but how many records each has changed."""
    if spec is None or spec.group_by != (_BY,) or spec.having or spec.percent or spec.part is not None:
        return False
    return all(item.function is Function.COUNT and item.field is None for item in spec.aggregations)


def _operands(condition: Condition | None) -> Iterable[Condition]:
    return () if condition is None else condition.operands if isinstance(condition, And) else (condition,)


def _narrowed(sought: Sought, operand: Condition) -> Sought | None:
    """Return what is sought with one more condition on the traces of changes; None where the history has no such."""
    match operand:
        case Comparison(field=name, operator=Operator.EQ, value=str(by)) if name == _BY:
            return replace(sought, changed_by=by)
        case Comparison(field=name, operator=Operator.GE, value=datetime() as at) if name == _AT:
            return replace(sought, since=at)
        case Comparison(field=name, operator=Operator.GT, value=datetime() as at) if name == _AT:
            return replace(sought, since=at + _INSTANT)
        case Comparison(field=name, operator=Operator.LT, value=datetime() as at) if name == _AT:
            return replace(sought, before=at)
        case Comparison(field=name, operator=Operator.LE, value=datetime() as at) if name == _AT:
            return replace(sought, before=at + _INSTANT)
        case _ if not sought.fields and (names := _changed(operand)):
            return replace(sought, fields=names)
    return None


def _changed(operand: Condition) -> tuple[str, ...]:
    """Return the fields of which one was changed, none where the condition is another."""
    each = operand.operands if isinstance(operand, Or) else (operand,)
    names = tuple(leaf.text for leaf in each if isinstance(leaf, Contains) and leaf.field == _FIELDS)
    return names if len(names) == len(each) and all(name in AUDITED for name in names) else ()


class ChangeQuestions:
    """Answers questions about who changed what."""

    def __init__(self, database: Database, tokens: Tokens) -> None:
        self._database = database
        self._tokens = tokens
        self._history = RecordHistory(database, tokens)

    async def write(self, organization_id: str, query: Query, sought: Sought, call: Call) -> bool:
        """Write the newest changes, after who made them where that is asked for.

        Returns False, and writes nothing, where it is asked who made changes and the history knows of none: records
        that are older than the history still name who edited them last.
        """
        see_money = call.principal.may(Permission.SEE_MONEY)
        sought = visible(sought, see_money=see_money)
        async with self._database.reading() as connection:  # people and changes are of one snapshot
            people = None
            if not query.history:
                people = await self._people(connection, organization_id, sought, query.limit)
                if not people.groups:
                    return False
            page = await self._history.page(connection, organization_id, sought, SHOWN)
        if people is not None:
            await call.write(AskResponse(figures=people))
        await call.write(embed(AskResponse.CHANGES_FIELD_NUMBER, page.framed(see_money=see_money)))
        return True

    async def _people(
        self, connection: AsyncConnection, organization_id: str, sought: Sought, limit: int | None
    ) -> AggregateRecordsResponse:
        """Return who made the changes, each with the number of records."""
        organization = await get_organization(connection, organization_id)
        changers, matched = await count_changers(connection, organization_id, sought, limit=limit)
        groups = [
            AggregateGroup(keys=[GroupKey(text=by)], values=[AggregateValue(count=number, covered=number)])
            for by, number in changers
        ]
        token = revision_token(self._tokens, organization_id, organization.revision)
        return AggregateRecordsResponse(groups=groups, matched=matched, revision_token=token)
