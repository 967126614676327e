"""Lending dates: what a date of a follow-up is of, where only the question before can tell.

Gives `lend_dates` and `lend_window`. "next month" alone asks for what overlaps with it; after "forecast end this month"
it is that end, and after "total forecast cost" the days whose costs are meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nlq.followups.conjuncts import about, conjuncts
from nlq.phrases.dating import of_field, overlap
from nlq.phrases.parts import DatedPart, Part
from nlq.phrases.windows import can_have_window
from nlq.query import Comparison, Condition, Operator, Query, Window
from nlq.schema import FieldSpec, FieldType, Layer, Schema

_DATED = frozenset((FieldType.DATE, FieldType.TIME))


def lend_dates(
    stated: Sequence[Condition], parts: Iterable[Part], before: Sequence[Condition], schema: Schema
) -> list[Condition]:
    """Return the conditions stated, dates without a field given what the dates of the question before are of."""
    dates = [part for part in parts if isinstance(part, DatedPart)]
    if not schema.conventions.dates.layers or any(part.field is not None for part in dates):
        return list(stated)
    of = _asked(before, schema)
    for part in dates:
        meant = _by_convention(part, schema)
        if of is None or not meant or not set(meant) <= set(stated) or not _fits(part, of):
            continue
        stated = [*(each for each in stated if each not in meant), *conjuncts(_dated(of, part, schema))]
    return list(stated)


def lend_window(
    stated: Sequence[Condition], parts: Iterable[Part], before: Query, schema: Schema
) -> tuple[list[Condition], Window | None]:
    """Return the conditions stated without a date that says of which days costs are meant, and these days.

    That is a date that nothing binds, behind a question for sums of costs whose records no date picks.
    """
    asked, dates = before.aggregate, [part for part in parts if isinstance(part, DatedPart)]
    unbound = len(dates) == 1 and dates[0].field is None and dates[0].event is None and not dates[0].within
    if asked is None or not unbound or not can_have_window(asked, schema):
        return list(stated), None
    if any(_is_dated(each, schema) for each in conjuncts(before.where)):
        return list(stated), None
    meant = _by_convention(dates[0], schema)
    if not meant or not set(meant) <= set(stated):
        return list(stated), None
    window = Window(dates[0].date.start, dates[0].date.stop)
    return [each for each in stated if each not in meant], window


def _asked(before: Sequence[Condition], schema: Schema) -> FieldSpec | Layer | None:
    """Return the one field that dates were asked of, or the period that was to overlap with them; None for none."""
    dated = [each for each in before if _is_dated(each, schema)]
    names = {name for each in dated for name in about(each, schema)}
    if len(names) == 1:
        return schema.by_name[names.pop()]
    for layer in schema.conventions.dates.layers:
        if names == {layer.start, layer.end} and all(_overlaps(each, layer) for each in dated):
            return layer
    return None


def _is_dated(condition: Condition, schema: Schema) -> bool:
    return isinstance(condition, Comparison) and schema.by_name[condition.field].type in _DATED


def _overlaps(condition: Condition, layer: Layer) -> bool:
    match condition:
        case Comparison(name, Operator.LT):
            return name == layer.start
        case Comparison(name, Operator.GE):
            return name == layer.end
    return False


def _by_convention(part: DatedPart, schema: Schema) -> tuple[Condition, ...]:
    """Return the conditions that a date has where nothing says what it is of."""
    start, stop = part.date.start, part.date.stop
    if part.event is not None:
        return conjuncts(of_field(part.event.field, start, stop))
    return conjuncts(overlap(schema.conventions.dates.layers[0], start, stop, schema))


def _fits(part: DatedPart, of: FieldSpec | Layer) -> bool:
    """Return whether a date can be of what the question before asked for: an event is one of its own ends only."""
    if part.event is None:
        return not (part.within and not isinstance(of, Layer))
    return not isinstance(of, Layer) and any(each.name == of.name for each in part.event.others)


def _dated(of: FieldSpec | Layer, part: DatedPart, schema: Schema) -> Condition | None:
    start, stop = part.date.start, part.date.stop
    return overlap(of, start, stop, schema) if isinstance(of, Layer) else of_field(of, start, stop)
