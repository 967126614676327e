"""Targets: where a clause says what something is to become, "to Silo 5", "until June 30", "from $4,000 to $4,500".

Gives `Targets`.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from nlq.commands.clause import ClauseContext
from nlq.commands.fields import Named
from nlq.commands.phrases import Target, fits
from nlq.commands.words import (
    DETERMINERS,
    JOINS,
    SETTING,
    UNTIL,
    Act,
)
from nlq.normalize import Kind
from nlq.query import Comparison, Condition, Operator
from nlq.schema import FieldSpec, FieldType

_PLACING: Final[dict[str, frozenset[str]]] = {
    "put": frozenset(("in", "on", "under")),
    "align": frozenset(("with",)),
    "aligned": frozenset(("with",)),
    "realign": frozenset(("with",)),
    "realigned": frozenset(("with",)),
}
"""Verbs → the words, as keys, that stand before a value only with them."""
_LONGEST_FIELD: Final = 4
"""Words of the name of a field, at most."""
_REPLACING: Final = frozenset(("replace", "replaced", "swap", "swapped", "substitute", "substituted"))


class Targets:
    """Finds what a clause changes to, and the fields that get it."""

    def __init__(self, at: ClauseContext) -> None:
        self._at = at

    def take_from(self, named: Named, index: int) -> None:
        """Read "from $4,000" before "to $4,500" as what the records have now."""
        spec = named.fields[0]
        if len(named.fields) > 1 or spec.type not in (FieldType.MONEY, FieldType.DATE):
            return
        for start in range(index - 1, self._at.index - 1, -1):
            if self._at.tokens[start].key != "from":
                continue
            now = self._at.phrases.target(self._at.tokens[:index], start + 1, index, self._at.today, spec)
            if now is None or now.end != index or not fits(now, spec):
                return
            conditions = self._has_now(spec, now)
            if not conditions:
                self._at.outcome.unread.append((start, index))
                return
            self._at.outcome.conditions += conditions
            self._at.take(start, index, f"{spec.label} {self._at.text(start + 1, index)}")
            return

    def _has_now(self, spec: FieldSpec, now: Target) -> list[Condition]:
        """Return the conditions that a field has an amount or a day, none where it is no such value."""
        if now.amount is not None and not now.amount.foreign:
            return [Comparison(spec.name, Operator.EQ, now.amount.value)]
        when = now.when
        if when is None or not when.point or when.start is None or when.stop is None:
            return []
        return [
            Comparison(spec.name, Operator.GE, when.start),
            Comparison(spec.name, Operator.LT, when.stop),
        ]

    def _introducers(self) -> frozenset[str]:
        acts = self._at.clause.verb.acts
        if self._at.tokens[self._at.clause.first].raw.casefold() in _REPLACING:
            return frozenset(("with", "by"))
        placing = _PLACING.get(self._at.tokens[self._at.clause.first].raw.casefold(), frozenset())
        words = SETTING if acts & {Act.SET, Act.RESET, Act.ASSIGN, Act.SHIFT, Act.SCALE} else frozenset(("to",))
        if acts & {Act.SHIFT, Act.EXTEND, Act.FINISH, Act.BEGIN}:
            words |= UNTIL
        words |= placing
        return words | {"on", "by", "at"} if acts & {Act.FINISH, Act.BEGIN} else words

    def said_target(self) -> tuple[Named | None, int, Target] | None:
        """Return what the clause changes to: right behind the verb or its field, else at the end, else anywhere."""
        words = self._introducers()
        found: list[tuple[Named | None, int, Target]] = []
        behind = {self._at.index, *((self._at.head.end,) if self._at.head is not None else ())}
        for index in range(self._at.index, self._at.clause.end - 1):
            option = self.target_at(index) if self._at.tokens[index].key in words else None
            if option is None or (self._is_dated(option[1]) and self._ranges(index, option[0])):
                continue
            if option[1].other is not None and self._compares(index, behind):
                continue
            if index in behind:
                return (option[0], index, option[1])
            found.append((option[0], index, option[1]))
        found = found or self._dated_targets(words)
        # What belongs to the field behind the verb stands before what "and" adds: "… to $4,500 and the area to Silo 5".
        first = [each for each in found if each[0] is not None and each[0] is self._at.head]
        last = [each for each in found if each[2].end == self._at.clause.end]
        best = first or last or found
        return best[-1] if best else None

    def _compares(self, index: int, behind: Container[int]) -> bool:
        """Return whether "to" ends a comparison of two fields of the records: "with an area not equal to the contract".

        `behind`: the tokens right behind the verb and its field, where "equal to" says what that field gets.
        """
        first = self._at.phrases.fields.comparison_around(self._at.tokens, self._at.index, index)
        return first is not None and first not in behind

    def _dated_targets(self, words: frozenset[str]) -> list[tuple[Named | None, int, Target]]:
        """Return a day behind "to" that could be the end of a range, where nothing else says what the change is to."""
        found: list[tuple[Named | None, int, Target]] = []
        for index in range(self._at.index, self._at.clause.end - 1):
            if self._at.tokens[index].key not in words or index not in self._at.dated:
                continue
            option = self.target_at(index)
            between = self._at.tokens[self._at.dated[index]].key in ("from", "between")
            if (
                option is not None
                and option[1].when is not None
                and option[1].end == self._at.clause.end
                and not between
            ):
                found.append((option[0], index, option[1]))
        return found

    def _ranges(self, index: int, named: Named | None) -> bool:
        """Return whether "to" stands inside a range of days, not in "the forecast end from June 30 to July 31"."""
        if index not in self._at.dated:
            return False
        start = self._at.dated[index]
        return named is None or named.period or self._at.tokens[start].key != "from" or self._is_of_records(start)

    def _is_of_records(self, start: int) -> bool:
        """Return whether a range of days is said of the records: "with a forecast end from …", "starting from …"."""
        tokens, fields = self._at.tokens, self._at.phrases.fields
        if fields.is_event(tokens[start - 1]) or fields.is_spanned(tokens, start):
            return True
        for first in range(max(self._at.index, start - _LONGEST_FIELD), start):
            lead = first - (tokens[first - 1].key in ("a", "an", "the"))
            found = fields.field(tokens, first, start) if tokens[lead - 1].key == "with" else None
            if found is not None and found[0] == start:
                return True
        return False

    def _is_dated(self, target: Target) -> bool:
        """Return whether a value could as well be the end of a range of days: "arriving from March to May"."""
        return target.when is not None or (target.amount is not None and not target.amount.marked)

    def target_at(self, index: int) -> tuple[Named | None, Target] | None:
        """Return the value behind a word such as "to", and the fields that get it."""
        start, limit = index + 1, self._at.clause.end
        key = self._at.tokens[index].key
        for named in self._at.names(index, index):
            if named.end > index and named.first <= index:
                continue
            target = self._at.phrases.target(self._at.tokens, start, limit, self._at.today, named.fields[0])
            if target is not None and (target.end <= named.first or named.end <= index) and self.suits(named, target):
                return named, target
        if self._at.head is not None and not self._at.head.period and not self._at.is_record(self._at.head):
            return None  # another field was named
        target = self._at.phrases.target(self._at.tokens, start, limit, self._at.today, None)
        if target is None or not self._alone(key, target, start) or self._ends_twice(key, start, target):
            return None
        return None, target

    def _ends_twice(self, key: str, start: int, target: Target) -> bool:
        """Return whether days behind "until" are two ends: "with a plan end until June 30 to Q3" tells them apart."""
        words = {token.key for token in self._at.tokens[start : target.end]}
        return key in UNTIL and target.when is not None and not words.isdisjoint(UNTIL | SETTING)

    def suits(self, named: Named, target: Target) -> bool:
        """Return whether named fields can get a value."""
        if target.resets:
            return all(each.name in self._at.conventions.reset for each in named.fields)
        if target.other is not None:
            return all(each.type is target.other.type for each in named.fields) and not named.period
        return all(fits(target, each) for each in named.fields)

    def _alone(self, key: str, target: Target, start: int) -> bool:
        """Return whether a value says by itself what gets it."""
        acts = self._at.clause.verb.acts
        if target.when is not None:
            return bool(acts & {Act.SHIFT, Act.EXTEND, Act.FINISH, Act.BEGIN})
        verb = self._at.tokens[self._at.clause.first].raw.casefold()
        placed = key in _PLACING.get(verb, ())
        if placed and target.end < self._at.clause.end:
            return False  # "put the cranes in Silo 4 on contract C-1050"
        if key in UNTIL or (key in ("on", "by") and not placed and verb not in _REPLACING):
            return False
        if target.resets:
            return Act.RESET in acts or Act.SET in acts or Act.SHIFT in acts
        if target.amount is not None:
            return (target.amount.marked or target.label is not None) and bool(acts & {Act.SET, Act.SCALE})
        if key == "at" or not acts & {Act.SET, Act.RESET, Act.ASSIGN}:
            return False
        if Act.EXTEND in acts or (Act.SCALE in acts and Act.SHIFT not in acts):
            return False
        if target.meanings and target.label is None and (self._names_on(target) or self._names_records(start, target)):
            return False
        return bool(target.meanings or target.flag or (target.text and target.label is not None))

    def _names_records(self, start: int, target: Target) -> bool:
        """Return whether something is assigned to records of a kind: "assign EQ-2087 to the pumps"."""
        prepositions = self._at.schema.conventions.prepositions
        assigned = Act.ASSIGN in self._at.clause.verb.acts and self._at.tokens[start].key in DETERMINERS
        return assigned and any(prepositions.get(meaning.field.name) == "of" for meaning in target.meanings)

    def _names_on(self, target: Target) -> bool:
        """Return whether a value is only the beginning of what names records: "assign EQ-2087 to the Silo 4 crane"."""
        at = self._at
        if target.end >= at.clause.end or at.tokens[target.end].kind is not Kind.WORD:
            return False
        after = at.phrases.target(at.tokens, target.end, at.clause.end, at.today, None)
        return after is not None and bool(after.meanings) and after.label is None and after.end == at.clause.end

    def next_target(self, index: int) -> tuple[Named | None, int, Target] | None:
        """Return a second value behind "and": "… to $4,500 and the area to Silo 5"."""
        start = index
        while start < self._at.clause.end and self._at.tokens[start].key in JOINS:
            start += 1
        if start == index or start >= self._at.clause.end:
            return None
        named = self._at.named_at(start, self._at.clause.end)
        if named is None or named.end >= self._at.clause.end or self._at.tokens[named.end].key not in SETTING:
            return None
        target = self._at.phrases.target(
            self._at.tokens, named.end + 1, self._at.clause.end, self._at.today, named.fields[0]
        )
        if target is None or not self.suits(named, target):
            return None
        self._at.take(index, start, "")
        return named, named.end, target
