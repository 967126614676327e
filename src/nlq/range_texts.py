"""Ranges: a text that compares a number or an amount, or names both ends of a range, without a field.

Gives `read_range_text`. "more than 4,500", "is under $1.2M", "at least 20 and at most 100", "between 5 and 10k",
"$5-10k", "500 or more", "around 40".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from nlq.amounts.comparisons import (
    ABOUT,
    ABOUT_BEHIND,
    COMPARISONS,
    COMPARISONS_OF_NUMBERS,
    SUFFIXES,
    SUFFIXES_OF_NUMBERS,
)
from nlq.amounts.money import Money, read_money
from nlq.amounts.number_parts import key_at, read_part
from nlq.amounts.numbers import Number, read_number, shared_scale
from nlq.normalize import MINUS, Kind, Token, keys, tokenize
from nlq.query import Operator
from nlq.tagging.tags import Reading
from nlq.tagging.tries import Trie
from nlq.tagging.words import PHRASES

MAX_CONDITIONS: Final = 8
"""Most comparisons of one text; a lower and an upper one are all that a range has."""

_TENTH: Final = Decimal("0.1")
_DASH: Final = re.compile(r"\s*(?:-{1,2}|[–—…]|\.{2,3})\s*")
_COPULAS: Final = frozenset(
    (
        *("is", "are", "was", "were", "be", "been", "being", "has", "have", "had", "having", "with", "of", "that"),
        *(
            "which",
            "it",
            "they",
            "cost",
            "costing",
            "costs",
            "priced",
            "valued",
            "worth",
            "totaling",
            "totalling",
            "total",
        ),
        *("a", "an", "the", "any", "in", "at", "total", "still", "will", "should", "must", "number", "value", "amount"),
    )
)
_INSIDE: Final = frozenset(("a", "an", "the", "only", "just"))
_ANDS: Final = frozenset(("and", "but", ",", "yet"))
_LEADING_ON: Final = frozenset(("than", "then", "to"))
_ABOUT: Final = "ABOUT"


@dataclass(frozen=True, slots=True)
class RangeReading:
    """The numbers that a text asks for; None stands for an end that is open."""

    low: Decimal | None
    high: Decimal | None
    low_inclusive: bool = False
    high_inclusive: bool = False
    reversed: bool = False
    """Whether the text named the higher end first, and the ends were turned around."""


@dataclass(frozen=True, slots=True)
class _Condition:
    """One comparison or range, and where it ends."""

    reading: RangeReading
    end: int


def read_range_text(text: str) -> RangeReading | None:
    """Return the range that a text as a whole asks for, None where it asks for none or for more than one."""
    tokens = tokenize(text)
    index = 0
    readings: list[RangeReading] = []
    joint = ""
    while len(readings) < MAX_CONDITIONS:
        condition = _condition(tokens, _skip(tokens, index, _COPULAS))
        if condition is None:
            return None
        readings.append(condition.reading)
        if condition.end == len(tokens):
            return _united(readings) if joint == "or" else _joined(readings)
        joint, index = _joint(tokens, condition.end, joint)
        if not joint:
            return None
    return None


def _skip(tokens: Sequence[Token], index: int, words: frozenset[str]) -> int:
    """Return the index after words that add nothing; a word that begins an amount or a comparison stays."""
    while key_at(tokens, index) in words and not _begins(tokens, index):
        index += 1
    return index


def _begins(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a comparison, a range or an amount begins at a token."""
    compared = _BEFORE.longest(tokens, index) or _RANGE.longest(tokens, index)
    return compared is not None or _amount(tokens, index) is not None


def _joint(tokens: Sequence[Token], index: int, before: str) -> tuple[str, int]:
    """Return whether "and" or "or" joins two conditions at a token, and the index after it; no mixture of both.

    A comparison right behind another is joined to it too: ">= 10 <= 20".
    """
    start = index
    while key_at(tokens, index) in _ANDS:
        index += 1
    if index > start:
        return ("and" if before != "or" else ""), index
    if key_at(tokens, index) == "or":
        return ("or" if before != "and" else ""), index + 1
    return ("and" if before != "or" and _BEFORE.longest(tokens, index) is not None else ""), index


