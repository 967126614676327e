"""Setting: values, days and amounts that fields are to get, and values that they get back.

Gives `Setting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from nlq.changes import Change, ChangeOperation
from nlq.commands.clause import ClauseContext
from nlq.commands.fields import Named
from nlq.commands.outcome import Pending, refusal_of
from nlq.commands.phrases import Target
from nlq.commands.targets import Targets
from nlq.commands.words import (
    Act,
)
from nlq.normalize import Kind, Token
from nlq.query import Value
from nlq.schema import FieldSpec

_TO: Final = frozenset(("to", "into"))
_ONE_DAY: Final = timedelta(days=1)


def _is_code(token: Token) -> bool:
    """Return whether a token tells values of one name apart: the 99 of "Silo 99", the Z of "Yard Z"."""
    return token.kind is Kind.NUMBER or (len(token.raw) == 1 and token.raw.isupper())


class Setting:
    """Reads what a clause changes to."""

    def __init__(self, at: ClauseContext, targets: Targets) -> None:
        self._at = at
        self._targets = targets

    def changed_to(self) -> bool:
        """Read "to Silo 5", "to $4,500", "until June 30", and what "and" adds to it; return whether it is said."""
        found = self._targets.said_target()
        while found is not None:
            named, index, target = found
            if not self.set(named, target):
                return False
            if named is not None:
                self._targets.take_from(named, index)
            self._at.take(self._at.with_particle(index), target.end, "")
            if named is not None:
                self._at.take_named(named)
            found = self._targets.next_target(target.end)
        return bool(
            self._at.outcome.changes or self._at.outcome.pending or self._at.outcome.ask or self._at.outcome.invalid
        )

    def unknown_value(self) -> bool:
        """Say that no record has what is named behind "to": "to Silo 99"; return whether that was said."""
        at, fields = self._at, self._at.phrases.fields
        if at.head is not None:
            return False
        for index in range(at.index, at.clause.end - 2):
            found = fields.field(at.tokens, index + 1, at.clause.end) if at.tokens[index].key in _TO else None
            if found is None or not found[1].named or found[0] >= at.clause.end or not _is_code(at.tokens[found[0]]):
                continue
            end, spec = found
            if all(fields.value_end(at.tokens, start) is None for start in range(index + 1, end + 1)):
                at.outcome.unread.append((index + 1, end + 1))
                return self._ask_for_new(spec, Target(index + 1, end + 1))
        return False

    def set(self, named: Named | None, target: Target) -> bool:
        """Write down what a value changes; return whether it is one that can be given."""
        if target.resets:
            return self._reset(named)
        if target.other is not None:
            return self._take_over(named, target.other, target)
        if target.flag is not None:
            undone = self._at.clause.verb.sign < 0 and Act.STATE in self._at.clause.verb.acts
            self.give(target.flag.field.name, target.flag.state is not undone)
        elif target.state is not None and named is not None:
            self.give(named.fields[0].name, target.state)
        elif target.when is not None:
            return self._set_dates(named, target)
        elif target.amount is not None:
            return self._set_amount(named, target)
        elif target.text:
            self._give_new(named, target)
        else:
            self._give_value(named, target)
        return True

    def give(self, name: str, value: Value) -> None:
        """Write down that a field gets a value."""
        self._at.outcome.changes.append(Change(name, ChangeOperation.SET, value))

    def _give_new(self, named: Named | None, target: Target) -> None:
        """Give a value that no record has yet."""
        spec = target.label or (named.fields[0] if named is not None else None)
        if spec is not None:
            text = f"{target.text} is a new {spec.label}: no record has it yet"
            self._at.note(text, target.first, target.end, target.text, ())
            self.give(spec.name, target.text)

    def _give_value(self, named: Named | None, target: Target) -> None:
        """Give a value of the vocabulary to its field."""
        wanted = named.fields[0] if named is not None else target.label
        fitting = [each for each in target.meanings if wanted is None or each.field is wanted]
        chosen = next((each for each in fitting if each.field.editable), fitting[0] if fitting else target.meanings[0])
        others = tuple(each.field.name for each in target.meanings if each is not chosen and each.field.editable)
        if others and wanted is None:
            text = f"{chosen.value} is read as a {chosen.field.label}; name the field to mean another"
            self._at.note(text, target.first, target.end, chosen.field.name, others)
        self.give(chosen.field.name, chosen.value)

    def _set_amount(self, named: Named | None, target: Target) -> bool:
        """Give an amount to the field that is named, or to the one that the records decide."""
        amount = target.amount
        if amount is None:
            return False
        end = self._at.range_end(target.end)
        if end > target.end:
            return self._at.ask_which(target.first, end)
        said = self._at.text(target.first, target.end)
        if amount.foreign:
            return self._at.ask(
                f"“{said}”: amounts are not converted. Which amount is it in the currency of the records?"
            )
        if amount.value < 0:
            return self._at.ask(f"“-{said}”: an amount is not below zero.")
        spec = target.label or target.amount_of
        names = [each.name for each in named.fields] if named is not None else [spec.name] if spec else []
        for name in names:
            self.give(name, amount.value)
        if not names:
            self._at.outcome.pending.append(Pending(ChangeOperation.SET, amount.value, target.first, target.end))
        return True

    def _set_dates(self, named: Named | None, target: Target) -> bool:
        """Give dates a day, or the ends of a period."""
        when = target.when
        if when is None:
            return False
        if when.invalid:
            self._at.outcome.invalid = when.invalid
            self._at.outcome.unread.append((target.first, target.end))
            return True
        if when.start is None or when.stop is None:
            return self._at.ask(f"“{self._at.text(target.first, target.end)}”: which day is it exactly?")
        last = when.stop - _ONE_DAY
        fields = (
            [each.name for each in named.fields] if named is not None else self._dates_alone(target, point=when.point)
        )
        if not fields:
            return True
        if len(fields) > 1 and when.point:
            return self._ask_which_end(target)
        for name in fields:
            self.give(name, when.start if self._at.is_start(name) else last)
        self._note_period(fields, target, last)
        for convention in when.conventions:
            self._at.note(convention, target.first, target.end, when.start.isoformat(), ())
        return True

    def _note_period(self, fields: Sequence[str], target: Target, last: date) -> None:
        """Say which days of a period dates are set to."""
        if target.when is None or target.when.point or target.when.start is None:
            return
        first = target.when.start
        days = [f"{self._at.label(name)} {first if self._at.is_start(name) else last}" for name in fields]
        text = f"“{self._at.text(target.first, target.end)}” is read as {' and '.join(days)}"
        others = (first.isoformat(), (last + _ONE_DAY).isoformat()) if len(fields) == 1 else (fields[0], fields[-1])
        self._at.note(text, target.first, target.end, ", ".join(fields), others)

    def _dates_alone(self, target: Target, *, point: bool) -> list[str]:
        """Return the dates that a verb sets where none is named, none where that has to be asked."""
        acts = self._at.clause.verb.acts
        start, end = self._at.conventions.period
        if Act.BEGIN in acts:
            return [start]
        if Act.SHIFT not in acts and acts & {Act.EXTEND, Act.FINISH}:
            text = f"the {self._at.label(end)} is set, because no other date is named"
            others = tuple(pair[1] for pair in self._at.editable_pairs() if pair[1] != end)
            self._at.note(text, self._at.clause.first, self._at.clause.start, end, others)
            return [end]
        if point:
            self._ask_which_end(target)
            return []
        return [start, end]

    def _ask_which_end(self, target: Target) -> bool:
        start, end = map(self._at.label, self._at.conventions.period)
        said = self._at.text(target.first, target.end)
        day = target.when.start if target.when is not None else None
        options = [(Change(name, ChangeOperation.SET, day),) for name in self._at.conventions.period if day is not None]
        text = f"Which date becomes “{said}”: the {start} or the {end}? Say “set the {start} to {said} for …”."
        return self._at.ask(text, options)

    def _reset(self, named: Named | None) -> bool:
        """Give dates the values that they are reset to."""
        names = [each.name for each in named.fields] if named is not None else list(self._at.conventions.reset)
        if not all(name in self._at.conventions.reset for name in names):
            return False
        for name in names:
            self._at.outcome.changes.append(Change(name, ChangeOperation.RESET, self._at.conventions.reset[name]))
        return True

    def _take_over(self, named: Named | None, other: FieldSpec, target: Target) -> bool:
        if named is None:
            return False
        if other in named.fields or self._is_coded(target.end):
            return self._ask_for_new(named.fields[0], target)
        if all(self._at.conventions.reset.get(each.name) == other.name for each in named.fields):
            return self._reset(named)
        self._at.outcome.refusal = next(
            filter(None, (refusal_of(each, self._at.schema) for each in named.fields)), None
        )
        said = " and ".join(each.label for each in named.fields)
        return self._at.ask(f"The {said} cannot take over the {other.label}; dates can be reset to plan.")

    def _is_coded(self, end: int) -> bool:
        """Return whether a number stands at once behind a word: "Silo 99" is no field."""
        return end < self._at.clause.end and self._at.tokens[end].kind is Kind.NUMBER

    def _ask_for_new(self, spec: FieldSpec, target: Target) -> bool:
        """Say that no record has a value yet, and how to give it all the same."""
        end = target.end + self._is_coded(target.end)
        said = self._at.text(target.first, end)
        self._at.take(target.end, end, "")
        near = self._at.phrases.nearest(said, spec.name)
        like = f" The nearest is {near[0]}." if near else ""
        return self._at.ask(f'There is no {spec.label} “{said}”.{like} Put a new one in quotes: to "{said}".')

    def put_back(self) -> bool:
        """Read "reset the cranes in Silo 4" without its "to plan"."""
        named = self._at.find(self._at.index, self._at.index, lambda each: each.name in self._at.conventions.reset)
        others = [each for each in filter(None, (self._at.head,)) if named is None]
        if others:
            return self._at.ask(
                f"The {others[0].fields[0].label} has no plan to be reset to: which value should it get?"
            )
        first, end = self._at.clause.first, self._at.clause.start
        words = self._at.conventions.reset_words
        if not words:
            return False
        self._at.note(f"“{self._at.text(first, end)}” is read as a reset to {words[0]}", first, end, words[0], ())
        self._at.outcome.presumed = True
        if named is not None:
            self._at.take_named(named)
        return self._reset(named)
