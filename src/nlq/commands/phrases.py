"""Phrases of commands: amounts to change by and values to change to, at a position among the tokens.

Gives `Distance`, `Target`, `PhraseReader`, `fits` and `spec_of`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final, cast

from nlq.amounts.durations import read_duration
from nlq.amounts.money import MARKS, read_money
from nlq.amounts.numbers import NUMBER_WORDS, read_number, read_percent
from nlq.changes import Shift
from nlq.commands.fields import FieldReader, Phrase, meanings_of
from nlq.commands.words import (
    ARTICLES,
    BEFORE_CONDITION,
    EARLIER,
    FURTHER,
    LATER,
    LESS,
    LONGER,
    MORE,
    OFF,
    PARTICLES,
    SETTING,
    SHORTER,
    STATES,
    UNTIL,
)
from nlq.dates import DateReading, read_date
from nlq.normalize import MINUS, Kind, Token, keys
from nlq.schema import FieldSpec, FieldType, Schema
from nlq.tagging.fuzzy import nearest
from nlq.tagging.tagger import Tagger
from nlq.tagging.tags import Amount, Flagged, Meaning, Reading
from nlq.tagging.tries import Trie

_CODE_GAPS: Final = ("", "-", "/", ".", "_")
_AMOUNT_STARTS: Final = NUMBER_WORDS | FURTHER | {"by", "for", "+", "half", "few", "couple"} | MARKS.keys() - {"the"}
_LONGEST_NAME: Final = 6
_MOST_LEADING: Final = 4
"""Words before a value that say nothing of it, "be the", at most."""
_MOST_FURTHER: Final = 5
"""Words of "by another full 2 weeks" up to its amount, at most."""


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


class PhraseReader:
    """Reads the phrases of commands by one schema and vocabulary."""

    def __init__(self, schema: Schema, tagger: Tagger, currency: str) -> None:
        self.fields = FieldReader(schema, tagger)
        self._tagger = tagger
        self._currency = currency
        self._resets = Trie()
        for phrase in schema.conventions.commands.reset_words:
            self._resets.add(keys(phrase), Reading("RESET"))

    def nearest(self, said: str, name: str) -> tuple[str, ...]:
        """Return the values of a field most like what was said."""
        return nearest(said, self._tagger.values.values.get(name, ()))

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
        last = min(limit, start + _MOST_FURTHER) - 1
        while found is None and start < last and tokens[start].key in FURTHER:
            start += 1
            found = self._amount(tokens, start, limit)
        if found is None or found.end > limit:
            return None
        found.first = index
        dash = tokens[start].gap.endswith(MINUS) and tokens[start].kind is Kind.NUMBER
        if dash and (introduced or tokens[start].gap[0].isspace()):
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
            if key == "up" and found.end + 1 < len(tokens) and tokens[found.end + 1].key == "to":
                return  # "10 % up to $5,000"
            if found.shift is not None and key in (*LATER, *EARLIER):
                found.sign = 1 if key in LATER else -1
            elif found.shift is not None and key in (*LONGER, *SHORTER) and not self._names_more(tokens, found.end):
                found.lengthens = True
                found.sign = 1 if key in LONGER else -1
            elif (found.share is not None or found.money is not None) and key in (*MORE, *LESS):
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
        if before in (*SETTING, *UNTIL):
            return False  # "reduce the rate to 90 %"
        amount = found.money is not None or found.share is not None
        if amount and found.first == begin and after in OFF:
            return True  # "add $500 to the rate", "cut 5 % from the rates"
        if before in BEFORE_CONDITION or after in ("ago", "from", "before", "after") or found.number is not None:
            return False
        if found.money is not None or self._is_rate(tokens, found.first):
            return found.money is not None and found.sign != 0  # "$500 higher"
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
        if any(self.fields.value_end(tokens, start) == index for start in range(max(0, index - _LONGEST_NAME), index)):
            return False  # "EQ-2087 a month"
        return any(reading.tag == "AMOUNT_OF" for reading in found[1])

    def target(
        self, tokens: Sequence[Token], index: int, limit: int, today: date, named: FieldSpec | None
    ) -> Target | None:
        """Return the value that starts at a token, None without one; `named` is the field that it is for, if said."""
        start = index
        while start < min(limit, index + _MOST_LEADING) and tokens[start].key in (*ARTICLES, "be"):
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
                self._other(tokens, index),
            )
            if option is not None and option.end <= limit
        ]
        if not options:
            return self._code(tokens, index, limit, named)
        return max(options, key=lambda option: (fits(option, named), option.end))

    def _labelled(self, tokens: Sequence[Token], index: int, limit: int, today: date) -> Target | None:
        """Read a value behind the name of its field: "area Silo 5", "a monthly rate of $4,500"."""
        found = self.fields.field(tokens, index, limit)
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
            meanings = meanings_of(found[1]) if found is not None else ()
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
        if found.amount is not None and tokens[index].gap.endswith(MINUS) and len(tokens[index].gap) > 1:
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

    def _other(self, tokens: Sequence[Token], index: int) -> Target | None:
        found = self.fields.field(tokens, index, len(tokens))
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


def spec_of(target: Target) -> FieldSpec | None:
    """Return the field that a value is of, the first where it can be of several."""
    return target.label or (target.meanings[0].field if target.meanings else None)
