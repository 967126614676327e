"""Parts of numbers: figures, words below a hundred, decimals and fractions, before any multiplier.

Gives `read_part` (of a whole: "half", "two thirds", "3/4") and, for the reader of numbers, `read_base`,
`read_below_hundred_after` and the small questions that both ask of a token.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from nlq.amounts.digits import EXACT, read_digits, read_fraction
from nlq.amounts.number_words import (
    ARTICLES,
    BELOW_HUNDRED,
    COLLECTIVES,
    DENOMINATORS,
    NAMED_SCALES,
    NUMBER_WORDS,
    SMALL,
    TENS,
    VULGAR,
    ZEROS,
)
from nlq.normalize import NUMBER, Token

_ONE: Final = Decimal(1)
_PARTIAL: Final = frozenset(("half", "quarter", *VULGAR))
_ORDINAL_ENDINGS: Final = frozenset(("st", "nd", "rd", "th"))
_POINTS: Final = frozenset(("point", "dot"))
DIGITS: Final = {word: str(value) for word, value in SMALL.items() if value < 10} | dict.fromkeys((*ZEROS, "o"), "0")
"""Words of single digits → their figures."""


def read_part(tokens: Sequence[Token], index: int) -> tuple[Decimal, int] | None:
    """Return the part of a whole that starts at a token and the index after it: "half", "a third", "3/4", "two thirds".

    Of the readings of "three quarters" this is the one that is a number; others are for whoever asks.
    """
    key = key_at(tokens, index)
    if key in VULGAR:
        return VULGAR[key], index + 1
    if key == "half" and tokens[index].raw.casefold() == "half":
        return Decimal("0.5"), index + 1
    top, end = _numerator(tokens, index)
    if end == index and tokens[index : index + 1] and tokens[index].kind is NUMBER:
        return read_fraction(tokens, index)
    below = DENOMINATORS.get(key_at(tokens, end)) if end > index else None
    if below is None or (tokens[end].raw.casefold()[-1] == "s") is (top == 1):
        return None
    return (top / below, end + 1) if 0 < top < below else None


def key_at(tokens: Sequence[Token], index: int) -> str:
    """Return the key of a token, nothing after the last."""
    return tokens[index].key if index < len(tokens) else ""


def is_singular(token: Token) -> bool:
    """Return whether a word of a number was written as one: "ones" and "thousands" count nothing."""
    return token.key in VULGAR or token.raw.casefold() == token.key


def after_and(tokens: Sequence[Token], index: int) -> tuple[int, bool]:
    """Return the index where a number can go on, and whether an "and" stands before it."""
    return (index + 1, True) if key_at(tokens, index) == "and" else (index, False)


def read_base(tokens: Sequence[Token], index: int) -> tuple[Decimal, int, bool] | None:
    """Return the number before multipliers, the index after it, and whether it is one without any multiplier."""
    token = tokens[index]
    if token.kind is NUMBER:
        return _figures(tokens, index)
    if token.key not in NUMBER_WORDS or not is_singular(token):
        return None
    if token.key in _PARTIAL:
        return _part_of_scale(tokens, index)
    if token.key in ARTICLES:
        if key_at(tokens, index + 1) in ("half", "quarter"):
            return _part_of_scale(tokens, index)
        following = key_at(tokens, index + 1)
        counts = (following in NAMED_SCALES or following in COLLECTIVES) and is_singular(tokens[index + 1])
        return (_ONE, index + 1, False) if counts else None
    if token.key in NAMED_SCALES or token.key in COLLECTIVES:
        return _ONE, index, False
    if _numerator(tokens, index)[1] and key_at(tokens, index + 1) in DENOMINATORS:
        part = _part_of_scale(tokens, index)
        if part is not None:
            return part
    return _words(tokens, index)


def _figures(tokens: Sequence[Token], index: int) -> tuple[Decimal, int, bool] | None:
    """Read figures with what touches or follows them: "2½", "2 1/2", "1 point 5"; none for "4th"."""
    if (fraction := read_fraction(tokens, index) if index + 1 < len(tokens) else None) is not None:
        part = _of_scale(tokens, *fraction)
        if part is not None:
            return part
    figures = read_digits(tokens, index)
    if figures is None:
        return None
    value, end = figures
    if end == len(tokens):
        return value, end, True
    following = tokens[end]
    if following.key in _ORDINAL_ENDINGS and not following.gap:
        return None
    if following.key in VULGAR:
        return value + VULGAR[following.key], end + 1, True
    if following.kind is NUMBER and following.gap == " " and value == value.to_integral_value():
        fraction = read_fraction(tokens, end)
        if fraction is not None:
            return value + fraction[0], fraction[1], True
    return (*_with_decimals(tokens, value, end), True)


def _words(tokens: Sequence[Token], index: int) -> tuple[Decimal, int, bool] | None:
    """Read words below a hundred with their decimals or fraction: "twenty five point two", "two and a half"."""
    below = _below_hundred(tokens, index)
    if below is not None:
        return (*_with_decimals(tokens, *below), True)
    spoken = tokens[index].key == "point" and key_at(tokens, index + 1) in DIGITS
    if spoken or tokens[index].key in ZEROS:
        value, end = _with_decimals(tokens, Decimal(0), index + (tokens[index].key in ZEROS))
        return (value, end, True) if end > index else None
    return None


def _below_hundred(tokens: Sequence[Token], index: int) -> tuple[Decimal, int] | None:
    """Read "five", "fifteen", "twenty", "twenty five", "twentyfive"."""
    key = key_at(tokens, index)
    if key not in BELOW_HUNDRED or not is_singular(tokens[index]):
        return None
    value = BELOW_HUNDRED[key]
    if key in TENS:
        unit = SMALL.get(key_at(tokens, index + 1), Decimal(0))
        if 0 < unit < 10 and is_singular(tokens[index + 1]):
            return value + unit, index + 2
    return value, index + 1


def read_below_hundred_after(tokens: Sequence[Token], index: int) -> tuple[Decimal, int] | None:
    """Read what follows "hundred" in its own group: "(and) twenty five", unless that has a hundred of its own."""
    if key_at(tokens, index) in _POINTS:
        value, end = _with_decimals(tokens, Decimal(0), index)
        return (value, end) if end > index else None
    start, _ = after_and(tokens, index)
    below = _below_hundred(tokens, start)
    if below is None or not below[0]:
        return None
    value, end = _with_decimals(tokens, *below)
    return None if key_at(tokens, end) in ("hundred", *COLLECTIVES) else (value, end)


def _with_decimals(tokens: Sequence[Token], value: Decimal, end: int) -> tuple[Decimal, int]:
    """Read "point two five" or "and a half" after a number."""
    key = key_at(tokens, end)
    if key == "and":
        return _with_part(tokens, value, end)
    if key not in _POINTS or value != value.to_integral_value():
        return value, end
    digits, after = _decimals(tokens, end + 1)
    if not digits:
        return value, end
    return EXACT.add(value, Decimal(f"0.{digits}")), after


def _decimals(tokens: Sequence[Token], index: int) -> tuple[str, int]:
    """Return the figures said after a point: "zero five", "twenty five", "25"."""
    if index < len(tokens) and tokens[index].key.isdecimal():
        return tokens[index].key, index + 1
    digits = ""
    while (key := key_at(tokens, index)) in DIGITS and len(digits) < 20:
        digits += DIGITS[key]
        index += 1
    if not digits and (below := _below_hundred(tokens, index)) is not None:
        return str(below[0]), below[1]
    return digits, index


def _with_part(tokens: Sequence[Token], value: Decimal, end: int) -> tuple[Decimal, int]:
    """Read "and a half", "and three quarters" after a whole number."""
    start = end + 1
    if start >= len(tokens) or value != value.to_integral_value():
        return value, end
    part = read_part(tokens, start)
    return (value + part[0], part[1]) if part is not None else (value, end)


def _numerator(tokens: Sequence[Token], index: int) -> tuple[Decimal, int]:
    """Return how many parts are said, and the index after; the index itself where none are."""
    key = key_at(tokens, index)
    if key in ARTICLES:
        return _ONE, index + 1
    value = SMALL.get(key)
    return (value, index + 1) if value else (_ONE, index)


def _part_of_scale(tokens: Sequence[Token], index: int) -> tuple[Decimal, int, bool] | None:
    """Read "half a", "a quarter", "two thirds of a" before a multiplier."""
    if key_at(tokens, index) == "quarter":
        return _of_scale(tokens, Decimal("0.25"), index + 1)
    part = read_part(tokens, index)
    return None if part is None else _of_scale(tokens, *part)


def _of_scale(tokens: Sequence[Token], value: Decimal, end: int) -> tuple[Decimal, int, bool] | None:
    """Return a part where a multiplier follows it, after "of" and "a"."""
    end += key_at(tokens, end) == "of"
    end += key_at(tokens, end) in ARTICLES
    key = key_at(tokens, end)
    if key not in NAMED_SCALES and key not in COLLECTIVES:
        return None
    return (value, end, False) if is_singular(tokens[end]) else None
