"""Figures: what a request asks to compute (`read_aggregate`), and the answer through the cache (`Figures`)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

from google.type.money_pb2 import Money
from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.filters.filter_text import parse_filter
from nlq.query import Aggregate, Aggregation, Condition, DatePart, Function, Window, group_field
from nlq.schema import FieldType
from nlq.vocabulary import Vocabulary
from pfa.v1.record_service_pb2 import (
    AggregateFunction,
    AggregateGroup,
    AggregateRecordsRequest,
    AggregateRecordsResponse,
    AggregateValue,
    GroupKey,
)
from pfa_rpc.errors import InvalidRequest
from pfa_rpc.records.cost import divide_half_even
from pfa_rpc.records.differences import DIFFERENCES
from pfa_rpc.records.encode import date_message, money_message
from pfa_rpc.schema import BY_NAME, SCHEMA
from pfa_rpc.services.asking.contexts import aggregate_content, aggregate_of
from pfa_rpc.services.reading.answers import Answers, Need
from pfa_rpc.services.requests import canonical, read_date, revision_token
from pfa_rpc.services.tokens import Tokens
from pfa_rpc.store import reads
from pfa_rpc.store.figures.aggregates import aggregate
from pfa_rpc.store.figures.groups import Figure, Group, added_up, with_hidden
from pfa_rpc.store.figures.groups import GroupKey as StoredKey
from pfa_rpc.store.figures.spreading import MONTH, is_spreadable
from pfa_rpc.store.organizations import Organization

MAX_AGGREGATIONS: Final = 10
MAX_GROUPS: Final = 2
FIGURES: Final = "figures"
"""First word of the name of figures in the cache."""
_NANO_DECIMALS: Final = 9
_GROUPS_AT_ONCE: Final = 100
"""Groups that are put into words before other calls get their turn: about 4 ms where each has ten figures."""

_FUNCTIONS: Final[dict[int, Function]] = {
    AggregateFunction.Value(f"AGGREGATE_FUNCTION_{function.name}"): function for function in Function
}


def read_aggregate(request: AggregateRecordsRequest) -> Aggregate:
    """Return what a request asks to compute. Raises InvalidRequest where a figure or a group makes no sense."""
    if len(request.aggregations) > MAX_AGGREGATIONS:
        shown = len(request.aggregations)
        raise InvalidRequest.of("aggregations", f"{shown} figures are too many; ask for at most {MAX_AGGREGATIONS}")
    if len(request.group_by) > MAX_GROUPS:
        raise InvalidRequest.of("group_by", f"{len(request.group_by)} groups are too many; at most {MAX_GROUPS} fit")
    group_by = tuple(request.group_by)
    for number, name in enumerate(group_by):
        _check_group(f"group_by[{number}]", name, group_by)
    items = [
        _read_aggregation(f"aggregations[{number}]", item.function, item.field)
        for number, item in enumerate(request.aggregations)
    ] or [Aggregation(Function.COUNT)]
    spec = Aggregate(tuple(items), group_by, window=_read_window(request))
    require_spreadable(spec)
    return spec


def _read_window(request: AggregateRecordsRequest) -> Window | None:
    """Return the days that costs are of, None where no window is given. Raises InvalidRequest."""
    if not request.HasField("window"):
        return None
    start = read_date("window.start_date", request.window.start_date) if request.window.HasField("start_date") else None
    stop = read_date("window.end_date", request.window.end_date) if request.window.HasField("end_date") else None
    if start is not None and stop is not None and start >= stop:
        raise InvalidRequest.of("window.end_date", f"{stop} is not after the start, {start}")
    return Window(start, stop) if start is not None or stop is not None else None


def require_spreadable(spec: Aggregate) -> None:
    """Raise InvalidRequest where something else than sums of costs is to be spread over months, or cut to a window."""
    if spec.window is not None:
        for number, name in enumerate(spec.group_by):
            if group_field(name)[1] is not None:
                path = f"group_by[{number}]"
                raise InvalidRequest.of(path, f'costs of a window fall in no {name}; group by "month"')
    elif MONTH not in spec.group_by:
        return
    for number, item in enumerate(with_hidden(spec).aggregations):
        if item.function is not Function.SUM or not is_spreadable(item.field):
            raise InvalidRequest.of(
                f"aggregations[{number}]",
                'only sums of costs can be spread over "month" or cut to a window; group by a date, such as '
                '"forecast_start.month", and filter by dates',
            )


def _check_group(path: str, name: str, group_by: tuple[str, ...]) -> None:
    if group_by.count(name) > 1:
        raise InvalidRequest.of(path, f"{name[:100]!r} is named twice")
    if name == MONTH:
        return
    base, part = group_field(name)
    field = BY_NAME.get(base)
    fits = field is not None and (field.type is FieldType.DATE if part else field.groupable)
    if not fits:
        possible = ", ".join(known.name for known in BY_NAME.values() if known.groupable)
        raise InvalidRequest.of(
            path, f"{name[:100]!r} is no group; write one of {possible}, a date such as forecast_start.month, or month"
        )


def _read_aggregation(path: str, number: int, name: str) -> Aggregation:
    function = _FUNCTIONS.get(number)
    if function is None:
        raise InvalidRequest.of(f"{path}.function", f"{number} is no function; write COUNT, SUM, AVG, MIN, MAX …")
    if not name and function is Function.COUNT:
        return Aggregation(function)
    if name in DIFFERENCES:
        return Aggregation(function, name)
    field = BY_NAME.get(name)
    if field is None or not field.filterable:
        raise InvalidRequest.of(f"{path}.field", f"{name[:100]!r} is not a field; write one such as forecast_cost")
    possible: dict[Function, tuple[FieldType, ...]] = {
        Function.COUNT: tuple(FieldType),
        Function.COUNT_DISTINCT: tuple(kind for kind in FieldType if kind is not FieldType.NAMES),
        Function.MIN: (FieldType.MONEY, FieldType.DATE),
        Function.MAX: (FieldType.MONEY, FieldType.DATE),
    }
    if field.type not in possible.get(function, (FieldType.MONEY,)):
        raise InvalidRequest.of(
            f"{path}.field", f"{name} is a {field.type.value} field, of which there is no {function.value}"
        )
    return Aggregation(function, name)


@dataclass(frozen=True, slots=True)
class FiguresRequest:
    """Which figures of which records."""

    organization_id: str
    condition: Condition | None
    spec: Aggregate
    include_transferable: bool = False
    limit: int | None = None
    """Most groups; None: all."""
    with_totals: bool = False
    """Whether to total the groups, too."""

    @property
    def asked(self) -> str:
        """Names the figures in the cache."""
        text, _ = canonical(self.condition)
        name = [FIGURES, text, aggregate_content(self.spec), self.include_transferable, self.limit]
        return json.dumps([*name, *([True] if self.with_totals else [])])

    @classmethod
    def of(cls, organization_id: str, asked: Sequence[Any]) -> FiguresRequest:
        """Return the figures that a name, read as JSON, is of."""
        _, filter_text, content, include_transferable, limit, *with_totals = asked
        condition, spec = parse_filter(filter_text, SCHEMA), aggregate_of(content)
        return cls(organization_id, condition, spec, include_transferable, limit, with_totals=bool(with_totals))


class Figures:
    """Figures through the cache, as they are sent."""

    def __init__(self, answers: Answers, tokens: Tokens) -> None:
        self._answers = answers
        self._tokens = tokens

    async def get(self, asked: FiguresRequest, need: Need) -> bytes:
        """Return a serialized AggregateRecordsResponse, as new as is needed. Raises OrganizationNotFound."""

        async def fill(connection: AsyncConnection, organization: Organization) -> bytes:
            return await read_figures(connection, organization, asked)

        answer = await self._answers.get(asked.organization_id, asked.asked, need, fill)
        token = revision_token(self._tokens, asked.organization_id, answer.revision)
        # A serialized message is its fields one after another.
        return answer.value + AggregateRecordsResponse(revision_token=token, age=answer.age).SerializeToString()


async def read_figures(connection: AsyncConnection, organization: Organization, asked: FiguresRequest) -> bytes:
    """Return figures as they are cached: a serialized AggregateRecordsResponse without token and age."""
    organization_id, spec = organization.organization_id, asked.spec
    matched = await reads.count(connection, organization_id, asked.condition)
    reading = _Reading(
        connection, asked, await reads.read_vocabulary(connection, organization_id, fields=spec.group_by)
    )
    groups = await reading.groups(spec, asked.limit)
    message = await figures_message(groups, spec, organization.currency_code, matched)
    return message + await _totals(reading, groups, organization.currency_code) if asked.with_totals else message


@dataclass(frozen=True, slots=True)
class _Reading:
    """What groups are read from."""

    connection: AsyncConnection
    asked: FiguresRequest
    vocabulary: Vocabulary

    async def groups(self, spec: Aggregate, limit: int | None = None) -> list[Group]:
        """Return the groups of an aggregate over the records that are asked for."""
        asked = self.asked
        return await aggregate(
            self.connection,
            asked.organization_id,
            asked.condition,
            spec,
            self.vocabulary,
            include_transferable=asked.include_transferable,
            limit=limit,
        )


async def _totals(reading: _Reading, groups: Sequence[Group], currency: str) -> bytes:
    """Return the serialized totals of some groups: of each row and each column where there are both, and of all."""
    spec = reading.asked.spec
    of_all = replace(spec, group_by=())
    [total] = await reading.groups(of_all)
    parts = [AggregateRecordsResponse(total=_group_message(total, of_all, currency)).SerializeToString()]
    for place, name in enumerate(spec.group_by if len(spec.group_by) == MAX_GROUPS else ()):
        of_one = replace(spec, group_by=(name,))
        found = added_up(groups, place) if name == MONTH else await reading.groups(of_one)
        for start in range(0, len(found), _GROUPS_AT_ONCE):
            messages = [_group_message(group, of_one, currency) for group in found[start : start + _GROUPS_AT_ONCE]]
            response = AggregateRecordsResponse()
            (response.column_totals if place else response.row_totals).extend(messages)
            parts.append(response.SerializeToString())
            await asyncio.sleep(0)
    return b"".join(parts)


async def figures_message(groups: Sequence[Group], spec: Aggregate, currency: str, matched: int) -> bytes:
    """Return the serialized AggregateRecordsResponse of an aggregate's groups, letting other calls go on meanwhile."""
    parts: list[bytes] = []
    for start in range(0, len(groups), _GROUPS_AT_ONCE):
        part = groups[start : start + _GROUPS_AT_ONCE]
        message = AggregateRecordsResponse(groups=[_group_message(group, spec, currency) for group in part])
        parts.append(message.SerializeToString())
        await asyncio.sleep(0)
    end = AggregateRecordsResponse(matched=matched, yes=_any_there(groups, spec) if spec.yes_no else None)
    return b"".join(parts) + end.SerializeToString()


