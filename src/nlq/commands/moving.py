"""Moving: what a clause changes by, "two weeks later" or "10 % lower".

Gives `Moving`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from nlq.changes import Change, ChangeOperation, Shift
from nlq.commands.clause import ClauseContext
from nlq.commands.fields import Named
from nlq.commands.outcome import Pending
from nlq.commands.phrases import Distance
from nlq.commands.words import (
    OFF,
    PARTICLES,
    STAYING,
    Act,
)
from nlq.schema import FieldType
from nlq.tagging.tags import Amount

_BEHIND: Final = ("to", "on", "for", "of")
"""Words, as keys, between an amount and what it changes."""
_DAYS_OF_MONTH: Final = 31
_LENGTHS: Final = frozenset(("duration", "length"))
_AMOUNT_VERBS: Final = frozenset(("multiply", "multiplied", "scale", "scaled"))


class Moving:
    """Reads what a clause changes by: lengths of time, shares and factors."""

    def __init__(self, at: ClauseContext) -> None:
        self._at = at

    def _distance(self) -> Distance | None:
        """Return the amount that the clause changes by: the last after "by", else one that no condition has."""
        tokens, last = self._at.tokens, self._at.clause.end
        for index in range(last - 1, self._at.index - 1, -1):
            if tokens[index].key != "by" or self._at.phrases.fields.is_inside(tokens, self._at.index, index):
                continue
            led = self._at.phrases.distance(tokens, index, last)
            if led is not None:
                return led
        found: Distance | None = None
        index = self._at.index
        while index < last:
            distance = (
                self._at.phrases.distance(tokens, index, last) if self._at.phrases.may_begin(tokens[index]) else None
            )
            if distance is not None and self._stands_alone(distance) and index not in self._at.dated:
                found = distance
            index = index + 1 if distance is None else max(distance.end, index + 1)
        return found

    def _stands_alone(self, distance: Distance) -> bool:
        """Return whether an amount is one to change by; "set" and the like need more than a bare one to move dates."""
        verb = self._at.clause.verb
        directed = distance.sign or distance.particle or self._at.with_particle(distance.first) < distance.first
        if not directed and Act.SET in verb.acts and not verb.sign and not self._at.particle:
            return False
        return self._at.phrases.stands_alone(self._at.tokens, distance, self._at.index, self._at.clause.end)

    def changed_by(self) -> bool:
        """Read "by two weeks", "by 10 %"; return whether it is said."""
        distance = self._distance()
        if distance is None:
            return False
        end = self._at.range_end(distance.end)
        if end > distance.end:
            named = self._at.find(distance.first, end, lambda each: each.editable)
            if named is not None:
                self._at.take_named(named)
            return self._at.ask_which(distance.first, end)
        if distance.shift is not None:
            done = self._shifted(distance, distance.shift)
        elif distance.share is not None:
            done = self._scaled(distance, distance.share)
        elif distance.money is not None:
            done = self._added(distance, distance.money)
        else:
            done = self._amount_by(distance)
        if done:
            self._take_distance(distance)
        return done

    def _take_distance(self, distance: Distance) -> None:
        first, end = self._at.with_particle(distance.first), distance.end
        behind = (*OFF, *_BEHIND) if first == self._at.index else _BEHIND
        if end < self._at.clause.end and self._at.tokens[end].key in behind:
            end += 1
        if self._at.tokens[self._at.clause.first].raw.casefold() in ("keep", "kept"):
            while first > self._at.index and self._at.tokens[first - 1].key in STAYING:
                first -= 1
        self._at.take(first, end, "")

    def _amount_by(self, distance: Distance) -> bool:
        """Read "multiply the rate by 1.1"; ask for what a bare number or an amount of money cannot say."""
        verb = self._at.tokens[self._at.clause.first].raw.casefold()
        if distance.number is not None and verb in _AMOUNT_VERBS:
            return self._times(distance.number, distance.first, distance.end)
        said = self._at.text(distance.first, distance.end)
        named = self._at.find(distance.first, distance.end, lambda each: each.editable)
        if named is not None:
            self._at.take_named(named)
        if named is None or named.fields[0].type is not FieldType.MONEY or distance.number is None:
            return self._at.ask(f"“{said}”: of what? Say, for example, “{said} %” or “{said} weeks”.")
        amount = (self._up_or_down(distance) or 0) * distance.number
        options = [tuple(Change(each.name, ChangeOperation.ADD, amount) for each in named.fields)] if amount else []
        return self._at.ask(f"“{said}”: a share, or an amount? Say “{said} %” or “by ${distance.number:,f}”.", options)

    def _shifted(self, distance: Distance, shift: Shift) -> bool:
        """Move dates."""
        acts = self._at.clause.verb.acts
        if not acts - {Act.SCALE, Act.SET, Act.ASSIGN, Act.STATE}:
            return False
        named = self._at.find(distance.first, distance.end, lambda each: each.type is FieldType.DATE)
        sign = self._sign(distance)
        weak = Act.FINISH in acts or Act.BEGIN in acts
        if weak and not distance.sign:
            return False
        if distance.timed:
            return self._at.ask(f"“{self._at.text(distance.first, distance.end)}”: dates move by whole days.")
        if not shift.months and not shift.days:
            return self._at.ask("Moving by nothing changes nothing: by how much?")
        longest = self._at.conventions.longest_shift_months
        if shift.months + shift.days // _DAYS_OF_MONTH > longest:
            said = self._at.text(distance.first, distance.end)
            return self._at.ask(f"“{said}” is more than {longest // 12} years: is that meant? Move by less at a time.")
        if sign == 0:
            return self._ask_which_way(named, distance, shift)
        fields = self._moved(named, distance)
        if not fields:
            return True
        for each in fields:
            self._at.outcome.changes.append(Change(each, ChangeOperation.SHIFT, shift if sign > 0 else -shift))
        if named is not None:
            self._at.take_named(named)
        self._note_months(distance, shift)
        return True

    def _note_months(self, distance: Distance, shift: Shift) -> None:
        if shift.months:
            text = "a month is a calendar month: a day that the month reached lacks becomes its last"
            self._at.note(text, distance.first, distance.end, f"{shift.months} months", (f"{shift.months * 30} days",))

    def _moved(self, named: Named | None, distance: Distance) -> tuple[str, ...]:
        """Return the dates that move, none where that has to be asked."""
        acts = self._at.clause.verb.acts
        start, end = self._at.conventions.period
        lengthens = distance.lengthens or (Act.EXTEND in acts and Act.SHIFT not in acts)
        if named is not None:
            length = self._at.tokens[named.end - 1].key in _LENGTHS
            ends = [each.name for each in named.fields]
            if named.period and (lengthens or length or Act.FINISH in acts):
                return (ends[1],)
            if not named.period and lengthens and self._at.is_start(ends[0]):
                self._at.ask(f"Should the {named.fields[0].label} move earlier or later? Say, for example, “push …”.")
                return ()
            return tuple(ends)
        if Act.BEGIN in acts:
            return (start,)
        first, stop = self._at.clause.first, self._at.clause.start
        others = tuple(pair[1] for pair in self._at.editable_pairs() if pair[1] != end)
        if lengthens or Act.FINISH in acts or Act.SHIFT not in acts:
            text = f"the {self._at.label(end)} moves, because no other date is named"
            self._at.note(text, first, stop, end, others)
            return (end,)
        text = f"both {self._at.label(start)} and {self._at.label(end)} move, because no date is named"
        self._at.note(text, first, stop, f"{start}, {end}", (start, end, *others))
        return (start, end)

    def _sign(self, distance: Distance) -> int:
        """Return which way dates move; 0 where that has to be asked."""
        verb = self._at.clause.verb
        if distance.sign and not (distance.lengthens and verb.sign < 0):
            return distance.sign
        before = self._at.tokens[distance.first - 1].key if distance.first > self._at.clause.start else ""
        particle = self._at.particle or (before if before in PARTICLES else "") or distance.particle
        if particle in PARTICLES:
            if verb.acts & {Act.EXTEND} and Act.SHIFT not in verb.acts:
                return verb.sign
            return PARTICLES[particle][1 - verb.sign]
        if verb.sign:
            return verb.sign
        said = self._at.text(self._at.clause.first, self._at.clause.start)
        self._at.note(f"“{said}” is read as later", self._at.clause.first, self._at.clause.start, "later", ("earlier",))
        return 1

    def _ask_which_way(self, named: Named | None, distance: Distance, shift: Shift) -> bool:
        said = self._at.text(distance.first, distance.end)
        said = said.removeprefix("by ")
        fields = self._moved(named, distance)
        options = [tuple(Change(each, ChangeOperation.SHIFT, way) for each in fields) for way in (shift, -shift)]
        if named is not None:
            self._at.take_named(named)
        text = f"Earlier or later? Say, for example, “move {said} later” or “move {said} earlier”."
        return self._at.ask(text, options if fields else ())

    def _added(self, distance: Distance, money: Amount) -> bool:
        """Add an amount of money to amounts, or take it away: "raise the rate by $500"."""
        said = self._at.text(distance.first, distance.end)
        if money.foreign:
            return self._at.ask(f"“{said}”: which amount is that in the currency of the records?")
        sign = self._up_or_down(distance)
        if sign is None:
            return False
        if not money.value:
            return self._at.ask("Changing by nothing changes nothing: by how much?")
        amounts = [money.value, -money.value]
        if not sign:
            return self._ask_up_or_down(distance, ChangeOperation.ADD, amounts)
        return self._changed(ChangeOperation.ADD, sign * money.value, distance.first, distance.end)

    def _up_or_down(self, distance: Distance) -> int | None:
        """Return which way an amount changes, 0 where that has to be asked; None where the verb changes none."""
        verb = self._at.clause.verb
        before = self._at.tokens[distance.first - 1].key if distance.first > self._at.clause.start else ""
        beside = {self._at.particle, before, distance.particle}
        directed = 1 if "up" in beside else -1 if beside & {"down", "back"} else 0
        if Act.SCALE not in verb.acts and not (directed and Act.SHIFT in verb.acts):
            return None
        sign = distance.sign or directed
        if not sign and (Act.SHIFT not in verb.acts or verb.sign == 0):
            sign = verb.sign
        return sign

    def _scaled(self, distance: Distance, share: Decimal) -> bool:
        """Change amounts by a share."""
        sign = self._up_or_down(distance)
        if sign is None:
            return False
        if not sign:
            factors = [factor for factor in (1 + share, 1 - share) if share and factor > 0]
            return self._ask_up_or_down(distance, ChangeOperation.SCALE, factors)
        factor = 1 + sign * share
        if factor <= 0 or not share:
            return self._at.ask(f"“{self._at.text(distance.first, distance.end)}”: which amount should it become?")
        return self._times(factor, distance.first, distance.end)

    def _ask_up_or_down(self, distance: Distance, operation: ChangeOperation, values: Sequence[Decimal]) -> bool:
        said = self._at.text(distance.first, distance.end)
        named = self._at.find(distance.first, distance.end, lambda each: each.type is FieldType.MONEY)
        options: list[tuple[Change, ...]] = []
        if named is not None:
            self._at.take_named(named)
            names = [each.name for each in named.fields]
            options = [tuple(Change(each, operation, value) for each in names) for value in values]
        return self._at.ask(f"“{said}”: up or down? Say “increase … {said}” or “reduce … {said}”.", options)

    def _times(self, factor: Decimal, first: int, end: int) -> bool:
        """Multiply the amounts that are named, or those that the records decide."""
        return self._changed(ChangeOperation.SCALE, factor, first, end)

    def _changed(self, operation: ChangeOperation, value: Decimal, first: int, end: int) -> bool:
        """Change the amounts that are named, or those that the records decide."""
        named = self._at.find(first, end, lambda each: each.type is FieldType.MONEY)
        if named is None:
            self._at.outcome.pending.append(Pending(operation, value, first, end))
            return True
        for each in named.fields:
            self._at.outcome.changes.append(Change(each.name, operation, value))
        self._at.take_named(named)
        return True

    def multiplied(self) -> bool:
        """Read "double the rates"."""
        named = self._at.find(self._at.index, self._at.index, lambda each: each.type is FieldType.MONEY)
        return named is not None and self._times(Decimal(self._at.clause.verb.factor), self._at.index, self._at.index)
