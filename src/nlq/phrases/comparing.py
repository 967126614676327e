"""Comparing: two fields of one record as a condition, with the margin that was said ("by more than 10 %").

Gives `AgainstTerm`, `against`, `add_margin`, `Margin` and `lasting`. A part of the other side multiplies it, an amount
or a number of days moves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from nlq.amounts.durations import DurationReading
from nlq.phrases.parts import AgainstPart, LastingPart, Step
from nlq.phrases.terms import Term
from nlq.query import And, Condition, FieldComparison, Not, Operator, Or
from nlq.schema import FieldSpec, FieldType, Layer, Schema
from nlq.tagging.tags import Amount, Event

_MONTH_DAYS: Final = Decimal("30.44")
_ORDERED: Final = (FieldType.MONEY, FieldType.INTEGER, FieldType.DATE, FieldType.TIME)
"""Types of fields of which one can be more than another."""
_UP: Final = (Operator.GT, Operator.GE)
_DOWN: Final = (Operator.LT, Operator.LE)
_MIRRORED: Final = {
    Operator.GT: Operator.LT,
    Operator.GE: Operator.LE,
    Operator.LT: Operator.GT,
    Operator.LE: Operator.GE,
}
MAX_DAYS: Final = 36_500
"""Most days that a date is moved by."""


@dataclass(slots=True)
class AgainstTerm(Term):
    """A condition on two fields of one record, or one that a phrase stands for."""

    stated: Condition
    others: tuple[Condition, ...] = ()
    """What else can be meant, where the question leaves it open."""
    assumed: bool = False
    """Whether it was left open which fields are meant."""
    note: str = ""
    """How it was settled."""

    def condition(self) -> Condition:
        """Return the condition, negated where it was."""
        if self.negative and isinstance(self.stated, And):
            return Or(tuple(Not(each) for each in self.stated.operands))
        return Not(self.stated) if self.negative else self.stated


@dataclass(slots=True)
class Margin:
    """How far one side is from the other: a part of it, an amount, or days. One of the three."""

    first: int
    end: int
    operator: Operator | None
    share: Decimal | None = None
    amount: Amount | None = None
    duration: DurationReading | None = None
    upper: Margin | None = None
    """The larger of two between which it is: "between 5k and 10k over plan"."""


def against(part: AgainstPart, layers: Mapping[str, int], schema: Schema) -> AgainstTerm | None:
    """Return the term of two fields, None where they cannot be compared. `layers` are as `layer_places` gives them."""
    field = part.field
    others: tuple[FieldSpec, ...] = ()
    if part.event is not None:
        field, others = _of_event(part.event, part.other, layers)
    elif field is None:
        field = schema.by_name.get(schema.conventions.compared.get(part.other.name, ""))
        others = tuple(
            schema.by_name[layer.cost]
            for layer in schema.conventions.dates.layers
            if part.other.type is FieldType.MONEY and layer.cost not in (part.other.name, field.name if field else "")
        )
    if field is None or field.type is not part.other.type or field is part.other or field.type is FieldType.NAMES:
        return None  # lists of fields hold one or not, and are compared with nothing
    if field.name in schema.conventions.gaps or part.other.name in schema.conventions.gaps:
        return None  # no record has what is computed of two fields
    plus = _plus(part.step, field)
    alike = field.type in _ORDERED or part.operator in (Operator.EQ, Operator.NE)
    if plus is None or not alike or field.values != part.other.values:
        return None
    stated = FieldComparison(field.name, part.operator, part.other.name, part.factor, plus)
    term = AgainstTerm(part.first, part.end, False, False, False, stated)
    if part.field is None:
        term.assumed = True
        term.others = tuple(replace(stated, field=other.name) for other in others)
        term.note = f"the {field.label} is compared with the {part.other.label}, because the question names no other"
    return term


def _of_event(
    event: Event, other: FieldSpec, layers: Mapping[str, int]
) -> tuple[FieldSpec | None, tuple[FieldSpec, ...]]:
    """Return the end that an event means beside another field: of the first layer that is not the other's."""
    fields = [each for each in (event.field, *event.others) if layers.get(each.name) != layers.get(other.name)]
    return (fields[0], tuple(fields[1:])) if fields else (None, ())


def layer_places(schema: Schema) -> dict[str, int]:
    """Return for each field that bounds a layer the layer's place."""
    layers = schema.conventions.dates.layers
    return {name: place for place, layer in enumerate(layers) for name in (layer.start, layer.end)}


