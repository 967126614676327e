"""Phrases of commands: amounts to change by, values to change to, and the fields that change.

Gives `Distance`, `Target`, `Named`, and `PhraseReader`, which reads them at a position among the tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Final, cast

from nlq.changes import Shift
from nlq.command_words import (
    ARTICLES,
    BEFORE_CONDITION,
    EARLIER,
    EVENTS,
    FURTHER,
    LATER,
    LESS,
    LONGER,
    MORE,
    PARTICLES,
    SHORTER,
    STATES,
)
from nlq.dates import DateReading, read_date
from nlq.durations import read_duration
from nlq.money import read_money
from nlq.normalize import Kind, Token, keys
from nlq.numbers import NUMBER_WORDS, read_number, read_percent
from nlq.schema import FieldSpec, FieldType, Schema
from nlq.tagging import Tagger
from nlq.tags import RECORD, Amount, Event, Flagged, Meaning, Reading
from nlq.tries import Trie

_CODE_GAPS: Final = ("", "-", "/", ".", "_")
_AMOUNT_STARTS: Final = NUMBER_WORDS | FURTHER | {"by", "for", "+", "half", "few", "couple"} - {"the"}
_EVENTS: Final = frozenset(("EVENT", "SPAN", "WHEN", "LAYER", "FIELD"))
_LONGEST_NAME: Final = 6


@dataclass(slots=True)
class Phrase:
    """Tokens of a command that say one thing."""

    first: int
    end: int


@dataclass(slots=True)
class Distance(Phrase):
    """How much something changes by: one of a length of time, a share, a number, or an amount of money."""

    shift: Shift | None = None
    share: Decimal | None = None
    number: Decimal | None = None
    money: Amount | None = None
    timed: bool = False
    """Whether the length of time has hours, which dates have not."""
    sign: int = 0
    """Which way, where the words beside it say so."""
    particle: str = ""
    """The directing word behind it: "two weeks out"."""
    lengthens: bool = False
    """Whether a word says that a period gets longer or shorter, not moved."""


@dataclass(slots=True)
class Target(Phrase):
    """What something is to become: the one of these that was said."""

    meanings: tuple[Meaning, ...] = ()
    flag: Flagged | None = None
    amount: Amount | None = None
    amount_of: FieldSpec | None = None
    """The field that "per month" behind an amount names."""
    when: DateReading | None = None
    resets: bool = False
    """Whether it is what a reset is to: "plan"."""
    other: FieldSpec | None = None
    """A field whose value is to be taken over."""
    state: bool | None = None
    text: str = ""
    """A value that no record has yet."""
    label: FieldSpec | None = None
    """The field that the words before the value name: "to area Silo 5"."""


@dataclass(slots=True)
class Named(Phrase):
    """Fields that change."""

    fields: tuple[FieldSpec, ...] = ()
    period: bool = False
    """Whether a word for the whole period was said ("dates"), not its ends."""
    words: dict[int, str] = field(default_factory=dict)


class PhraseReader:
    """Reads the phrases of commands by one schema and vocabulary."""

    def __init__(self, schema: Schema, tagger: Tagger, currency: str) -> None:
        self._schema = schema
        self._tagger = tagger
        self._currency = currency
        conventions = schema.conventions.commands
        self._periods = Trie()
        for phrase, ends in conventions.periods.items():
            self._periods.add(keys(phrase), Reading("PERIOD", " ".join(ends)))
        self._resets = Trie()
        for phrase in conventions.reset_words:
            self._resets.add(keys(phrase), Reading("RESET"))
        self._pairs = [conventions.period, *dict.fromkeys(conventions.periods.values())]

    # How much

    def may_begin(self, token: Token) -> bool:
        """Return whether an amount can start at a token."""
        return token.kind is Kind.NUMBER or token.key in _AMOUNT_STARTS

    def distance(self, tokens: Sequence[Token], index: int, limit: int) -> Distance | None:
        """Return the amount to change by that starts at a token ("by two weeks", "10 % higher"), None without one."""
        start = index
        introduced = tokens[start].key in ("by", "for")
        start += introduced
        if start < limit and tokens[start].key == "+":
            start += 1
        found = self._amount(tokens, start, limit) if start < limit else None
        while found is None and start + 1 < limit and tokens[start].key in FURTHER:
            start += 1
            found = self._amount(tokens, start, limit)
        if found is None or found.end > limit:
            return None
        found.first = index
        if tokens[start].gap.endswith(("-", "−", "–")) and tokens[start].kind is Kind.NUMBER and introduced:
            found.sign = -1
        elif tokens[start - 1].key == "+":
            found.sign = 1
        self._directed(found, tokens, limit)
        return found

    def _amount(self, tokens: Sequence[Token], index: int, limit: int) -> Distance | None:
        duration = read_duration(tokens, index)
        if duration is not None and duration.end <= limit:
            shift = Shift(duration.months, duration.days)
            return Distance(index, duration.end, shift=shift, timed=bool(duration.seconds))
        percent = read_percent(tokens, index)
        if percent is not None and percent[0] <= limit:
            return Distance(index, percent[0], share=percent[1])
        money = read_money(tokens, index)
        if money is not None:
            foreign = money.foreign(self._currency)
            return Distance(index, money.end, money=Amount(money.value, money.scale, marked=True, foreign=foreign))
        number = read_number(tokens, index)
        return Distance(index, number.end, number=number.value) if number is not None else None

    def _directed(self, found: Distance, tokens: Sequence[Token], limit: int) -> None:
        """Take the words behind an amount that say which way it goes."""
        while found.end < limit:
            key = tokens[found.end].key
            if found.shift is not None and key in (*LATER, *EARLIER):
                found.sign = 1 if key in LATER else -1
            elif found.shift is not None and key in (*LONGER, *SHORTER) and not self._names_more(tokens, found.end):
                found.lengthens = True
                found.sign = 1 if key in LONGER else -1
            elif found.share is not None and key in (*MORE, *LESS):
                found.sign = 1 if key in MORE else -1
            elif found.shift is not None and key in PARTICLES and not found.particle and key != "in":
                found.particle = key
            else:
                return
            found.end += 1

    def _names_more(self, tokens: Sequence[Token], index: int) -> bool:
        """Return whether "on" and the like begin something else: "on the cranes"."""
        return tokens[index].key in ("on", "top") or (tokens[index].key == "more" and index + 1 < len(tokens)
                                                      and tokens[index + 1].key == "than")  # fmt: skip

    def stands_alone(self, tokens: Sequence[Token], found: Distance, begin: int, limit: int) -> bool:
        """Return whether an amount without "by" is one to change by: no condition on the records has it."""
        first = tokens[found.first].key
        if first == "by":
            return True
        before = tokens[found.first - 1].key if found.first > begin else ""
        after = tokens[found.end].key if found.end < len(tokens) else ""
        if before in BEFORE_CONDITION or after in ("ago", "from", "before", "after") or found.number is not None:
            return False
        if found.money is not None or self._is_rate(tokens, found.first):
            return False
        if found.sign or found.particle or found.lengthens or first in FURTHER - {"the", "one", "full"}:
            return True
        if found.share is not None:
            return True
        return found.first == begin or found.end == limit or before in PARTICLES

    def _is_rate(self, tokens: Sequence[Token], index: int) -> bool:
        """Return whether "a month" and the like say what an amount before them is of: "$4,500 a month"."""
        found = self._tagger.fixed.longest(tokens, index)
        if index == 0 or tokens[index - 1].kind is not Kind.NUMBER or found is None:
            return False
        if any(self.value_end(tokens, start) == index for start in range(max(0, index - _LONGEST_NAME), index)):
            return False  # "EQ-2087 a month"
        return any(reading.tag == "AMOUNT_OF" for reading in found[1])

    # To what

    def target(
        self, tokens: Sequence[Token], index: int, limit: int, today: date, named: FieldSpec | None
    ) -> Target | None:
        """Return the value that starts at a token, None without one; `named` is the field that it is for, if said."""
        start = index
        while start < limit and tokens[start].key in (*ARTICLES, "be"):
            start += 1
        if start >= limit:
            return None
        options = (self._labelled(tokens, start, limit, today), self._value(tokens, start, limit, today, named))
        found = max(filter(None, options), key=lambda option: option.end, default=None)
        if found is None and start > index:
            found = self._value(tokens, index, limit, today, named)
        if found is None or found.end > limit:
            return None
        found.first = index
        return found

    def _value(
        self, tokens: Sequence[Token], index: int, limit: int, today: date, named: FieldSpec | None
    ) -> Target | None:
        """Return the longest reading of a value; of equally long ones the one that the named field can have."""
        token = tokens[index]
        if token.kind is Kind.QUOTED:
            return self._quoted(tokens, index, named)
        options = [
            option
            for option in (
                self._reset(tokens, index),
                self._listed(tokens, index, named),
                self._money(tokens, index, named),
                self._day(tokens, index, today),
                self._flag(tokens, index),
                self._field(tokens, index),
            )
            if option is not None and option.end <= limit
        ]
        if not options:
            return self._code(tokens, index, limit, named)
        return max(options, key=lambda option: (fits(option, named), option.end))

    def _labelled(self, tokens: Sequence[Token], index: int, limit: int, today: date) -> Target | None:
        """Read a value behind the name of its field: "area Silo 5", "a monthly rate of $4,500"."""
        found = self.field(tokens, index, limit)
        for end, spec in [found] if found is not None else []:
            start = end
            while start < limit and tokens[start].key in ("of", "=", "to", "number", "the"):
                start += 1
            value = self._value(tokens, start, limit, today, spec) if start < limit else None
            if value is not None and fits(value, spec):
                value.label = spec
                return value
        return None

    def _reset(self, tokens: Sequence[Token], index: int) -> Target | None:
        found = self._resets.longest(tokens, index)
        return Target(index, found[0], resets=True) if found is not None else None

    def _listed(self, tokens: Sequence[Token], index: int, named: FieldSpec | None) -> Target | None:
        """Return a value of the vocabulary or of an enum field."""
        best: Target | None = None
        for trie in (self._tagger.fixed, self._tagger.values):
            found = trie.longest(tokens, index)
            meanings = _meanings(found[1]) if found is not None else ()
            if found is None or not meanings:
                continue
            if named is not None:
                meanings = tuple(each for each in meanings if each.field is named) or meanings
            if best is None or found[0] > best.end:
                best = Target(index, found[0], meanings=meanings)
        return best

    def _quoted(self, tokens: Sequence[Token], index: int, named: FieldSpec | None) -> Target | None:
        meanings = self._tagger.values.exact(tokens[index].key[1:])
        if named is not None:
            meanings = tuple(each for each in meanings if each.field is named)
        if meanings:
            return Target(index, index + 1, meanings=meanings)
        if named is None or named.type is not FieldType.TEXT:
            return None
        return Target(index, index + 1, text=tokens[index].raw)

    def _money(self, tokens: Sequence[Token], index: int, named: FieldSpec | None) -> Target | None:
        money = read_money(tokens, index)
        if money is not None:
            amount = Amount(money.value, money.scale, marked=True, foreign=money.foreign(self._currency))
            found = Target(index, money.end, amount=amount)
        else:
            number = read_number(tokens, index)
            if number is None:
                return None
            found = Target(index, number.end, amount=Amount(number.value, number.scale))
        if found.amount is not None and tokens[index].gap.endswith("-") and len(tokens[index].gap) > 1:
            found.amount = replace(found.amount, value=-found.amount.value)
        if found.end < len(tokens):
            per = self._tagger.fixed.longest(tokens, found.end)
            if per is None and tokens[found.end].gap == "/":
                per = (found.end + 1, self._tagger.fixed.exactly(("per", tokens[found.end].key)))
            for reading in per[1] if per is not None else ():
                if reading.tag == "AMOUNT_OF":
                    found.amount_of = cast("FieldSpec", reading.payload)
                    found.end = per[0] if per is not None else found.end
        return found

    def _day(self, tokens: Sequence[Token], index: int, today: date) -> Target | None:
        when = read_date(tokens, index, today)
        if when is None or (when.start is None and when.stop is None and not when.invalid):
            return None
        return Target(index, when.end, when=when)

    def _flag(self, tokens: Sequence[Token], index: int) -> Target | None:
        """Return a flag with its state, or the state of one that is named."""
        negative = 0
        if tokens[index].key in ("not", "non") and index + 1 < len(tokens):
            negative = 1
        elif tokens[index].key == "no" and index + 2 < len(tokens) and tokens[index + 1].key == "longer":
            negative = 2
        found = self._tagger.fixed.longest(tokens, index + negative)
        whole = self._tagger.fixed.longest(tokens, index) if negative else found
        for option, state in ((whole, True), (found, not negative)):
            for reading in option[1] if option is not None else ():
                if reading.tag == "FLAG" and option is not None:
                    flagged = cast("Flagged", reading.payload)
                    return Target(index, option[0], flag=Flagged(flagged.field, flagged.state is state))
        key = tokens[index].key
        return Target(index, index + 1, state=STATES[key]) if key in STATES else None

    def _field(self, tokens: Sequence[Token], index: int) -> Target | None:
        found = self.field(tokens, index, len(tokens))
        return Target(index, found[0], other=found[1]) if found is not None else None

    def _code(self, tokens: Sequence[Token], index: int, limit: int, named: FieldSpec | None) -> Target | None:
        """Read a code of letters and digits that no record has yet ("C-9999"), for a field that was named."""
        if named is None or named.type is not FieldType.TEXT or not named.named:
            return None
        end = index + 1
        while end < limit and tokens[end].gap in _CODE_GAPS and tokens[end].kind in (Kind.WORD, Kind.NUMBER):
            end += 1
        kinds = {token.kind for token in tokens[index:end]}
        if kinds != {Kind.WORD, Kind.NUMBER}:
            return None
        text = "".join(
            ("" if place == index else token.gap) + token.raw for place, token in enumerate(tokens[index:end], index)
        )
        return Target(index, end, text=text)

    # Which field

    def field(self, tokens: Sequence[Token], index: int, limit: int) -> tuple[int, FieldSpec] | None:
        """Return the token after the name of a field that starts at a token, and the field; None without one.

        A name that runs into a value leaves it its beginning: "area silo 4" is "area" and the value.
        """
        found = self._tagger.fixed.longest(tokens, index)
        if found is None:
            return None
        for end in range(found[0], index, -1):
            readings = found[1] if end == found[0] else self._tagger.fixed.exactly(t.key for t in tokens[index:end])
            spec = _field_of(readings) or self._event_of(readings, tokens[end - 1])
            if spec is not None and end <= limit and not (end > index + 1 and self._begins_value(tokens, end)):
                return end, spec
        return None

    def _event_of(self, readings: Sequence[Reading], last: Token) -> FieldSpec | None:
        """Return the date that a noun such as "arrival" names."""
        for reading in readings if last.key in EVENTS else ():
            if isinstance(reading.payload, Event):
                return reading.payload.field
        return None

    def _begins_value(self, tokens: Sequence[Token], end: int) -> bool:
        """Return whether the last word of a name is the first of a value."""
        value = self._tagger.values.longest(tokens, end - 1)
        return value is not None and value[0] > end

    def names(self, tokens: Sequence[Token], index: int, limit: int) -> Named | None:
        """Return the fields named from a token on, joined by "and"; None without one."""
        named = self._name(tokens, index, limit)
        while named is not None and named.end + 1 < limit and tokens[named.end].key in ("and", ",", "&", "/"):
            start = named.end + 1
            while start < limit and tokens[start].key in ("the", "and", "its", "their"):
                start += 1
            more = self._name(tokens, start, limit) if start < limit else None
            if more is None or more.period:
                break
            fields = (*named.fields, *self._layered(named.fields, more, tokens))
            named = Named(named.first, more.end, fields, named.period)
        return named

    def _name(self, tokens: Sequence[Token], index: int, limit: int) -> Named | None:
        period = self._periods.longest(tokens, index)
        found = self.field(tokens, index, limit)
        if period is not None and period[0] <= limit and (found is None or period[0] >= found[0]):
            if self.value_end(tokens, index) is not None:
                return None
            ends = cast("str", period[1][0].payload).split()
            fields = tuple(self._schema.by_name[name] for name in ends)
            return Named(index, period[0], fields, period=True)
        return Named(index, found[0], (found[1],)) if found is not None else None

    def value_end(self, tokens: Sequence[Token], index: int) -> int | None:
        """Return the token after the value of the vocabulary that starts at a token, None without one."""
        found = self._tagger.values.longest(tokens, index)
        return found[0] if found is not None else None

    def _layered(self, before: tuple[FieldSpec, ...], more: Named, tokens: Sequence[Token]) -> tuple[FieldSpec, ...]:
        """Read "plan start and end" as both ends of the plan."""
        default = self._schema.conventions.commands.period
        bare = more.end - more.first == 1 + (tokens[more.end - 1].key == "date")
        if not bare or len(more.fields) != 1 or more.fields[0].name not in default:
            return more.fields
        place = default.index(more.fields[0].name)
        for pair in self._pairs:
            if before[-1].name == pair[1 - place]:
                return (self._schema.by_name[pair[place]],)
        return more.fields

    def labels(self, tokens: Sequence[Token], named: Named) -> bool:
        """Return whether a field only names the value behind it: "area Silo 4"."""
        if named.end >= len(tokens) or len(named.fields) > 1:
            return False
        spec = named.fields[0]
        for trie in (self._tagger.values, self._tagger.fixed):
            found = trie.longest(tokens, named.end)
            if found is not None and any(each.field is spec for each in _meanings(found[1])):
                return True
            # "silo 4" of "area silo 4": the name's last word belongs to the value.
            found = trie.longest(tokens, named.end - 1)
            if found is not None and found[0] > named.end and any(e.field is spec for e in _meanings(found[1])):
                return True
        return tokens[named.end].kind is Kind.NUMBER and spec.type is FieldType.TEXT

    def is_event(self, token: Token) -> bool:
        """Return whether a word says of which date a day behind it is: "starting"."""
        return any(reading.tag in _EVENTS for reading in self._tagger.fixed.exactly((token.key,)))

    def is_record(self, tokens: Sequence[Token], named: Named) -> bool:
        """Return whether the name of a field stands for the records as well ("equipment")."""
        path = [token.key for token in tokens[named.first : named.end] if token.key not in ARTICLES]
        return any(reading.tag == RECORD for reading in self._tagger.fixed.exactly(path))

    def names_before(self, tokens: Sequence[Token], begin: int, end: int) -> Named | None:
        """Return the fields whose names end right before a token: "the cranes' monthly rate"."""
        for start in range(max(begin, end - _LONGEST_NAME), end):
            named = self.names(tokens, start, end)
            if named is not None and named.end == end:
                before = start - (start > begin and tokens[start - 1].key in ("a", "an", "any"))
                return None if before > begin and tokens[before - 1].key in BEFORE_CONDITION else named
        return None

    def single_value(self, tokens: Sequence[Token], first: int, end: int, today: date) -> Target | None:
        """Return the value of a text field that tokens name and nothing besides, None where they do not."""
        while first < end and tokens[first].key in ARTICLES:
            first += 1
        if first >= end:
            return None
        value = self._value(tokens, first, end, today, None)
        if value is None or value.end != end or not (value.meanings or value.text):
            value = self._labelled(tokens, first, end, today)
        return value if value is not None and value.end == end and (value.meanings or value.text) else None


def _meanings(readings: Sequence[Reading]) -> tuple[Meaning, ...]:
    for reading in readings:
        if reading.tag == "VALUE":
            return cast("tuple[Meaning, ...]", reading.payload)
    return ()


def _field_of(readings: Sequence[Reading]) -> FieldSpec | None:
    for reading in readings:
        if reading.tag in ("FIELD", "MEASURE"):
            return cast("FieldSpec", reading.payload)
        if reading.tag == "FLAG" and isinstance(reading.payload, Flagged) and reading.payload.state:
            return reading.payload.field
    return None


def fits(target: Target, named: FieldSpec | None) -> bool:
    """Return whether a value is one that a field can have."""
    if named is None:
        return True
    match named.type:
        case FieldType.DATE:
            return target.when is not None or target.resets or target.other is not None
        case FieldType.MONEY:
            return target.amount is not None
        case FieldType.BOOL:
            return target.state is not None or (target.flag is not None and target.flag.field is named)
    return bool(target.text) or any(each.field is named for each in target.meanings)
