"""Clauses of commands: a verb and the phrases with it become typed changes.

Gives `ClauseReader` and `Outcome`. What a verb does hangs on the phrase with it: "cut the rate by 10 %" scales, "cut
the cranes by 2 weeks" ends them earlier, "cut the rate to $4,500" sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Final

from nlq.changes import Change, ChangeOperation, Shift
from nlq.command_frame import Clause
from nlq.command_phrases import Distance, Named, PhraseReader, Target, fits
from nlq.command_words import (
    ARTICLES,
    BEFORE_CONDITION,
    EVERYTHING,
    JOINS,
    LEADING_TO,
    LINKS,
    MARKS,
    PARTICLES,
    STAYING,
    Act,
)
from nlq.dates import read_date
from nlq.normalize import Token
from nlq.notes import Note
from nlq.query import Comparison, Condition, Operator, Value
from nlq.schema import FieldSpec, FieldType, Schema

_ONE_DAY: Final = timedelta(days=1)
_UNTIL: Final = frozenset(("until", "till", "til", "through", "thru"))
_SETTING: Final = frozenset(("to", "into", "as", "at", "=", "be"))
_PLACING: Final[dict[str, frozenset[str]]] = {
    "put": frozenset(("in", "on", "under")),
    "align": frozenset(("with",)),
    "aligned": frozenset(("with",)),
    "realign": frozenset(("with",)),
    "realigned": frozenset(("with",)),
}
"""Verbs → the words, as keys, that stand before a value only with them."""
_REPLACING: Final = frozenset(("replace", "replaced", "swap", "swapped", "substitute", "substituted"))
_LED: Final = BEFORE_CONDITION | LINKS
_LENGTHS: Final = frozenset(("duration", "length"))
_AMOUNT_VERBS: Final = frozenset(("multiply", "multiplied", "scale", "scaled"))
_BY_AMOUNT: Final = frozenset((Act.SHIFT, Act.EXTEND, Act.BEGIN, Act.FINISH, Act.SCALE))


@dataclass(slots=True)
class Taken:
    """Tokens that belong to the change, and what they mean there."""

    first: int
    end: int
    meaning: str = ""


@dataclass(slots=True)
class Pending:
    """An amount for a field that the records decide."""

    operation: ChangeOperation
    value: Decimal
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that is never done."""

    reason: str
    """Why, in a sentence."""
    order: str
    """The plainest order that is refused so."""


@dataclass(slots=True)
class Outcome:
    """What a clause changes, or why it does not."""

    changes: list[Change] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    """What the records have now: the "$4,000" of "from $4,000 to $4,500"."""
    taken: list[Taken] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    pending: list[Pending] = field(default_factory=list)
    ask: str = ""
    """What has to be asked back; there are no changes then."""
    refusal: Refusal | None = None
    """Why this is never done."""
    unread: list[tuple[int, int]] = field(default_factory=list)
    """Tokens (first, end) of the clause that mean nothing."""
    invalid: str = ""
    """What is wrong with a date that does not exist."""
    presumed: bool = False
    """Whether so little was said that the records have to be named by a condition of their own."""