def _any_there(groups: Sequence[Group], spec: Aggregate) -> bool:
    """Return the answer to whether there are any: groups that meet the conditions, or records."""
    return bool(groups) if spec.group_by else any(figure.value for group in groups for figure in group.figures)


def _group_message(group: Group, spec: Aggregate, currency: str) -> AggregateGroup:
    keys = [_key_message(name, key) for name, key in zip(spec.group_by, group.keys, strict=True)]
    return AggregateGroup(keys=keys, values=_values(group.figures, spec, currency))


def _key_message(name: str, key: StoredKey) -> GroupKey:
    match key:
        case None:
            return GroupKey()
        case bool():
            return GroupKey(flag=key)
        case date():
            return _day_key(name, key)
        case _:
            field = BY_NAME[name]
            return GroupKey(text=field.enum_value(key).name if field.type is FieldType.ENUM else key)


def _day_key(name: str, day: date) -> GroupKey:
    """Return the key of a group of dates, by the period that the group is of."""
    part = DatePart.MONTH if name == MONTH else group_field(name)[1]
    match part:
        case DatePart.MONTH:
            return GroupKey(month=date_message(day))
        case DatePart.QUARTER:
            return GroupKey(quarter=date_message(day))
        case DatePart.YEAR:
            return GroupKey(year=day.year)
        case DatePart.WEEK | None:
            return GroupKey(date=date_message(day))


