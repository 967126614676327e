"""Interpretations as messages: `interpretation_message`, `change_messages`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from google.type.money_pb2 import Money

from nlq.changes import Change, ChangeOperation, Shift, canonical_changes
from nlq.filters.canonical import canonical_filter
from nlq.interpretation import Assumption, Interpretation, Piece
from nlq.query import Aggregate, Aggregation, FigureSort, Function, Having, Value, Window
from pfa.v1.change_pb2 import Change as ChangeMessage
from pfa.v1.change_pb2 import ChangeOperation as ChangeOperationMessage
from pfa.v1.change_pb2 import DateShift
from pfa.v1.query_service_pb2 import AggregateSpec, InterpretationKind, PieceRole
from pfa.v1.query_service_pb2 import Alternative as AlternativeMessage
from pfa.v1.query_service_pb2 import Assumption as AssumptionMessage
from pfa.v1.query_service_pb2 import FigureSort as FigureSortMessage
from pfa.v1.query_service_pb2 import Having as HavingMessage
from pfa.v1.query_service_pb2 import Interpretation as InterpretationMessage
from pfa.v1.query_service_pb2 import Piece as PieceMessage
from pfa.v1.record_service_pb2 import AggregateFunction, DayWindow
from pfa.v1.record_service_pb2 import Aggregation as AggregationMessage
from pfa_rpc.errors import InvalidQuestion
from pfa_rpc.records.encode import date_message, timestamp_message
from pfa_rpc.schema import SCHEMA
from pfa_rpc.services.reading.figures import exact_money

_TOO_LARGE: Final = 10**18


def interpretation_message(reading: Interpretation, currency: str) -> InterpretationMessage:
    """Return the message of a reading; `currency` (ISO 4217) is that of its amounts. Raises InvalidQuestion."""
    query = reading.query
    return InterpretationMessage(
        filter=reading.filter,
        sentence=reading.sentence,
        order_by=reading.order_by,
        limit=query.limit or 0,
        aggregate=_spec_message(query.aggregate, currency) if query.aggregate is not None else None,
        pieces=[_piece_message(piece) for piece in reading.pieces],
        defaults=_assumption_messages((*reading.defaults, *reading.carried)),
        ambiguities=_assumption_messages(reading.ambiguities),
        complete=reading.complete,
        warnings=reading.warnings,
        kind=InterpretationKind.Value(f"INTERPRETATION_KIND_{reading.kind.name}"),
        changes=change_messages(reading.changes, currency),
        reason=reading.reason,
        question_back=reading.question_back,
        alternatives=[AlternativeMessage(sentence=one.sentence, filter=one.filter) for one in reading.alternatives],
        errors=reading.errors,
        confirm=reading.confirm,
        history=query.history,
    )


def change_messages(changes: Iterable[Change], currency: str) -> list[ChangeMessage]:
    """Return the messages of changes."""
    return [
        ChangeMessage(
            field=change.field,
            operation=ChangeOperationMessage.Value(f"CHANGE_OPERATION_{change.operation.name}"),
            text=canonical_changes([change], SCHEMA),
            **_change_value(change, currency),
        )
        for change in changes
    ]


def _change_value(change: Change, currency: str) -> dict[str, Any]:
    """Return the member of ChangeMessage.value that a change has, by its name; nothing for one without a value."""
    value = change.value
    match change.operation:
        case ChangeOperation.CLEAR:
            return {}
        case ChangeOperation.RESET:
            return {"other_field": value}
        case ChangeOperation.SCALE:
            return {"factor": format(value, "f")}
        case ChangeOperation.SHIFT if isinstance(value, Shift):
            return {"shift": DateShift(months=value.months, days=value.days)}
        case ChangeOperation.ADD if isinstance(value, Decimal):
            return {"money_value": _amount(value, currency)}
        case ChangeOperation.SET if value is not None and not isinstance(value, Shift):
            return _set_value(value, currency)
    raise ValueError(f"{change.operation.value} does not take {value!r}")


def _set_value(value: Value, currency: str) -> dict[str, Any]:
    match value:
        case bool():
            return {"flag_value": value}
        case int():
            return {"integer_value": value}
        case Decimal():
            return {"money_value": _amount(value, currency)}
        case datetime():
            return {"time_value": timestamp_message(value)}
        case date():
            return {"date_value": date_message(value)}
        case _:
            return {"text_value": value}


def _amount(value: Decimal, currency: str) -> Money:
    return exact_money(_checked(value), currency)


def _checked(value: Decimal) -> Decimal:
    """Return a number of a question. Raises InvalidQuestion for one that messages do not hold."""
    if abs(value) >= _TOO_LARGE:
        raise InvalidQuestion(f"{value:,f} is larger than any amount can be; ask for one below {_TOO_LARGE:,}")
    return value


def _spec_message(spec: Aggregate, currency: str) -> AggregateSpec:
    return AggregateSpec(
        aggregations=map(_aggregation_message, spec.aggregations),
        group_by=spec.group_by,
        including=spec.including,
        having=[_having_message(each, currency) for each in spec.having],
        order=map(_sort_message, spec.order),
        percent=spec.percent,
        part=canonical_filter(spec.part, SCHEMA),
        distinct=spec.distinct,
        yes_no=spec.yes_no,
        window=window_message(spec.window),
        lacking=spec.lacking,
    )


def window_message(window: Window | None) -> DayWindow | None:
    """Return the message of a window; None for none."""
    if window is None:
        return None
    start, stop = (date_message(day) if day is not None else None for day in (window.start, window.stop))
    return DayWindow(start_date=start, end_date=stop)


def _aggregation_message(item: Aggregation) -> AggregationMessage:
    function = AggregateFunction.Value(f"AGGREGATE_FUNCTION_{item.function.name}")
    return AggregationMessage(function=function, field=item.field or "")


def _having_message(having: Having, currency: str) -> HavingMessage:
    figure, operator = _aggregation_message(having.figure), having.operator.value
    if having.figure.function in (Function.COUNT, Function.COUNT_DISTINCT):
        return HavingMessage(figure=figure, operator=operator, count=int(_checked(having.value)))
    return HavingMessage(figure=figure, operator=operator, money=_amount(having.value, currency))


def _sort_message(term: FigureSort) -> FigureSortMessage:
    if isinstance(term.by, str):
        return FigureSortMessage(group=term.by, descending=term.descending)
    return FigureSortMessage(figure=_aggregation_message(term.by), descending=term.descending)


def _piece_message(piece: Piece) -> PieceMessage:
    return PieceMessage(
        start=piece.start,
        end=piece.end,
        text=piece.text,
        role=PieceRole.Value(f"PIECE_ROLE_{piece.role.name}"),
        meaning=piece.meaning,
        suggestions=piece.suggestions,
    )


def _assumption_messages(assumptions: Iterable[Assumption]) -> list[AssumptionMessage]:
    return [
        AssumptionMessage(
            text=item.text, start=item.start, end=item.end, chosen=item.chosen, alternatives=item.alternatives
        )
        for item in assumptions
    ]