class ClauseReader:
    """Reads one clause of a command."""

    def __init__(
        self, tokens: Sequence[Token], clause: Clause, today: date, schema: Schema, phrases: PhraseReader
    ) -> None:
        self._tokens = tokens
        self._clause = clause
        self._today = today
        self._schema = schema
        self._phrases = phrases
        self._conventions = schema.conventions.commands
        self._index = clause.start
        self._particle = ""
        self._outcome = Outcome()

    def read(self) -> Outcome | None:
        """Return what the clause does, None where its words make no command."""
        verb = self._clause.verb
        self._take(self._clause.first, self._clause.start, "")
        self._take_particle()
        done = any(attempt() for attempt in self._attempts())
        if done:
            self._report_others()
        if not done and Act.SET in verb.acts and self._head is not None and not self._head.fields[0].editable:
            self._outcome.refusal = refusal_of(self._head.fields[0], self._schema)
            self._take_named(self._head)
            done = True
        if not done and (not verb.weak or self._sets_something()):
            self._ask(self._missing())
            done = True
        return self._outcome if done else None

    def _report_others(self) -> None:
        """Report further amounts and values that the clause names: none of them may pass as a condition."""
        taken = {index for each in self._outcome.taken for index in range(each.first, each.end)}
        words = _SETTING | _UNTIL | {"by"}
        for index in range(self._index, self._clause.end - 1):
            key = self._tokens[index].key
            if index in taken or key not in words or self._tokens[index - 1].key in LEADING_TO:
                continue
            end = self._other_amount(index) if key == "by" else self._other_value(index)
            if end is not None:
                self._outcome.unread.append((index, end))
                taken.update(range(index, end))
        self._report_day(taken)

    def _report_day(self, taken: set[int]) -> None:
        """Report the day from which a change is to hold: "by 5 % from July 1" names no records of July."""
        last = self._clause.end
        for index in range(self._index, last):
            found = read_date(self._tokens, index, self._today) if index not in taken else None
            if found is None or found.end != last or (found.start is None and found.stop is None):
                continue
            said = index - 1 not in taken and self._phrases.is_event(self._tokens[index - 1])
            if index - 1 - said in taken or (self._clause.verb.state and not said):
                self._outcome.unread.append((index - said, last))
            return

    def _other_amount(self, index: int) -> int | None:
        distance = self._phrases.distance(self._tokens, index, self._clause.end)
        return distance.end if distance is not None and index not in self._dated else None

    def _other_value(self, index: int) -> int | None:
        option = self._target_at(index)
        ranged = option is not None and option[1].amount is not None and not option[1].amount.marked
        return option[1].end if option is not None and not ranged and index not in self._dated else None

    def _attempts(self) -> Iterator[Callable[[], bool]]:
        """Yield the ways to read the clause, the first that fits being right."""
        verb = self._clause.verb
        if verb.state:
            yield self._state_of_verb
            return
        if verb.factor:
            yield self._multiplied
        if Act.ASSIGN in verb.acts:
            yield self._assigned
        if verb.acts & _BY_AMOUNT:
            yield self._changed_by
        yield self._changed_to
        if Act.GIVE in verb.acts:
            yield self._given
        if Act.STATE in verb.acts:
            yield self._made
        if Act.CLEAR in verb.acts:
            yield self._cleared
        if Act.RESET in verb.acts and not verb.weak and Act.FINISH not in verb.acts:
            yield self._put_back
        if verb.acts & {Act.DELETE, Act.CREATE}:
            yield self._never

    def _sets_something(self) -> bool:
        """Return whether a field is to get a value that is not understood: "set the source to lease"."""
        if Act.SET not in self._clause.verb.acts or self._head is None:
            return False
        return any(token.key == "to" for token in self._tokens[self._head.end : self._clause.end])

    def _missing(self) -> str:
        """Return what to ask where a verb says nothing of what it changes."""
        said = self._text(self._clause.first, self._clause.start)
        if self._sets_something() and self._head is not None:
            return f"“{said}”: which value should the {self._head.fields[0].label} get?"
        if Act.SCALE in self._clause.verb.acts and Act.SHIFT not in self._clause.verb.acts:
            return f"“{said}”: by how much, or to what? Say, for example, “by 5 %”."
        if Act.CLEAR in self._clause.verb.acts:
            return f"“{said}”: which field loses its value? Say, for example, “clear the contract of …”."
        if Act.SET in self._clause.verb.acts and not self._clause.verb.acts & {Act.EXTEND, Act.SHIFT}:
            return f"“{said}”: which field should get which value? Say, for example, “set the area to …”."
        return f"“{said}”: by how much, or to when? Say, for example, “by 2 weeks”."

    # Tokens

    def _text(self, first: int, end: int) -> str:
        return " ".join(token.raw for token in self._tokens[first:end])

    def _take(self, first: int, end: int, meaning: str) -> None:
        if first < end:
            self._outcome.taken.append(Taken(first, end, meaning))

    def _ask(self, text: str) -> bool:
        self._outcome.ask = self._outcome.ask or text
        return True

    def _note(self, text: str, first: int, end: int, chosen: str, others: tuple[str, ...]) -> None:
        self._outcome.notes.append(Note(text, first, end, chosen, others))

    def _take_particle(self) -> None:
        """Take the words right behind the verb that direct it: "push out", "pull in"."""
        verb = self._clause.verb
        while self._index < self._clause.end:
            key = self._tokens[self._index].key
            inward = key == "in" and verb.sign < 0 and Act.SHIFT in verb.acts
            if key not in (*PARTICLES, "down", "over") or (key == "in" and not inward):
                return
            self._particle = self._particle or key
            self._take(self._index, self._index + 1, "")
            self._index += 1

    # Fields

    @cached_property
    def _head(self) -> Named | None:
        """The fields named right behind the verb."""
        return self._named_at(self._index, self._clause.end)

    def _named_at(self, index: int, limit: int) -> Named | None:
        """Return the fields named from a token on, articles left aside; None where they only label a value."""
        while index < limit and self._tokens[index].key in ARTICLES:
            index += 1
        if index < limit and self._tokens[index].key in _SETTING:
            return None  # "change to purchase": "to purchase" is no price
        named = self._phrases.names(self._tokens, index, limit) if index < limit else None
        if named is None:
            return None
        led = named.end < limit and self._tokens[named.end].key in (*_SETTING, *_UNTIL, "by")
        return named if led or not self._phrases.labels(self._tokens, named) else None

    def _names(self, first: int, end: int) -> Iterator[Named]:
        """Yield the fields that a phrase between these tokens can be about, the likeliest first."""
        before = self._with_particle(first)
        after = end
        while after < self._clause.end and self._tokens[after].key in (*LINKS, *ARTICLES, "in"):
            after += 1
        yield from filter(
            None,
            (
                self._phrases.names_before(self._tokens, self._index, before) if before > self._index else None,
                self._head,
                self._named_at(after, self._clause.end) if after < self._clause.end else None,
                *self._names_in_front(),
                self._phrases.names_before(self._tokens, self._index, self._clause.end),
            ),
        )

    def _names_in_front(self) -> Iterator[Named | None]:
        """Yield the fields named before a verb that stands behind: "the rate of the cranes should be raised"."""
        first, end = self._clause.before
        if first < end:
            start = first + (self._tokens[first].key in ("for", "on"))
            yield self._named_at(start, end)
            yield self._phrases.names_before(self._tokens, first, end)

    def _find(self, first: int, end: int, fit: Callable[[FieldSpec], bool]) -> Named | None:
        """Return the fields that a phrase is about, None where none is named that it fits."""
        for named in self._names(first, end):
            if all(map(fit, named.fields)) and not (named.first < first < named.end):
                return named
        return None

    def _take_named(self, named: Named) -> None:
        """Take the name of a field with the word that links it to the records."""
        first = named.first
        while first > 0 and self._tokens[first - 1].key in ("the", "a", "an", "new"):
            first -= 1
        end = named.end
        if end < self._clause.end and self._tokens[end].key in LINKS and not self._begins_target(end):
            end += 1
        self._take(first, end, " and ".join(each.label for each in named.fields))

    def _begins_target(self, index: int) -> bool:
        return any(taken.first == index for taken in self._outcome.taken)

    # By how much

    @cached_property
    def _dated(self) -> dict[int, int]:
        """Tokens inside dates that belong to a condition ("30 days" of "in the next 30 days") → where those begin."""
        inside: dict[int, int] = {}
        first, end = self._clause.start, self._clause.end
        index = first
        while index < end:
            value = self._phrases.value_end(self._tokens, index)
            if value is not None:
                index = value  # "Silo 4 to June 30" begins no range of days
                continue
            found = read_date(self._tokens, index, self._today)
            stop = index + 1 if found is None or (found.start is None and found.stop is None) else found.end
            inside.update(dict.fromkeys(range(index + 1, stop), index))
            index = stop
        return inside

    def _distance(self) -> Distance | None:
        """Return the amount that the clause changes by: the last after "by", else one that no condition has."""
        tokens, last = self._tokens, self._clause.end
        for index in range(last - 1, self._index - 1, -1):
            if tokens[index].key == "by" and (led := self._phrases.distance(tokens, index, last)) is not None:
                return led
        found: Distance | None = None
        index = self._index
        while index < last:
            distance = self._phrases.distance(tokens, index, last) if self._phrases.may_begin(tokens[index]) else None
            if distance is not None and self._stands_alone(distance) and index not in self._dated:
                found = distance
            index = index + 1 if distance is None else max(distance.end, index + 1)
        return found

    def _stands_alone(self, distance: Distance) -> bool:
        """Return whether an amount is one to change by; "set" and the like need more than a bare one to move dates."""
        verb = self._clause.verb
        directed = distance.sign or distance.particle or self._with_particle(distance.first) < distance.first
        if not directed and Act.SET in verb.acts and not verb.sign and not self._particle:
            return False
        return self._phrases.stands_alone(self._tokens, distance, self._index, self._clause.end)

    def _changed_by(self) -> bool:
        """Read "by two weeks", "by 10 %"; return whether it is said."""
        distance = self._distance()
        if distance is None:
            return False
        if distance.shift is not None:
            done = self._shifted(distance, distance.shift)
        elif distance.share is not None:
            done = self._scaled(distance, distance.share)
        else:
            done = self._amount_by(distance)
        if done:
            self._take_distance(distance)
        return done

    def _take_distance(self, distance: Distance) -> None:
        first, end = self._with_particle(distance.first), distance.end
        if end < self._clause.end and self._tokens[end].key in ("to", "on", "for", "of"):
            end += 1
        if self._tokens[self._clause.first].raw.casefold() in ("keep", "kept"):
            while first > self._index and self._tokens[first - 1].key in STAYING:
                first -= 1
        self._take(first, end, "")

    def _with_particle(self, first: int) -> int:
        """Return the first token of a phrase with the word before it that directs the verb: "out by", "back to"."""
        directed = first > self._index and self._tokens[first - 1].key in (*PARTICLES, "down", "short", "over")
        return first - directed

    def _amount_by(self, distance: Distance) -> bool:
        """Read "multiply the rate by 1.1"; ask for what a bare number or an amount of money cannot say."""
        verb = self._tokens[self._clause.first].raw.casefold()
        if distance.number is not None and verb in _AMOUNT_VERBS:
            return self._times(distance.number, distance.first, distance.end)
        said = self._text(distance.first, distance.end)
        named = self._find(distance.first, distance.end, lambda each: each.editable)
        if named is not None:
            self._take_named(named)
        if distance.money is not None:
            return self._ask(f"“{said}”: amounts change by a share or to an amount. Say “by 5 %” or “to $4,500”.")
        return self._ask(f"“{said}”: of what? Say, for example, “{said} %” or “{said} weeks”.")

    def _shifted(self, distance: Distance, shift: Shift) -> bool:
        """Move dates."""
        acts = self._clause.verb.acts
        if not acts - {Act.SCALE, Act.SET, Act.ASSIGN, Act.STATE}:
            return False
        named = self._find(distance.first, distance.end, lambda each: each.type is FieldType.DATE)
        sign = self._sign(distance)
        weak = Act.FINISH in acts or Act.BEGIN in acts
        if weak and not distance.sign:
            return False
        if distance.timed:
            return self._ask(f"“{self._text(distance.first, distance.end)}”: dates move by whole days.")
        if not shift.months and not shift.days:
            return self._ask("Moving by nothing changes nothing: by how much?")
        if sign == 0:
            return self._ask_which_way(distance)
        fields = self._moved(named, distance)
        if not fields:
            return True
        for each in fields:
            self._outcome.changes.append(Change(each, ChangeOperation.SHIFT, shift if sign > 0 else -shift))
        if named is not None:
            self._take_named(named)
        self._note_months(distance, shift)
        return True

    def _note_months(self, distance: Distance, shift: Shift) -> None:
        if shift.months:
            text = "a month is a calendar month: a day that the month reached lacks becomes its last"
            self._note(text, distance.first, distance.end, f"{shift.months} months", (f"{shift.months * 30} days",))

    def _moved(self, named: Named | None, distance: Distance) -> tuple[str, ...]:
        """Return the dates that move, none where that has to be asked."""
        acts = self._clause.verb.acts
        start, end = self._conventions.period
        lengthens = distance.lengthens or (Act.EXTEND in acts and Act.SHIFT not in acts)
        if named is not None:
            length = self._tokens[named.end - 1].key in _LENGTHS
            ends = [each.name for each in named.fields]
            if named.period and (lengthens or length or Act.FINISH in acts):
                return (ends[1],)
            if not named.period and lengthens and self._is_start(ends[0]):
                self._ask(f"Should the {named.fields[0].label} move earlier or later? Say, for example, “push …”.")
                return ()
            return tuple(ends)
        if Act.BEGIN in acts:
            return (start,)
        first, stop = self._clause.first, self._clause.start
        others = tuple(pair[1] for pair in self._editable_pairs() if pair[1] != end)
        if lengthens or Act.FINISH in acts or Act.SHIFT not in acts:
            text = f"the {self._label(end)} moves, because no other date is named"
            self._note(text, first, stop, end, others)
            return (end,)
        text = f"both {self._label(start)} and {self._label(end)} move, because no date is named"
        self._note(text, first, stop, f"{start}, {end}", (start, end, *others))
        return (start, end)

    def _editable_pairs(self) -> Iterator[tuple[str, str]]:
        for pair in dict.fromkeys((self._conventions.period, *self._conventions.periods.values())):
            if self._schema.by_name[pair[1]].editable:
                yield pair

    def _label(self, name: str) -> str:
        return self._schema.by_name[name].label

    def _is_start(self, name: str) -> bool:
        pairs = (self._conventions.period, *self._conventions.periods.values())
        return any(name == start for start, _ in pairs)

    def _sign(self, distance: Distance) -> int:
        """Return which way dates move; 0 where that has to be asked."""
        verb = self._clause.verb
        if distance.sign and not (distance.lengthens and verb.sign < 0):
            return distance.sign
        before = self._tokens[distance.first - 1].key if distance.first > self._clause.start else ""
        particle = self._particle or (before if before in PARTICLES else "") or distance.particle
        if particle in PARTICLES:
            if verb.acts & {Act.EXTEND} and Act.SHIFT not in verb.acts:
                return verb.sign
            return PARTICLES[particle][1 - verb.sign]
        if verb.sign:
            return verb.sign
        said = self._text(self._clause.first, self._clause.start)
        self._note(f"“{said}” is read as later", self._clause.first, self._clause.start, "later", ("earlier",))
        return 1

    def _ask_which_way(self, distance: Distance) -> bool:
        said = self._text(distance.first, distance.end)
        said = said.removeprefix("by ")
        return self._ask(f"Earlier or later? Say, for example, “move {said} later” or “move {said} earlier”.")

    # By what share

    def _scaled(self, distance: Distance, share: Decimal) -> bool:
        """Change amounts by a share."""
        verb = self._clause.verb
        before = self._tokens[distance.first - 1].key if distance.first > self._clause.start else ""
        beside = {self._particle, before, distance.particle}
        directed = 1 if "up" in beside else -1 if beside & {"down", "back"} else 0
        if Act.SCALE not in verb.acts and not (directed and Act.SHIFT in verb.acts):
            return False
        sign = distance.sign or directed
        if not sign and (Act.SHIFT not in verb.acts or verb.sign == 0):
            sign = verb.sign
        if not sign:
            said = self._text(distance.first, distance.end)
            return self._ask(f"“{said}”: up or down? Say “increase … {said}” or “reduce … {said}”.")
        factor = 1 + sign * share
        if factor <= 0 or not share:
            return self._ask(f"“{self._text(distance.first, distance.end)}”: which amount should it become?")
        return self._times(factor, distance.first, distance.end)

    def _times(self, factor: Decimal, first: int, end: int) -> bool:
        """Multiply the amounts that are named, or those that the records decide."""
        named = self._find(first, end, lambda each: each.type is FieldType.MONEY)
        if named is None:
            self._outcome.pending.append(Pending(ChangeOperation.SCALE, factor, first, end))
            return True
        for each in named.fields:
            self._outcome.changes.append(Change(each.name, ChangeOperation.SCALE, factor))
        self._take_named(named)
        return True

    def _multiplied(self) -> bool:
        """Read "double the rates"."""
        named = self._find(self._index, self._index, lambda each: each.type is FieldType.MONEY)
        return named is not None and self._times(Decimal(self._clause.verb.factor), self._index, self._index)

    # To what

    def _changed_to(self) -> bool:
        """Read "to Silo 5", "to $4,500", "until June 30", and what "and" adds to it; return whether it is said."""
        found = self._said_target()
        while found is not None:
            named, index, target = found
            if not self._set(named, target):
                return False
            if named is not None:
                self._take_from(named, index)
            self._take(self._with_particle(index), target.end, "")
            if named is not None:
                self._take_named(named)
            found = self._next_target(target.end)
        return bool(self._outcome.changes or self._outcome.pending or self._outcome.ask or self._outcome.invalid)

    def _take_from(self, named: Named, index: int) -> None:
        """Read "from $4,000" before "to $4,500" as what the records have now."""
        spec = named.fields[0]
        if len(named.fields) > 1 or spec.type not in (FieldType.MONEY, FieldType.DATE):
            return
        for start in range(index - 1, self._index - 1, -1):
            if self._tokens[start].key != "from":
                continue
            now = self._phrases.target(self._tokens[:index], start + 1, index, self._today, spec)
            if now is None or now.end != index or not fits(now, spec):
                return
            conditions = self._has_now(spec, now)
            if not conditions:
                self._outcome.unread.append((start, index))
                return
            self._outcome.conditions += conditions
            self._take(start, index, f"{spec.label} {self._text(start + 1, index)}")
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
        acts = self._clause.verb.acts
        if self._tokens[self._clause.first].raw.casefold() in _REPLACING:
            return frozenset(("with", "by"))
        placing = _PLACING.get(self._tokens[self._clause.first].raw.casefold(), frozenset())
        words = _SETTING if acts & {Act.SET, Act.RESET, Act.ASSIGN, Act.SHIFT, Act.SCALE} else frozenset(("to",))
        if acts & {Act.SHIFT, Act.EXTEND, Act.FINISH, Act.BEGIN}:
            words |= _UNTIL
        words |= placing
        return words | {"on", "by", "at"} if acts & {Act.FINISH, Act.BEGIN} else words

    def _said_target(self) -> tuple[Named | None, int, Target] | None:
        """Return what the clause changes to: right behind the verb or its field, else at the end, else anywhere."""
        words = self._introducers()
        found: list[tuple[Named | None, int, Target]] = []
        behind = {self._index, *((self._head.end,) if self._head is not None else ())}
        for index in range(self._index, self._clause.end - 1):
            option = self._target_at(index) if self._tokens[index].key in words else None
            if option is None or (self._is_dated(option[1]) and self._ranges(index, option[0])):
                continue
            if index in behind:
                return (option[0], index, option[1])
            found.append((option[0], index, option[1]))
        found = found or self._dated_targets(words)
        # What belongs to the field behind the verb stands before what "and" adds: "… to $4,500 and the area to Silo 5".
        first = [each for each in found if each[0] is not None and each[0] is self._head]
        last = [each for each in found if each[2].end == self._clause.end]
        best = first or last or found
        return best[-1] if best else None

    def _dated_targets(self, words: frozenset[str]) -> list[tuple[Named | None, int, Target]]:
        """Return a day behind "to" that could be the end of a range, where nothing else says what the change is to."""
        found: list[tuple[Named | None, int, Target]] = []
        for index in range(self._index, self._clause.end - 1):
            if self._tokens[index].key not in words or index not in self._dated:
                continue
            option = self._target_at(index)
            between = self._tokens[self._dated[index]].key in ("from", "between")
            if option is not None and option[1].when is not None and option[1].end == self._clause.end and not between:
                found.append((option[0], index, option[1]))
        return found

    def _ranges(self, index: int, named: Named | None) -> bool:
        """Return whether "to" stands inside a range of days, not in "the forecast end from June 30 to July 31"."""
        if index not in self._dated:
            return False
        return named is None or named.period or self._tokens[self._dated[index]].key != "from"

    def _is_dated(self, target: Target) -> bool:
        """Return whether a value could as well be the end of a range of days: "arriving from March to May"."""
        return target.when is not None or (target.amount is not None and not target.amount.marked)

    def _target_at(self, index: int) -> tuple[Named | None, Target] | None:
        """Return the value behind a word such as "to", and the fields that get it."""
        start, limit = index + 1, self._clause.end
        key = self._tokens[index].key
        for named in self._names(index, index):
            if named.end > index and named.first <= index:
                continue
            target = self._phrases.target(self._tokens, start, limit, self._today, named.fields[0])
            if target is not None and (target.end <= named.first or named.end <= index) and self._suits(named, target):
                return named, target
        if self._head is not None and not self._head.period and not self._is_record(self._head):
            return None  # another field was named
        target = self._phrases.target(self._tokens, start, limit, self._today, None)
        if target is None or not self._alone(key, target):
            return None
        return None, target

    def _suits(self, named: Named, target: Target) -> bool:
        """Return whether named fields can get a value."""
        if target.resets:
            return all(each.name in self._conventions.reset for each in named.fields)
        if target.other is not None:
            return all(each.type is target.other.type for each in named.fields) and not named.period
        return all(fits(target, each) for each in named.fields)

    def _alone(self, key: str, target: Target) -> bool:
        """Return whether a value says by itself what gets it."""
        acts = self._clause.verb.acts
        if target.when is not None:
            return bool(acts & {Act.SHIFT, Act.EXTEND, Act.FINISH, Act.BEGIN})
        verb = self._tokens[self._clause.first].raw.casefold()
        placed = key in _PLACING.get(verb, ())
        if placed and target.end < self._clause.end:
            return False  # "put the cranes in Silo 4 on contract C-1050"
        if key in _UNTIL or (key in ("on", "by") and not placed and verb not in _REPLACING):
            return False
        if target.resets:
            return Act.RESET in acts or Act.SET in acts or Act.SHIFT in acts
        if target.amount is not None:
            return (target.amount.marked or target.label is not None) and bool(acts & {Act.SET, Act.SCALE})
        if key == "at" or not acts & {Act.SET, Act.RESET, Act.ASSIGN}:
            return False
        if Act.EXTEND in acts or (Act.SCALE in acts and Act.SHIFT not in acts):
            return False
        return bool(target.meanings or target.flag or (target.text and target.label is not None))

    def _next_target(self, index: int) -> tuple[Named | None, int, Target] | None:
        """Return a second value behind "and": "… to $4,500 and the area to Silo 5"."""
        start = index
        while start < self._clause.end and self._tokens[start].key in JOINS:
            start += 1
        if start == index or start >= self._clause.end:
            return None
        named = self._named_at(start, self._clause.end)
        if named is None or named.end >= self._clause.end or self._tokens[named.end].key not in _SETTING:
            return None
        target = self._phrases.target(self._tokens, named.end + 1, self._clause.end, self._today, named.fields[0])
        if target is None or not self._suits(named, target):
            return None
        self._take(index, start, "")
        return named, named.end, target

    def _set(self, named: Named | None, target: Target) -> bool:
        """Write down what a value changes; return whether it is one that can be given."""
        if target.resets:
            return self._reset(named)
        if target.other is not None:
            return self._take_over(named, target.other)
        if target.flag is not None:
            undone = self._clause.verb.sign < 0 and Act.STATE in self._clause.verb.acts
            self._give(target.flag.field.name, target.flag.state is not undone)
        elif target.state is not None and named is not None:
            self._give(named.fields[0].name, target.state)
        elif target.when is not None:
            return self._set_dates(named, target)
        elif target.amount is not None:
            return self._set_amount(named, target)
        elif target.text:
            self._give_new(named, target)
        else:
            self._give_value(named, target)
        return True

    def _give(self, name: str, value: Value) -> None:
        self._outcome.changes.append(Change(name, ChangeOperation.SET, value))

    def _give_new(self, named: Named | None, target: Target) -> None:
        """Give a value that no record has yet."""
        spec = target.label or (named.fields[0] if named is not None else None)
        if spec is not None:
            text = f"{target.text} is a new {spec.label}: no record has it yet"
            self._note(text, target.first, target.end, target.text, ())
            self._give(spec.name, target.text)

    def _give_value(self, named: Named | None, target: Target) -> None:
        """Give a value of the vocabulary to its field."""
        wanted = named.fields[0] if named is not None else target.label
        fitting = [each for each in target.meanings if wanted is None or each.field is wanted]
        chosen = next((each for each in fitting if each.field.editable), fitting[0] if fitting else target.meanings[0])
        others = tuple(each.field.name for each in target.meanings if each is not chosen and each.field.editable)
        if others and wanted is None:
            text = f"{chosen.value} is read as a {chosen.field.label}; name the field to mean another"
            self._note(text, target.first, target.end, chosen.field.name, others)
        self._give(chosen.field.name, chosen.value)

    def _set_amount(self, named: Named | None, target: Target) -> bool:
        """Give an amount to the field that is named, or to the one that the records decide."""
        amount = target.amount
        if amount is None:
            return False
        said = self._text(target.first, target.end)
        if amount.foreign:
            return self._ask(f"“{said}”: amounts are not converted. Which amount is it in the currency of the records?")
        if amount.value < 0:
            return self._ask(f"“{said}”: an amount is not below zero.")
        spec = target.label or target.amount_of
        names = [each.name for each in named.fields] if named is not None else [spec.name] if spec else []
        for name in names:
            self._give(name, amount.value)
        if not names:
            self._outcome.pending.append(Pending(ChangeOperation.SET, amount.value, target.first, target.end))
        return True

    # To when

    def _set_dates(self, named: Named | None, target: Target) -> bool:
        """Give dates a day, or the ends of a period."""
        when = target.when
        if when is None:
            return False
        if when.invalid:
            self._outcome.invalid = when.invalid
            self._outcome.unread.append((target.first, target.end))
            return True
        if when.start is None or when.stop is None:
            return self._ask(f"“{self._text(target.first, target.end)}”: which day is it exactly?")
        last = when.stop - _ONE_DAY
        fields = (
            [each.name for each in named.fields] if named is not None else self._dates_alone(target, point=when.point)
        )
        if not fields:
            return True
        if len(fields) > 1 and when.point:
            return self._ask_which_end(target)
        for name in fields:
            self._give(name, when.start if self._is_start(name) else last)
        self._note_period(fields, target, last)
        for convention in when.conventions:
            self._note(convention, target.first, target.end, when.start.isoformat(), ())
        return True

    def _note_period(self, fields: Sequence[str], target: Target, last: date) -> None:
        """Say which days of a period dates are set to."""
        if target.when is None or target.when.point or target.when.start is None:
            return
        first = target.when.start
        days = [f"{self._label(name)} {first if self._is_start(name) else last}" for name in fields]
        text = f"“{self._text(target.first, target.end)}” is read as {' and '.join(days)}"
        others = (first.isoformat(), (last + _ONE_DAY).isoformat()) if len(fields) == 1 else (fields[0], fields[-1])
        self._note(text, target.first, target.end, ", ".join(fields), others)

    def _dates_alone(self, target: Target, *, point: bool) -> list[str]:
        """Return the dates that a verb sets where none is named, none where that has to be asked."""
        acts = self._clause.verb.acts
        start, end = self._conventions.period
        if Act.BEGIN in acts:
            return [start]
        if Act.SHIFT not in acts and acts & {Act.EXTEND, Act.FINISH}:
            text = f"the {self._label(end)} is set, because no other date is named"
            others = tuple(pair[1] for pair in self._editable_pairs() if pair[1] != end)
            self._note(text, self._clause.first, self._clause.start, end, others)
            return [end]
        if point:
            self._ask_which_end(target)
            return []
        return [start, end]

    def _ask_which_end(self, target: Target) -> bool:
        start, end = map(self._label, self._conventions.period)
        said = self._text(target.first, target.end)
        return self._ask(
            f"Which date becomes “{said}”: the {start} or the {end}? Say “set the {start} to {said} for …”."
        )

    # To what others are

    def _reset(self, named: Named | None) -> bool:
        """Give dates the values that they are reset to."""
        names = [each.name for each in named.fields] if named is not None else list(self._conventions.reset)
        if not all(name in self._conventions.reset for name in names):
            return False
        for name in names:
            self._outcome.changes.append(Change(name, ChangeOperation.RESET, self._conventions.reset[name]))
        return True

    def _take_over(self, named: Named | None, other: FieldSpec) -> bool:
        if named is None:
            return False
        if all(self._conventions.reset.get(each.name) == other.name for each in named.fields):
            return self._reset(named)
        self._outcome.refusal = next(filter(None, (refusal_of(each, self._schema) for each in named.fields)), None)
        said = " and ".join(each.label for each in named.fields)
        return self._ask(f"The {said} cannot take over the {other.label}; dates can be reset to plan.")

    def _put_back(self) -> bool:
        """Read "reset the cranes in Silo 4" without its "to plan"."""
        named = self._find(self._index, self._index, lambda each: each.name in self._conventions.reset)
        others = [each for each in filter(None, (self._head,)) if named is None]
        if others:
            return self._ask(f"The {others[0].fields[0].label} has no plan to be reset to: which value should it get?")
        first, end = self._clause.first, self._clause.start
        words = self._conventions.reset_words
        if not words:
            return False
        self._note(f"“{self._text(first, end)}” is read as a reset to {words[0]}", first, end, words[0], ())
        self._outcome.presumed = True
        if named is not None:
            self._take_named(named)
        return self._reset(named)

    # Without an amount

    def _state_of_verb(self) -> bool:
        """Read a verb that sets a flag: "discontinue the pumps"."""
        self._give(self._clause.verb.state, self._clause.verb.sign > 0)
        if self._clause.end == self._index + 1 and self._tokens[self._index].key in ("it", "that", "this"):
            self._outcome.presumed = True  # "cancel that" may take back what was asked before
        return True

    def _given(self) -> bool:
        """Read "give EQ-2087 a monthly rate of $4,500", "update EQ-2087 with contract C-1050"."""
        for index in range(self._index + 1, self._clause.end):
            if self._tokens[index].key in BEFORE_CONDITION - {"with"} or self._tokens[index - 1].key in _LED:
                continue
            target = self._phrases.target(self._tokens, index, self._clause.end, self._today, None)
            if self._tokens[index].key == "with":
                target = self._phrases.target(self._tokens, index + 1, self._clause.end, self._today, None)
            if target is None or target.label is None or target.end != self._clause.end:
                continue
            self._take(index, target.end, "")
            return self._set(None, target)
        return False

    def _made_at_once(self) -> bool:
        """Read "mark discontinued all pumps": the flag stands right behind the verb."""
        target = self._phrases.target(self._tokens, self._index, self._clause.end, self._today, None)
        if target is None or target.flag is None or target.end >= self._clause.end:
            return False
        if self._tokens[target.end].key not in ARTICLES:
            return False
        self._take(self._index, target.end, "")
        return self._set(None, target)

    def _made_amount(self) -> bool:
        """Read "make the monthly rate of EQ-2087 $4,500": the value of a named field stands at the end."""
        named = self._head
        if named is None or named.period:
            return False
        for index in range(max(named.end, self._clause.end - 5), self._clause.end):
            target = self._phrases.target(self._tokens, index, self._clause.end, self._today, named.fields[0])
            marked = target is not None and (target.when is not None or (target.amount and target.amount.marked))
            if target is not None and marked and target.end == self._clause.end and self._suits(named, target):
                self._take(index, target.end, "")
                self._take_named(named)
                return self._set(named, target)
        return False

    def _made(self) -> bool:
        """Read "make all purchases transferable": the value stands at the end, without "to"."""
        if self._made_at_once() or self._made_amount():
            return True
        for index in range(max(self._index + 1, self._clause.end - 4), self._clause.end):
            if self._tokens[index].key in _SETTING:
                continue
            target = self._phrases.target(self._tokens, index, self._clause.end, self._today, None)
            if target is None or target.end != self._clause.end or self._labels_records():
                continue
            enumerated = any(each.field.type is FieldType.ENUM for each in target.meanings)
            if target.flag is not None or enumerated:
                self._take(index, target.end, "")
                return self._set(None, target)
        return False

    def _labels_records(self) -> bool:
        """Return whether the verb is the name of a field with one of its values behind it: "make Caterpillar"."""
        named = self._phrases.field(self._tokens, self._clause.first, self._clause.start)
        if named is None or self._index >= self._clause.end:
            return False
        return self._phrases.labels(self._tokens, Named(self._clause.first, named[0], (named[1],)))

    def _assigned(self) -> bool:
        """Read "assign EQ-1 to the cranes in Silo 4", where the value stands before those who get it."""
        for index in range(self._index + 1, self._clause.end - 1):
            if self._tokens[index].key not in ("to", "for", "on"):
                continue
            given = self._phrases.single_value(self._tokens, self._index, index, self._today)
            if given is None:
                return False
            getting = self._phrases.single_value(self._tokens, index + 1, self._clause.end, self._today)
            same = getting is not None and any(each.field is spec_of(given) for each in getting.meanings)
            if same:
                return False  # "reassign contract C-1 to C-2"
            spec = spec_of(given)
            if spec is None or not spec.editable or (getting is not None and spec.name == self._conventions.assigned):
                return False
            if getting is not None and spec.name != self._conventions.assigned and given.label is None:
                return False
            self._take(self._index, index + 1, "")
            self._set(Named(index, index, (spec,)), given)
            return True
        return False

    def _cleared(self) -> bool:
        """Read "clear the contract of EQ-2087"."""
        deletes = Act.DELETE in self._clause.verb.acts
        named = self._find(self._index, self._index, lambda each: self._can_clear(each, deletes=deletes))
        if named is None:
            return self._cleared_value(deletes=deletes)
        if deletes and self._is_record(named):
            return False
        if named.fields[0].type is FieldType.BOOL and named.fields[0].editable:
            return self._take_back(named, deletes=deletes)
        required = [each.label for each in named.fields if each.required]
        if required:
            reason = f"Every record has a {required[0]}: it can be changed, and not be cleared."
            self._outcome.refusal = Refusal(reason, f"Clear the {required[0]}.")
        for each in named.fields:
            self._outcome.changes.append(Change(each.name, ChangeOperation.CLEAR))
        self._take_named(named)
        if named.first > self._index and self._tokens[named.first - 1].key in EVERYTHING:
            self._take(named.first - 1, named.first, "")  # "clear all contracts" does not name all records
        return True

    def _take_back(self, named: Named, *, deletes: bool) -> bool:
        """Read "clear the transferable flag of EQ-2087"; "remove discontinued pumps" asks for records to go."""
        marked = named.end < self._clause.end and self._tokens[named.end].key in MARKS
        if deletes and not marked:
            return False
        named.end += marked
        self._give(named.fields[0].name, value=False)
        self._take_named(named)
        return True

    def _cleared_value(self, *, deletes: bool) -> bool:
        """Read "unassign EQ-2087" and "remove contract C-1042 from the cranes": a field loses one value."""
        end = self._index + 1
        while end < self._clause.end and self._tokens[end].key != "from":
            end += 1
        named = end <= self._clause.end
        value = self._phrases.single_value(self._tokens, self._index, end, self._today) if named else None
        spec = None if value is None else spec_of(value)
        if value is None or spec is None or spec.type is not FieldType.TEXT:
            return False
        if deletes and (value.label is None or end == self._clause.end):
            return False
        self._outcome.changes.append(Change(spec.name, ChangeOperation.CLEAR))
        self._take(end, min(end + 1, self._clause.end), "")
        return True

    def _can_clear(self, each: FieldSpec, *, deletes: bool) -> bool:
        return each.type in (FieldType.TEXT, FieldType.BOOL) or not deletes

    def _is_record(self, named: Named) -> bool:
        """Return whether a word means the records as well as a field: "delete all equipment"."""
        return self._phrases.is_record(self._tokens, named)

    def _never(self) -> bool:
        """Read an order to delete or create records."""
        if Act.CREATE in self._clause.verb.acts:
            self._outcome.refusal = Refusal("Questions create no records.", "Create a record.")
        else:
            reason = "Records are never deleted by a question; a requirement can be discontinued."
            self._outcome.refusal = Refusal(reason, "Delete all records.")
        return True


def spec_of(target: Target) -> FieldSpec | None:
    """Return the field that a value is of, the first where it can be of several."""
    return target.label or (target.meanings[0].field if target.meanings else None)


def refusal_of(spec: FieldSpec, schema: Schema) -> Refusal | None:
    """Return why a field is never changed, None where it may be."""
    if spec.editable:
        return None
    what = f"Whether a record is {spec.label}" if spec.type is FieldType.BOOL else f"The {spec.label}"
    reason = f"{what} cannot be changed. {schema.conventions.commands.fixed.get(spec.name, '')}".strip()
    return Refusal(reason, f"Change the {spec.label}.")