def _condition(tokens: Sequence[Token], index: int) -> _Condition | None:
    """Read one comparison or range."""
    if index >= len(tokens):
        return None
    return _between(tokens, index) or _compared(tokens, index) or _plain(tokens, index)


def _between(tokens: Sequence[Token], index: int) -> _Condition | None:
    """Read "between 5 and 10k", "from 200 to 300", "in the range of 5-10"."""
    found = _RANGE.longest(tokens, index)
    if found is None:
        return None
    low = _amount(tokens, _skip(tokens, found[0], _INSIDE))
    if low is None:
        return None
    start = _to(tokens, low.end)
    if start is None and key_at(tokens, low.end) in ("and", "&"):
        start = low.end + 1
    high = _upper(tokens, low, start)
    return _Condition(_ends(low, high), high.end) if high is not None and not _elided(low, high) else None


def _compared(tokens: Sequence[Token], index: int) -> _Condition | None:
    """Read "more than 5", "about 5", "about 5 to 10", "equal to 5 or more"."""
    found = _BEFORE.longest(tokens, index)
    if found is None:
        return None
    operator = found[1][0].payload
    start = _skip(tokens, found[0], _INSIDE)
    amount = _amount(tokens, start)
    if amount is None or operator is Operator.NE:
        return None
    if not isinstance(operator, Operator):
        return _plain(tokens, start) or _Condition(_within_a_tenth(amount.value), amount.end)
    end, behind = _behind(tokens, amount.end)
    if behind is None:
        return _Condition(_bound(operator, amount.value), amount.end)
    return _Condition(_bound(behind, amount.value), end) if operator is Operator.EQ else None


def _plain(tokens: Sequence[Token], index: int) -> _Condition | None:
    """Read "5 to 10", "5-10k", "500 or more", "30 or so"; a number alone asks for nothing."""
    low = _amount(tokens, index)
    if low is None:
        return None
    high = _upper(tokens, low, _to(tokens, low.end))
    if high is not None:
        return None if _elided(low, high) else _Condition(_ends(low, high), high.end)
    end, behind = _behind(tokens, low.end)
    if behind is not None:
        return _Condition(_bound(behind, low.value), end)
    about = _ABOUT_BEHIND.longest(tokens, low.end) if low.end < len(tokens) else None
    return _Condition(_within_a_tenth(low.value), about[0]) if about is not None else None


def _behind(tokens: Sequence[Token], index: int) -> tuple[int, Operator | None]:
    """Return the comparison behind an amount, and the index after it."""
    found = _AFTER.longest(tokens, index) if index < len(tokens) else None
    if found is None:
        return index, None
    following = key_at(tokens, found[0])
    if following in _LEADING_ON or (following and _amount(tokens, found[0]) is not None):
        return index, None  # "500 and more than 20", "500 and up to 800": the words belong to what follows
    operator = found[1][0].payload
    return found[0], operator if isinstance(operator, Operator) else None


def _to(tokens: Sequence[Token], index: int) -> int | None:
    """Return where the upper end of a range begins: behind "to", or behind a dash."""
    if index >= len(tokens):
        return None
    found = _TO.longest(tokens, index)
    if found is not None:
        return found[0]
    return index if _DASH.fullmatch(tokens[index].gap) else None


def _upper(tokens: Sequence[Token], low: Money | Number, start: int | None) -> Money | Number | None:
    """Return the amount that ends a range, behind the dash or the word that joins it."""
    if start is None:
        return None
    return _amount(tokens, _skip(tokens, start, _INSIDE), signed=start > low.end)


def _amount(tokens: Sequence[Token], index: int, *, signed: bool = True) -> Money | Number | None:
    """Return the amount or number at a token, below zero behind a minus of its own."""
    index += key_at(tokens, index) == "+" and index + 1 < len(tokens) and not tokens[index + 1].gap
    if index >= len(tokens):
        return None
    amount = read_money(tokens, index) or _number(tokens, index)
    gap = tokens[index].gap
    apart = len(gap) > 1 or (index > 0 and tokens[index - 1].kind is Kind.SYMBOL)
    if amount is None or amount.value < 0 or not (signed and apart and gap.endswith(MINUS)):
        return amount
    return replace(amount, value=-amount.value)


