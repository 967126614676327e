"""The words of numbers, as data: what a word counts, multiplies by, or divides by.

Gives `SMALL`, `TENS`, `COMPOUNDS`, `SCALES`, `SHORTHAND`, `COLLECTIVES`, `FEW`, `DENOMINATORS`, `VULGAR`, `ORDINALS`
and the sets of words that begin a number. Keys are stems (`normalize.stem`), so a plural has the key of its singular.
"""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from typing import Final

_BELOW_TWENTY: Final = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
SMALL: Final = {word: Decimal(value) for value, word in enumerate(_BELOW_TWENTY)}
"""Words of numbers below twenty."""

ZEROS: Final = ("nought", "naught", "nil", "oh")
"""Other words for the digit 0, in digits that are spelled out."""

_TENS_NAMES: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
TENS: Final = {word: Decimal(10 * value) for value, word in enumerate(_TENS_NAMES, 2)} | {
    "fourty": Decimal(40),
    "ninty": Decimal(90),
}
"""Words of tens; the common misspellings stand for nothing else."""

COMPOUNDS: Final = {tens + unit: value + SMALL[unit] for tens, value in TENS.items() for unit in _BELOW_TWENTY[1:10]}
"""Tens and units written as one word: "twentyfive"."""

BELOW_HUNDRED: Final = SMALL | TENS | COMPOUNDS

_LARGE: Final = (
    *("thousand", "million", "billion", "trillion", "quadrillion", "quintillion", "sextillion", "septillion"),
    *("octillion", "nonillion", "decillion"),
)
NAMED_SCALES: Final = {
    "hundred": Decimal(100),
    **{word: Decimal(1000) ** power for power, word in enumerate(_LARGE, 1)},
    "lakh": Decimal(10**5),
    "crore": Decimal(10**7),
}
"""Multipliers that are a number on their own too: "a hundred", "hundred thousand"."""

SHORTHAND: Final = {
    "grand": Decimal(1000),
    "k": Decimal(1000),
    "m": Decimal(10**6),
    "mm": Decimal(10**6),
    "mil": Decimal(10**6),
    "mln": Decimal(10**6),
    "mn": Decimal(10**6),
    "mio": Decimal(10**6),
    "bn": Decimal(10**9),
    "bln": Decimal(10**9),
    "bil": Decimal(10**9),
}
"""Multipliers that are said of amounts of money only."""

SCALES: Final = NAMED_SCALES | SHORTHAND

COLLECTIVES: Final = {"dozen": Decimal(12), "couple": Decimal(2), "pair": Decimal(2)}
"""Words that count like a multiplier and end a number: "two dozen", "a couple of"."""

FEW: Final = 3
"""What "a few" is taken for."""

ARTICLES: Final = frozenset(("a", "an"))

SIGNS: Final = {"minus": -1, "negative": -1}

_HALVES: Final = {"half": Decimal(2), "halve": Decimal(2), "quarter": Decimal(4)}
_SMALL_ORDINALS: Final = (
    *("zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"),
    *("eleventh", "twelfth"),
)


def _cardinals() -> dict[str, str]:
    """Return the word of an ordinal → that of its cardinal number."""
    pairs = dict(zip(_SMALL_ORDINALS, _BELOW_TWENTY, strict=False))
    pairs |= {word + "th": word for word in _BELOW_TWENTY[13:]}
    pairs |= {word[:-1] + "ieth": word for word in TENS}
    units = {ordinal: cardinal for ordinal, cardinal in pairs.items() if 0 < SMALL.get(cardinal, 0) < 10}
    pairs |= {tens + ordinal: tens + cardinal for tens in TENS for ordinal, cardinal in units.items()}
    return pairs | {word + "th": word for word in NAMED_SCALES}


ORDINALS: Final = _cardinals()
"""Word of an ordinal → the word of its number: "third" → "three", "millionth" → "million"."""

DENOMINATORS: Final = _HALVES | {
    ordinal: Decimal(SCALES.get(word, BELOW_HUNDRED.get(word, Decimal(0))))
    for ordinal, word in ORDINALS.items()
    if word not in ("zero", "one", "two")
}
"""Words of the parts of a whole → into how many."""


def _vulgar() -> dict[str, Decimal]:
    """Return the keys of the signs of fractions → their values."""
    signs = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
    parts = {unicodedata.normalize("NFKC", sign): sign for sign in signs}
    return {key: Decimal(key[0]) / Decimal(key.split("\u2044")[1]) for key in parts}


VULGAR: Final = _vulgar()
"""Keys of the signs of fractions ("½") → their values."""

NUMBER_WORDS: Final = frozenset(
    (*BELOW_HUNDRED, *SCALES, *COLLECTIVES, *ARTICLES, *VULGAR, "half", "quarter", "point", *ZEROS[:3])
)
"""Keys of all words that a number can hold, as far as they say nothing else."""
