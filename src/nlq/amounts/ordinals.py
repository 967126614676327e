"""Ordinals: places in an order, read from a position among the tokens.

Gives `read_ordinal` and `read_ordinal_text`. "first", "22nd", "twenty-first", "one hundred and first", "two millionth".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from nlq.amounts.number_words import ARTICLES, BELOW_HUNDRED, NAMED_SCALES, ORDINALS
from nlq.amounts.numbers import read_number
from nlq.normalize import Kind, Token, tokenize

MAX_WORDS: Final = 24
"""Most words of an ordinal."""

_ENDINGS: Final = {"1": "st", "2": "nd", "3": "rd"}
_INSIDE: Final = BELOW_HUNDRED.keys() | NAMED_SCALES.keys() | ARTICLES | {"and"}


@dataclass(frozen=True, slots=True)
class Ordinal:
    """A place in an order and where it ends."""

    value: int
    end: int
    """Index of the token after it."""


def read_ordinal(tokens: Sequence[Token], index: int) -> Ordinal | None:
    """Return the ordinal that starts at a token, None where none does."""
    token = tokens[index]
    if token.kind is Kind.NUMBER:
        return _read_figures(tokens, index) or _read_words(tokens, index)
    if token.key in ORDINALS or token.key in _INSIDE:
        return _read_words(tokens, index)
    return None


def read_ordinal_text(text: str) -> int | None:
    """Return the ordinal that a text is as a whole, with "the" at most; None where it is none."""
    tokens = tokenize(text)
    start = 1 if tokens and tokens[0].key == "the" else 0
    if start >= len(tokens):
        return None
    ordinal = read_ordinal(tokens, start)
    return ordinal.value if ordinal is not None and ordinal.end == len(tokens) else None


def _read_figures(tokens: Sequence[Token], index: int) -> Ordinal | None:
    """Read "22nd"; an ending that does not fit its figures is none."""
    figures = tokens[index].key.replace(",", "")
    end = index + 1
    if end == len(tokens) or tokens[end].gap or not figures.isdecimal() or len(figures) > MAX_WORDS:
        return None
    # 11th, 12th and 13th end like all others of their ten.
    teen = len(figures) > 1 and figures[-2] == "1"
    ending = "th" if teen else _ENDINGS.get(figures[-1], "th")
    return Ordinal(int(figures), end + 1) if tokens[end].key == ending else None


def _read_words(tokens: Sequence[Token], index: int) -> Ordinal | None:
    """Read words of a number whose last one is an ordinal: as the number of that last word's cardinal."""
    last = index
    while last < len(tokens) and last < index + MAX_WORDS and tokens[last].key not in ORDINALS:
        if tokens[last].kind is not Kind.NUMBER and tokens[last].key not in _INSIDE:
            return None
        last += 1
    if last == len(tokens) or tokens[last].key not in ORDINALS or tokens[last].raw.casefold() != tokens[last].key:
        return None
    cardinal = ORDINALS[tokens[last].key]
    as_number = (*tokens[index:last], replace(tokens[last], key=cardinal, raw=cardinal))
    number = read_number(as_number, 0)
    if number is None or number.end != len(as_number) or number.value != int(number.value):
        return None
    return Ordinal(int(number.value), last + 1) if number.value >= 0 else None