def _number(tokens: Sequence[Token], index: int) -> Number | None:
    """Return the number at a token, a part of one too: "one half", "3/4"."""
    number, part = read_number(tokens, index), read_part(tokens, index)
    if part is None or (number is not None and number.end >= part[1]):
        return number
    return Number(*part)


def _elided(low: Money | Number, high: Money | Number) -> bool:
    """Return whether the upper end may lack the multiplier of the lower one: "between 1 million and 2"."""
    return high.scale == 1 and low.scale > 1 and 0 < high.value < low.value


def _ends(low: Money | Number, high: Money | Number) -> RangeReading:
    """Return the range of two amounts; a multiplier of the upper one holds for the lower one too."""
    first, last = shared_scale(low, high), high.value
    turned = first > last
    return RangeReading(min(first, last), max(first, last), True, True, turned)


def _bound(operator: Operator, value: Decimal) -> RangeReading:
    """Return the range of a comparison with a number."""
    match operator:
        case Operator.GT | Operator.GE:
            return RangeReading(value, None, operator is Operator.GE)
        case Operator.LT | Operator.LE:
            return RangeReading(None, value, False, operator is Operator.LE)
        case _:
            return RangeReading(value, value, True, True)


def _within_a_tenth(value: Decimal) -> RangeReading:
    """Return the range of a number that is meant about."""
    width = abs(value) * _TENTH
    return RangeReading(value - width, value + width, True, True)


def _joined(readings: Sequence[RangeReading]) -> RangeReading | None:
    """Return what holds for all readings; None where two bound the same side, or nothing is left."""
    if len(readings) == 1:
        return readings[0]
    lows = [reading for reading in readings if reading.low is not None]
    highs = [reading for reading in readings if reading.high is not None]
    if len(lows) != 1 or len(highs) != 1 or lows[0] is highs[0]:
        return None
    low, high = lows[0], highs[0]
    if low.low is None or high.high is None or low.low > high.high:
        return None
    return RangeReading(low.low, high.high, low.low_inclusive, high.high_inclusive)


def _united(readings: Sequence[RangeReading]) -> RangeReading | None:
    """Return what holds for one of two readings of the same number: "more than 5 or equal to 5"."""
    exact = [reading for reading in readings if reading.low == reading.high]
    others = [reading for reading in readings if reading.low != reading.high]
    if len(exact) != 1 or len(others) != 1:
        return None
    value, other = exact[0].low, others[0]
    if value is None or value not in (other.low, other.high) or (other.low is not None and other.high is not None):
        return None
    return _bound(Operator.GE if other.low is not None else Operator.LE, value)


def _trie(tag: str, *tables: Mapping[Operator, Iterable[str]]) -> Trie:
    """Return a trie of phrases → their operators."""
    trie = Trie()
    for table in tables:
        for operator, phrases in table.items():
            for phrase in phrases:
                trie.add(keys(phrase), Reading(tag, operator))
    return trie


def _words(tag: str, phrases: Iterable[str], trie: Trie) -> Trie:
    """Add phrases without an operator to a trie."""
    for phrase in phrases:
        trie.add(keys(phrase), Reading(tag))
    return trie


_BEFORE: Final = _words(_ABOUT, ABOUT, _trie("COMPARE", COMPARISONS, COMPARISONS_OF_NUMBERS))
_AFTER: Final = _trie("SUFFIX", SUFFIXES, SUFFIXES_OF_NUMBERS)
_ABOUT_BEHIND: Final = _words(_ABOUT, ABOUT_BEHIND, Trie())
_RANGE: Final = _words("BETWEEN", (*PHRASES["BETWEEN"], *PHRASES["FROM"]), Trie())
_TO: Final = _words("TO", (*PHRASES["TO"], "up to", "till", "~"), Trie())