def _values(figures: Sequence[Figure], spec: Aggregate, currency: str) -> list[AggregateValue]:
    messages = []
    for figure, item in zip(figures, spec.aggregations, strict=True):
        message = AggregateValue(
            covered=figure.covered,
            missing=figure.missing,
            discontinued=figure.discontinued,
            transferable=figure.transferable,
            projected=figure.projected,
        )
        _set_value(
            message,
            figure.value,
            is_count=item.function in (Function.COUNT, Function.COUNT_DISTINCT),
            currency=currency,
        )
        if figure.whole is not None:
            _set_share(message, figure, figure.whole, currency)
        messages.append(message)
    return messages


def _set_value(message: AggregateValue, value: int | Decimal | date | None, *, is_count: bool, currency: str) -> None:
    match value:
        case None:
            if is_count:
                message.count = 0
        case date():
            message.date.CopyFrom(date_message(value))
        case _ if is_count:
            message.count = int(value)
        case _:
            message.money.CopyFrom(exact_money(Decimal(value), currency))


def _set_share(message: AggregateValue, figure: Figure, whole: int | Decimal, currency: str) -> None:
    """Say what a count or a sum is a share of, and how many percent of it."""
    if message.WhichOneof("value") == "count":
        message.whole_count = int(whole)
    else:
        message.whole_money.CopyFrom(exact_money(Decimal(whole), currency))
    if whole > 0 and isinstance(figure.value, int | Decimal):
        message.percent = percent_text(Decimal(figure.value), Decimal(whole))


def percent_text(part: Decimal, whole: Decimal) -> str:
    """Return a share in percent, rounded half to even at two decimals; the whole is above zero."""
    # Of whole numbers in a fine unit: a quotient of decimals would be rounded twice.
    scaled, unit = (int(amount.scaleb(_NANO_DECIMALS)) for amount in (part, whole))
    return format(Decimal(divide_half_even(scaled * 10_000, unit)).scaleb(-2), "f")


def exact_money(amount: Decimal, currency: str) -> Money:
    """Return a google.type.Money of an amount with at most nine decimals."""
    return money_message(int(amount.scaleb(_NANO_DECIMALS)), _NANO_DECIMALS, currency)
