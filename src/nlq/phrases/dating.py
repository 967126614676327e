"""Dating: which end of which period a date is of, and the condition that it gives.

Gives `settle_dates`. A date takes the field or the event named beside
it, or those of the date joined to it; where none is named it asks for what overlaps with it. What was not said is
settled by the conventions, and reported with the alternatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from nlq.dates.conventions import RANGE_REVERSED
from nlq.dates.limits import Manner
from nlq.phrases.comparing import AgainstTerm
from nlq.phrases.terms import DateTerm, FlagTerm, Term, ValueTerm
from nlq.query import Comparison, Condition, Operator, conjunction
from nlq.schema import FieldSpec, FieldType, Layer, Schema
from nlq.tagging.changed import is_changed
from nlq.tagging.tags import Event

_DAY: Final = timedelta(days=1)
INVALID_DATE: Final = "invalid_date"
REVERSED_RANGE: Final = "reversed_range"


@dataclass(slots=True)
class DateChoice:
    """How a date was settled that the question leaves open."""

    term: DateTerm
    text: str
    chosen: str
    others: tuple[str, ...]


@dataclass(slots=True)
class Dated:
    """What became of the dates of one question."""

    choices: list[DateChoice] = field(default_factory=list)
    refused: list[tuple[DateTerm, str]] = field(default_factory=list)
    """Dates that do not exist, and why."""
    remarks: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)


def settle_dates(terms: Sequence[Term], schema: Schema, asked: FieldSpec | None) -> Dated:
    """Give every date its condition. `asked` is the field whose values are asked for ("who"), if one is."""
    dated = Dated()
    asked = asked or _changer(terms, schema)
    before: Term | None = None
    awaited: FieldSpec | None = None
    for term in terms:
        if isinstance(term, DateTerm):
            _inherit(term, before)
            _await(term, awaited, dated)
            if term.date.invalid:
                dated.refused.append((term, term.date.invalid))
                dated.codes.append(INVALID_DATE)
            else:
                _settle(term, before, schema, asked, dated)
        awaited = awaited if isinstance(term, ValueTerm) else _awaited(term, schema)
        before = term
    return dated


def _awaited(term: Term, schema: Schema) -> FieldSpec | None:
    """Return the field of the day that a state comes to be which a term says is still to come, None for others."""
    if not isinstance(term, FlagTerm) or term.state is not False or term.negative:
        return None
    name = schema.conventions.dates.awaited.get(term.field.name)
    return schema.by_name[name] if name is not None else None


def _await(term: DateTerm, awaited: FieldSpec | None, dated: Dated) -> None:
    """Let a date behind what is still to come be of the day that it comes: "pumps to be delivered next week"."""
    if awaited is None or term.is_bound or term.alternative or term.layer is not None:
        return
    term.field = awaited
    text = f"the date is the {awaited.label}, because the question is about what is still to come"
    dated.choices.append(DateChoice(term, text, awaited.name, ()))


def _changer(terms: Sequence[Term], schema: Schema) -> FieldSpec | None:
    """Return the field of who made changes where the question tells of some, None elsewhere.

    It names who made them, or says which fields were changed: "pumps modified by maria in Silo 4 last week".
    """
    conventions = schema.conventions
    people = [term.field for term in terms if isinstance(term, ValueTerm) and term.field.type is FieldType.TEXT]
    named = next((field for field in people if field.name in conventions.dates.recorded), None)
    told = (term.stated for term in terms if isinstance(term, AgainstTerm))
    if named is not None or not any(is_changed(stated, conventions.changed.field) for stated in told):
        return named
    return next((schema.by_name[name] for name in conventions.dates.deeds), None)


def _inherit(term: DateTerm, before: Term | None) -> None:
    """Let a date that goes on with a list be of what the date before it is of."""
    if isinstance(before, DateTerm) and term.linked and not term.is_bound:
        term.field, term.event, term.layer = before.field, before.event, term.layer or before.layer
        term.within = before.within or not before.is_bound


def _settle(term: DateTerm, before: Term | None, schema: Schema, asked: FieldSpec | None, dated: Dated) -> None:
    start, stop = term.date.start, term.date.stop
    if term.date.is_reversed:
        dated.remarks.append(RANGE_REVERSED)
        dated.codes.append(REVERSED_RANGE)
    if not term.is_bound:
        term.field = _recorded(before, schema, asked, term.first)
    if term.field is not None:
        term.resolved = of_field(term.field, start, stop)
    elif term.event is not None:
        _settle_event(term, term.event, (start, stop), dated)
    else:
        _settle_within(term, start, stop, schema, dated)
    if term.date.conventions and term.resolved is not None:
        text = " ".join(convention for convention in term.date.conventions if convention != RANGE_REVERSED)
        dated.choices.append(DateChoice(term, text, "", ()))


def _recorded(before: Term | None, schema: Schema, asked: FieldSpec | None, first: int) -> FieldSpec | None:
    """Return the field that a date beside a person who changed a record is of, or right behind what has happened."""
    recorded = schema.conventions.dates.recorded
    if isinstance(before, FlagTerm) and before.state and not before.negative and before.end == first:
        happened = schema.conventions.dates.happened.get(before.field.name)
        return schema.by_name[happened] if happened is not None else None
    for who in (before.field if isinstance(before, ValueTerm) else None, asked):
        if who is not None and who.name in recorded:
            return schema.by_name[recorded[who.name]]
    return None


def _settle_event(term: DateTerm, event: Event, days: tuple[date | None, date | None], dated: Dated) -> None:
    """Take an event as the end of the layer that was said, or of the first."""
    ends = (event.field, *event.others)
    chosen = next((each for each in ends if term.layer is not None and _bounds(term.layer, each)), event.field)
    term.resolved = of_field(chosen, *days)
    if term.layer is None and event.others:
        text = f"the date is the {chosen.label}, because the question does not say of which period"
        names = tuple(each.name for each in ends if each is not chosen)
        dated.choices.append(DateChoice(term, text, chosen.name, names))


def _bounds(layer: Layer, end: FieldSpec) -> bool:
    return end.name in (layer.start, layer.end)


def _settle_within(term: DateTerm, start: date | None, stop: date | None, schema: Schema, dated: Dated) -> None:
    """Ask for what overlaps with a date: what starts before it is over, and ends when it has begun or later."""
    layers = schema.conventions.dates.layers
    if not layers:
        return
    layer = term.layer or layers[0]
    if term.date.manner is Manner.AS_OF and start is not None:
        stop = start + _DAY
    if term.date.manner is Manner.THROUGHOUT and start is not None and stop is not None:
        term.resolved = overlap(layer, stop - _DAY, start + _DAY, schema)
    else:
        term.resolved = overlap(layer, start, stop, schema)
    if term.layer is not None:
        return
    period = f"{layer.name} period"
    if term.within:
        text = f"the {period} is meant, because the question does not say of which"
        others = tuple(f"{each.name} period" for each in layers if each is not layer)
    else:
        text = f"records whose {period} overlaps with the date are meant, because the question names no date of theirs"
        period = layer.start
        others = (layer.start, layer.end)
    dated.choices.append(DateChoice(term, text, period, others))


def overlap(layer: Layer, start: date | None, stop: date | None, schema: Schema) -> Condition | None:
    """Return the condition that a layer's period has a day from one to before another."""
    begins = Comparison(schema.by_name[layer.start].name, Operator.LT, stop) if stop is not None else None
    ends = Comparison(schema.by_name[layer.end].name, Operator.GE, start) if start is not None else None
    return conjunction(begins, ends)


def of_field(end: FieldSpec, start: date | None, stop: date | None) -> Condition | None:
    """Return the condition that a field lies from one day to before another."""
    low = Comparison(end.name, Operator.GE, _moment(end, start)) if start is not None else None
    high = Comparison(end.name, Operator.LT, _moment(end, stop)) if stop is not None else None
    return conjunction(low, high)


def _moment(end: FieldSpec, day: date) -> date:
    """Return a day as the field holds it: as its first moment, where it holds times."""
    return datetime.combine(day, time(), UTC) if end.type is FieldType.TIME else day
