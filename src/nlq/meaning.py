"""Meaning: an interpretation as plain JSON, in the form that question cases are compared in.

Gives `meaning_of`. Conditions come as a flat list that must all hold, each `{"field", "op", "value"}`; an Or over
several fields comes as `any_of`. A condition that was added by convention is no part of what was asked, and left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from nlq.changes import Change, ChangeOperation, Shift
from nlq.filters.canonical import canonical_filter
from nlq.interpretation import Interpretation, InterpretationKind, Role
from nlq.query import (
    Aggregate,
    Aggregation,
    And,
    Comparison,
    Condition,
    Contains,
    FieldComparison,
    FigureSort,
    Matches,
    Not,
    Operator,
    Or,
    Present,
    Value,
)
from nlq.schema import FieldType, Schema

_KINDS: Final = {
    InterpretationKind.RECORDS: "query",
    InterpretationKind.FIGURES: "aggregate",
    InterpretationKind.CHANGE: "mutation",
    InterpretationKind.REFUSED: "refused",
}
_OPERATORS: Final = {
    Operator.EQ: "eq",
    Operator.NE: "neq",
    Operator.LT: "lt",
    Operator.LE: "lte",
    Operator.GT: "gt",
    Operator.GE: "gte",
}
_OPPOSITE: Final = {
    Operator.LT: Operator.GE,
    Operator.LE: Operator.GT,
    Operator.GT: Operator.LE,
    Operator.GE: Operator.LT,
}
_LOWER: Final = (Operator.GT, Operator.GE)
_UPPER: Final = (Operator.LT, Operator.LE)

Json = dict[str, Any]


def meaning_of(reading: Interpretation, schema: Schema) -> Json:
    """Return the meaning; keys without content are left out, but `filters` is always there."""
    meaning: Json = {"kind": _KINDS[reading.kind]}
    if reading.kind is InterpretationKind.REFUSED:
        return meaning | {"reason": reading.reason}
    writer = _Writer(schema, frozenset(note.chosen for note in reading.ambiguities))
    added = {note.chosen for note in reading.defaults}
    meaning |= writer.conditions(reading.query.where, added)
    if reading.query.aggregate is not None:
        meaning |= writer.figures(reading.query.aggregate)
    if reading.query.sort:
        meaning["sort"] = [{"field": term.field, "dir": _direction(term.descending)} for term in reading.query.sort]
    if reading.kind is InterpretationKind.CHANGE:
        meaning |= {"proposal": True, "changes": [writer.change(change) for change in reading.changes]}
    found: Json = {
        "limit": reading.query.limit,
        "unrecognized": [
            piece.text for piece in reading.pieces if piece.role is Role.NOT_UNDERSTOOD and not piece.meaning
        ],
        "did_you_mean": [
            piece.suggestions[0] for piece in reading.pieces if piece.role is Role.NOT_UNDERSTOOD and piece.suggestions
        ],
        "ambiguous": _ambiguous(reading),
        "warnings": [code for code in reading.codes if not code.startswith("invalid")],
        "errors": [code for code in reading.codes if code.startswith("invalid")],
    }
    return meaning | {name: value for name, value in found.items() if value not in (None, [], {})}


def _ambiguous(reading: Interpretation) -> Json:
    """Return the first choice that was made, with what it was made among; empty where none was."""
    for note in reading.ambiguities:
        if note.end > note.start and note.alternatives:
            words = _covered(reading, note.start, note.end)
            candidates = [note.chosen, *note.alternatives]
            fields = (candidate.split(" ", 1)[0] for candidate in candidates if " " in candidate)
            return {"span": words, "candidates": list(dict.fromkeys((*candidates, *fields)))}
    return {}


def _covered(reading: Interpretation, start: int, end: int) -> str:
    """Return the pieces of a stretch of the question."""
    return " ".join(piece.text[max(start - piece.start, 0) : end - piece.start] for piece in reading.pieces
                    if piece.start < end and start < piece.end)  # fmt: skip


def _direction(descending: bool) -> str:
    return "desc" if descending else "asc"


class _Writer:
    """Writes the parts of one query."""

    def __init__(self, schema: Schema, chosen: frozenset[str]) -> None:
        self._schema = schema
        self._chosen = chosen

    # Conditions

    def conditions(self, where: Condition | None, added: Iterable[str]) -> Json:
        """Return `filters` and `any_of`; `added` are the filters, in canonical text, that nobody asked for."""
        operands = list(where.operands) if isinstance(where, And) else [where] if where is not None else []
        operands = [each for each in operands if canonical_filter(each, self._schema) not in added]
        filters: list[Json] = []
        alternatives: list[list[Json]] = []
        for operand in self._bounded(operands, filters):
            listed = self._list(operand)
            if listed is not None:
                filters.append(listed)
            elif isinstance(operand, Or):
                alternatives = [self._all(each) for each in operand.operands]
            else:
                filters.append(self._leaf(operand))
        filters = _without_each(filters)
        return {"filters": filters} | ({"any_of": alternatives} if alternatives else {})

    def _all(self, condition: Condition) -> list[Json]:
        """Return one alternative as the list of what holds in it."""
        found: list[Json] = self.conditions(condition, ())["filters"]
        return found

    def _bounded(self, operands: list[Condition], filters: list[Json]) -> list[Condition]:
        """Write the pairs that bound a field from both sides, and return the other conditions."""
        rest: list[Condition] = []
        # Bounds that leave nothing between them are told one by one.
        lows = {each.field: each for each in operands if isinstance(each, Comparison) and each.operator in _LOWER}
        highs = {each.field: each for each in operands if isinstance(each, Comparison) and each.operator in _UPPER}
        pairs = {name for name in lows.keys() & highs.keys() if lows[name].value <= highs[name].value}  # type: ignore[operator] # of one field, and so of one type
        for operand in operands:
            if (
                not isinstance(operand, Comparison)
                or operand.field not in pairs
                or operand.operator not in (*_LOWER, *_UPPER)
            ):
                rest.append(operand)
            elif operand is lows[operand.field]:
                filters.append(self._pair(operand, highs[operand.field]))
            elif operand is not highs[operand.field]:
                rest.append(operand)
        return rest

    def _pair(self, low: Comparison, high: Comparison) -> Json:
        ends = [self._literal(low), self._literal(high)]
        dated = isinstance(low.value, date) and isinstance(high.value, date)
        if dated and (low.operator, high.operator) == (Operator.GE, Operator.LT):
            return {"field": low.field, "op": "range", "value": ends}
        if isinstance(low.value, Decimal) and isinstance(high.value, Decimal) and self._is_rough(low, high):
            return {"field": low.field, "op": "approx", "value": _number(low.value / Decimal("0.9"))}
        inclusive = [low.operator is Operator.GE, high.operator is Operator.LE]
        return {"field": low.field, "op": "between", "value": ends, "inclusive": inclusive}

    def _is_rough(self, low: Comparison, high: Comparison) -> bool:
        """Return whether two limits stand for one amount that was said to be meant roughly."""
        said = canonical_filter(And((low, high)), self._schema) in self._chosen
        return said and low.value * Decimal("1.1") == high.value * Decimal("0.9")  # type: ignore[operator] # Decimals

    def _list(self, condition: Condition) -> Json | None:
        """Return equalities of one field as a list of its values, None where a condition is none."""
        negative = isinstance(condition, Not)
        inner = condition.operand if isinstance(condition, Not) else condition
        if not isinstance(inner, Or):
            return None
        each = [leaf for leaf in inner.operands if isinstance(leaf, Comparison) and leaf.operator is Operator.EQ]
        if len(each) < len(inner.operands) or len({leaf.field for leaf in each}) > 1:
            return None
        values = [self._literal(leaf) for leaf in each]
        return {"field": each[0].field, "op": "not_in" if negative else "in", "value": values}

    def _leaf(self, condition: Condition) -> Json:
        match condition:
            case Comparison(name, operator):
                return {"field": name, "op": _OPERATORS[operator], "value": self._literal(condition)}
            case FieldComparison(name, operator, other, factor, plus):
                computed = {"factor": _number(factor)} if factor != 1 else {}
                computed |= {"plus": _number(plus)} if plus else {}
                return {"field": name, "op": f"{_OPERATORS[operator]}_field", "value": other, **computed}
            case Present(name):
                return {"field": name, "op": "not_null"}
            case Not(Present(name)):
                return {"field": name, "op": "is_null"}
            case Contains(name, text) | Matches(name, text):
                return {"field": name, "op": "contains", "value": text}
            case Not(Comparison(name, operator) as inner) if operator in _OPPOSITE:
                return {"field": name, "op": _OPERATORS[_OPPOSITE[operator]], "value": self._literal(inner)}
            case Not(operand):
                return {"not": self.conditions(operand, ())}
        return {"all_of": self.conditions(condition, ())}

    def _literal(self, comparison: Comparison) -> Any:
        return self.value(comparison.field, comparison.value)

    def value(self, name: str, value: Value) -> Any:
        """Return a literal of a field: enum values by their label where it is the name itself."""
        match value:
            case datetime():
                return value.date().isoformat() if not value.time().replace(tzinfo=None).hour else value.isoformat()
            case date():
                return value.isoformat()
            case bool():
                return value
            case Decimal() | int():
                return _number(value)
        field = self._schema.by_name[name]
        if field.type is not FieldType.ENUM:
            return value
        of = next(each for each in field.values if each.name == value)
        return of.label if of.label.casefold() == of.name.casefold() else of.stored

    # Figures

    def figures(self, asked: Aggregate) -> Json:
        """Return `aggregate` and what hangs on it."""
        first, *others = (_figure(figure) for figure in asked.aggregations)
        figure = first | ({"group_by": list(asked.group_by)} if asked.group_by else {})
        found: Json = {
            "aggregate": figure | ({"also": others} if others else {}),
            "having": [
                _figure(having.figure) | {"op": _OPERATORS[having.operator], "value": _number(having.value)}
                for having in asked.having
            ],
            "sort": [{"field": _sorted_by(term), "dir": _direction(term.descending)} for term in asked.order],
            "percent": asked.percent,
            "part": self.conditions(asked.part, ())["filters"] if asked.part is not None else [],
            "answer": "yes_no" if asked.yes_no else "",
        }
        return {name: value for name, value in found.items() if value}

    # Changes

    def change(self, change: Change) -> Json:
        """Return one change."""
        shown: Json = {"field": change.field, "op": change.operation.value}
        match change.operation, change.value:
            case ChangeOperation.SHIFT, Shift(months, days):
                return shown | ({"months": months} if months else {}) | ({"days": days} if days or not months else {})
            case ChangeOperation.SCALE, Decimal() as factor:
                return shown | {"factor": _number(factor)}
            case ChangeOperation.ADD, Decimal() as amount:
                return shown | {"amount": _number(amount)}
            case ChangeOperation.RESET, str() as other:
                return shown | {"op": "set", "value": other}
            case _, None | Shift():
                return shown
            case _, value:
                return shown | {"value": self.value(change.field, value)}
        raise AssertionError(change)


def _figure(figure: Aggregation) -> Json:
    return {"func": figure.function.value} | ({"field": figure.field} if figure.field is not None else {})


def _sorted_by(term: FigureSort) -> str:
    if isinstance(term.by, str):
        return term.by
    return "_".join(filter(None, (term.by.function.value, term.by.field)))


def _number(value: Decimal | int) -> int | float:
    return int(value) if value == int(value) else float(value)


def _without_each(filters: list[Json]) -> list[Json]:
    """Return the filters with the values that one field must not have as one list."""
    lists: dict[str, Json] = {}
    kept: list[Json] = []
    for each in filters:
        if each.get("op") not in ("neq", "not_in") or isinstance(each["value"], bool):
            kept.append(each)
        elif each["field"] in lists:
            first: Mapping[str, Any] = lists[each["field"]]
            lists[each["field"]] |= {"op": "not_in", "value": [*_values(first), *_values(each)]}
        else:
            lists[each["field"]] = each
            kept.append(each)
    return kept


def _values(each: Mapping[str, Any]) -> list[Any]:
    return list(each["value"]) if each["op"] == "not_in" else [each["value"]]
