"""The changes of a command carried out on a record: `compiled`. What they come to depends on the record's state.

All changes of a command see the record as it was before the first of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final

from nlq.changes import Change, ChangeOperation, Shift
from nlq.dates.periods import shift as shifted
from nlq.schema import FieldType
from pfa_rpc.records.cost import divide_half_even
from pfa_rpc.records.edited import NOT_ON_SITE, Edited, Note, editor, why_fixed
from pfa_rpc.records.encode import Values
from pfa_rpc.records.entered import NotTaken, entered
from pfa_rpc.records.remembered import Remembered
from pfa_rpc.records.rules import BrokenRule
from pfa_rpc.records.vectors import Vector
from pfa_rpc.schema import BY_NAME, Field

_MOVED: Final = ("forecast_start", "forecast_end", "actual_end")
_FORECAST: Final = ("forecast_start", "forecast_end")
_CENT: Final = 100
"""In ten-thousandths, which amounts are kept in."""
_FACTOR_DIGITS: Final = 30
_FARTHEST: Final = date.max.toordinal()
_START_FIXED: Final = BrokenRule("forecast_start", "on site: its start does not move any more")
_NO_END: Final = BrokenRule("forecast_end", "still on site, and no forecast end to move")


@dataclass(slots=True)
class _Draft:
    """What the steps of a command have come to."""

    updates: Values = field(default_factory=dict)
    broken: list[BrokenRule] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


_Step = Callable[[Values, _Draft], None]


def refused_changes(changes: Sequence[Change]) -> list[BrokenRule]:
    """Return the rules that changes break whatever the record; each record that they are applied to breaks them too."""
    broken = []
    times = Counter(change.field for change in changes)
    for change in changes:
        reason = _why_refused(change)
        if reason is None and times[change.field] > 1:
            reason = "changed more than once"
        if reason is not None:
            broken.append(BrokenRule(change.field, reason))
    return list(dict.fromkeys(broken))


def compiled(changes: Sequence[Change]) -> Callable[[Values], Edited]:
    """Return the function that applies changes to a record, which it leaves as it is.

    On an actualized record, to move the forecast or its end is to move the actual end; where it has none yet, the
    forecast end. What moves must be there: a date or an amount that is missing is a broken rule.
    """
    refused = refused_changes(changes)
    wrong = {broken.field for broken in refused}
    sound = [change for change in changes if change.field not in wrong]
    steps = _steps(sound)
    names = {change.field for change in sound}
    moves = any(change.operation is ChangeOperation.SHIFT for change in sound)
    carry_out = editor(frozenset(names.union(_MOVED) if moves else names))

    def apply(values: Values) -> Edited:
        draft = _Draft(broken=refused.copy())
        for step in steps:
            step(values, draft)
        return carry_out(values, draft.updates, draft.broken, draft.notes)

    return apply


def _why_refused(change: Change) -> str | None:
    """Return why a change can be made to no record; None where it can."""
    changed = BY_NAME.get(change.field)
    if changed is None:
        return "no such field"
    if not changed.editable:
        return why_fixed(changed)
    match change:
        case Change(_, ChangeOperation.SET, value):
            return _why_no_value(changed, value)
        case Change(_, ChangeOperation.CLEAR):
            return f"{changed.label} is missing" if changed.required else None
        case Change(_, ChangeOperation.SHIFT, Shift() as shift) if changed.type is FieldType.DATE:
            is_near = max(abs(shift.months), abs(shift.days)) <= _FARTHEST
            return None if is_near else f"{changed.label} would be beyond the calendar"
        case Change(_, ChangeOperation.SCALE, Decimal() as factor) if changed.type is FieldType.MONEY:
            is_sound = factor.is_finite() and (not factor or abs(factor.adjusted()) < _FACTOR_DIGITS)
            return None if is_sound else f"{changed.label} cannot be multiplied by that"
        case Change(_, ChangeOperation.ADD, Decimal() as amount) if changed.type is FieldType.MONEY:
            return _why_no_value(changed, abs(amount))
        case Change(_, ChangeOperation.RESET, str() as other) if _same_kind(changed, BY_NAME.get(other)):
            return None
    return f"{changed.label} cannot be changed so"


def _why_no_value(changed: Field, value: Any) -> str | None:
    if value is None:
        return f"{changed.label} is missing"
    try:
        _literal(changed, value)
    except NotTaken as refusal:
        return str(refusal)
    return None


def _same_kind(changed: Field, other: Field | None) -> bool:
    """Tell whether a field can get the values of another."""
    if other is None or other.type is not changed.type or other.values != changed.values:
        return False
    return other.decimals <= changed.decimals


def _literal(changed: Field, value: Any) -> Any:
    """Return a literal of a tree as a value of its field."""
    if changed.type is FieldType.ENUM:
        value = next((each.stored for each in changed.values if each.name == value), value)
    elif changed.type is FieldType.MONEY and isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value)
    return entered(changed.name, value)


def _steps(changes: Sequence[Change]) -> list[_Step]:
    shifts = {c.field: c.value for c in changes if isinstance(c.value, Shift)}
    others = [change for change in changes if change.operation is not ChangeOperation.SHIFT]
    steps = [_moving(shifts)] if shifts else []
    steps += [_step(BY_NAME[change.field], change) for change in others]
    if any(change.field in _FORECAST for change in others):
        steps.append(_note_forecast)
    return steps


def _step(changed: Field, change: Change) -> _Step:
    match change:
        case Change(_, ChangeOperation.SCALE, Decimal() as factor):
            return partial(_scale, changed, *factor.as_integer_ratio())
        case Change(_, ChangeOperation.ADD, Decimal() as amount):
            added = _literal(changed, abs(amount))
            return partial(_add, changed, -added if amount < 0 else added)
        case Change(_, ChangeOperation.RESET, str() as other):
            return partial(_reset, changed, BY_NAME[other])
        case Change(name, ChangeOperation.SET, value):
            return partial(_set, name, _literal(changed, value))
        case _:
            return partial(_set, change.field, None)


def _set(name: str, value: Any, _values: Values, draft: _Draft) -> None:
    draft.updates[name] = value


def _scale(changed: Field, numerator: int, denominator: int, values: Values, draft: _Draft) -> None:
    """Multiply an amount, rounded half to even to cents: PEMS may refuse what is finer, which nobody asked for."""
    amount = values[changed.name]
    if amount is None:
        draft.broken.append(BrokenRule(changed.name, f"no {changed.label} to change"))
    else:
        draft.updates[changed.name] = _CENT * divide_half_even(amount * numerator, denominator * _CENT)


def _add(changed: Field, added: int, values: Values, draft: _Draft) -> None:
    """Add to an amount, or take away from it; what would be below zero is refused by the rule for all amounts."""
    amount = values[changed.name]
    if amount is None:
        draft.broken.append(BrokenRule(changed.name, f"no {changed.label} to change"))
    else:
        draft.updates[changed.name] = amount + added


def _reset(changed: Field, other: Field, values: Values, draft: _Draft) -> None:
    value = values[other.name]
    if value is None:
        draft.broken.append(BrokenRule(changed.name, f"no {other.label} to take over"))
    else:
        finer = changed.decimals - other.decimals
        draft.updates[changed.name] = value * 10**finer if finer else value


def _note_forecast(values: Values, draft: _Draft) -> None:
    if values["is_actualized"]:
        draft.notes.append(Note.FORECAST_ONLY)


def _mover(shift: Shift) -> Callable[[Any], Any]:
    """Return the function day → day so much later; it raises OverflowError or ValueError beyond the calendar."""
    if not shift.months:
        distance = timedelta(days=shift.days)
        return lambda day: day + distance
    later = Remembered(lambda day: shifted(day, shift.months, shift.days)).__getitem__
    return lambda day: day.mapped_days(later) if isinstance(day, Vector) else later(day)


def _moving(shifts: dict[str, Shift]) -> _Step:
    """Return the step that moves dates."""
    movers = {name: partial(_move, name, _mover(shift)) for name, shift in shifts.items()}
    planned = [mover for name, mover in movers.items() if name != "actual_end"]
    ends = [shifts[name] for name in ("actual_end", "forecast_end") if name in shifts]
    actual_end = partial(_move, "actual_end", _mover(ends[0])) if ends else None
    forecast_end = partial(_move, "forecast_end", _mover(ends[-1])) if ends else None

    def move_on_site(values: Values, draft: _Draft) -> None:
        if actual_end is None or forecast_end is None:
            draft.broken.append(_START_FIXED)
        elif values["actual_end"] is not None:
            actual_end(values, draft)
            if planned:
                draft.notes.append(Note.ACTUAL_END_MOVES)
        elif values["forecast_end"] is not None:
            forecast_end(values, draft)
            draft.notes.append(Note.FORECAST_END_MOVES)
        else:
            draft.broken.append(_NO_END)

    def move(values: Values, draft: _Draft) -> None:
        if values["is_actualized"]:
            move_on_site(values, draft)
            return
        for mover in planned:
            mover(values, draft)
        if "actual_end" in movers:
            draft.broken.append(NOT_ON_SITE)

    return move


def _move(name: str, mover: Callable[[Any], Any], values: Values, draft: _Draft) -> None:
    day = values[name]
    if day is None:
        draft.broken.append(BrokenRule(name, f"no {BY_NAME[name].label} to move"))
        return
    try:
        draft.updates[name] = mover(day)
    except (OverflowError, ValueError):
        draft.broken.append(BrokenRule(name, f"{BY_NAME[name].label} would be beyond the calendar"))