def _plus(step: Step | None, field: FieldSpec) -> Decimal | int | None:
    """Return how far the other side is moved, None where that does not fit the field."""
    if step is None:
        return 0
    if field.type is FieldType.MONEY and isinstance(step.amount, Amount) and not step.amount.foreign:
        return step.sign * step.amount.value if _is_kept(step.amount.value) else None
    if field.type is FieldType.DATE and isinstance(step.amount, DurationReading):
        days = days_of(step.amount)
        return step.sign * days if days <= MAX_DAYS else None
    return None


def _is_kept(value: Decimal) -> bool:
    """Return whether an amount fits a comparison: few decimals, and not beyond any cost."""
    return abs(value) < 10**12 and value == round(value, 6)  # the largest cannot be rounded


def days_of(duration: DurationReading) -> int:
    """Return a length of time in days, a month being 30.44 of them."""
    return int((duration.months * _MONTH_DAYS).to_integral_value(ROUND_HALF_EVEN)) + duration.days


def lasting(layer: Layer, part: LastingPart) -> Condition | None:
    """Return the condition on how long a layer lasts, None where that is beyond any."""
    limits = [(part.operator or Operator.EQ, part.duration)]
    if part.upper is not None:
        limits = [(Operator.GE, part.duration), (Operator.LE, part.upper)]
    stated = [FieldComparison(layer.end, operator, layer.start, plus=days_of(said)) for operator, said in limits]
    if any(each.plus > MAX_DAYS for each in stated):
        return None
    return And(tuple(stated)) if len(stated) > 1 else stated[0]


def add_margin(term: AgainstTerm, margin: Margin, schema: Schema) -> bool:
    """Widen the gap that a term asks for by a margin; return whether it fits the fields."""
    if margin.upper is None:
        return _widen(term, margin, schema)
    low, high = replace(term), replace(term)
    if not (_widen(low, margin, schema) and _widen(high, margin.upper, schema)) or not isinstance(high.stated, And):
        return False
    term.stated = And((low.stated, high.stated.operands[-1]))
    term.others, term.first, term.end = (), low.first, low.end
    return True


def _widen(term: AgainstTerm, margin: Margin, schema: Schema) -> bool:
    """Widen the gap that a term asks for by one margin; return whether it fits the fields."""
    base = term.stated
    if not isinstance(base, FieldComparison) or base.operator not in (*_UP, *_DOWN):
        return False
    moved = _moved(base, margin, schema)
    if moved is None:
        return False
    asked = margin.operator
    down = base.operator in _DOWN
    if asked is None or asked is Operator.EQ:
        operator = Operator.LE if down else Operator.GE
    elif asked in (*_UP, *_DOWN):
        operator = _MIRRORED[asked] if down else asked
    else:
        return False
    widened = replace(moved, operator=operator)
    # "less than 10 % over plan" is over plan, too.
    inner = asked in _DOWN
    term.stated = And((base, widened)) if inner else widened
    term.others = () if inner else tuple(_with(widened, other) for other in term.others if _is_plain(other))
    term.first, term.end = min(term.first, margin.first), max(term.end, margin.end)
    return True


def _is_plain(condition: Condition) -> bool:
    return isinstance(condition, FieldComparison)


def _with(widened: FieldComparison, other: Condition) -> Condition:
    """Return another reading with the same margin."""
    assert isinstance(other, FieldComparison)  # noqa: S101 - the caller looked
    return replace(widened, field=other.field, other=other.other)


def _moved(base: FieldComparison, margin: Margin, schema: Schema) -> FieldComparison | None:
    """Return the comparison with the other side moved by the margin, None where that does not fit its type."""
    type_ = schema.by_name[base.field].type
    if base.factor != 1 or base.plus:
        return None
    sign = -1 if base.operator in _DOWN else 1
    if margin.share is not None and type_ is FieldType.MONEY:
        factor = 1 + sign * margin.share
        return replace(base, factor=factor) if factor > 0 and factor == round(factor, 6) else None
    if margin.amount is not None and type_ is FieldType.MONEY and not margin.amount.foreign:
        value = margin.amount.value
        return replace(base, plus=sign * value) if _is_kept(value) else None
    if margin.duration is not None and type_ is FieldType.DATE:
        days = days_of(margin.duration)
        return replace(base, plus=sign * days) if days <= MAX_DAYS else None
    return None
