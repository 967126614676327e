"""Numbers: digits and number words, read from a position among the tokens.

Gives `read_number`. "5,000.50", "5k", "1.2 million", "five hundred and twenty", "half a million", "3 hundred".
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from nlq.normalize import Kind, Token

_BELOW_TWENTY: Final = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_SMALL: Final = {word: Decimal(value) for value, word in enumerate(_BELOW_TWENTY)}
_TENS: Final = {
    word: Decimal(10 * value)
    for value, word in enumerate(("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), 2)
}
SCALES: Final = {
    "hundred": Decimal(100),
    "thousand": Decimal(1000),
    "grand": Decimal(1000),
    "k": Decimal(1000),
    "m": Decimal(10**6),
    "mm": Decimal(10**6),
    "mil": Decimal(10**6),
    "mio": Decimal(10**6),
    "million": Decimal(10**6),
    "bn": Decimal(10**9),
    "billion": Decimal(10**9),
    "trillion": Decimal(10**12),
}
_MONEY_ONLY: Final = frozenset(("k", "grand", "m", "mm", "mil", "mio", "bn"))
NUMBER_WORDS: Final = frozenset((*_SMALL, *_TENS, *SCALES, "half", "a", "dozen"))


@dataclass(frozen=True, slots=True)
class Number:
    """A number and where it ends."""

    value: Decimal
    end: int
    """Index of the token after it."""
    scale: Decimal = Decimal(1)
    """The multiplier that was said last ("k", "million"); 1 where none was."""
    shorthand: bool = False
    """Whether it was written as amounts are: "5k", "five grand"."""


def read_number(tokens: list[Token], index: int) -> Number | None:
    """Return the number that starts at a token, None where none does."""
    token = tokens[index]
    if token.kind is Kind.NUMBER:
        return _read_digits(tokens, index)
    if token.kind is Kind.WORD and (token.key in _SMALL or token.key in _TENS or token.key in ("half", "a")):
        return _read_words(tokens, index)
    return None


def _key(tokens: list[Token], index: int) -> str:
    """Return the key of a token, nothing after the last."""
    return tokens[index].key if index < len(tokens) else ""


def _read_digits(tokens: list[Token], index: int) -> Number:
    """Read digits and the multipliers after them: "5", "5k", "1.2 million", "3 hundred thousand"."""
    value = Decimal(tokens[index].key.replace(",", ""))
    if index == 0 and tokens[index].gap.endswith("-"):
        value = -value  # elsewhere a dash before a number joins more often than it negates
    scale = Decimal(1)
    shorthand = False
    end = index + 1
    while (word := _key(tokens, end)) in SCALES and (scale == 1 or SCALES[word] > scale):
        # A lone letter is a multiplier only where it touches its number, or "5 M" of a model would be five million.
        if len(word) < 3 and tokens[end].start != tokens[end - 1].end and word != "k":
            break
        scale = SCALES[word]
        value *= scale
        shorthand = word in _MONEY_ONLY
        end += 1
    if scale >= 100 and not shorthand and _key(tokens, end) == "and" and end + 1 < len(tokens):
        rest = read_number(tokens, end + 1) if tokens[end + 1].kind is Kind.NUMBER else None
        if rest is not None and rest.value < scale and scale == 100:
            return Number(value + rest.value, rest.end, Decimal(1))
    return Number(value, end, scale, shorthand)


def _read_words(tokens: list[Token], index: int) -> Number | None:
    """Read number words: groups below ten thousand, each with a multiplier smaller than the one before."""
    if tokens[index].key in ("half", "a"):
        return _read_article(tokens, index)
    total = Decimal(0)
    scale = Decimal(10**15)
    shorthand = False
    end = index
    while (group := _read_group(tokens, end)) is not None:
        value, end = group
        word = _key(tokens, end)
        if not (len(word) > 2 or word == "k") or SCALES.get(word, scale) >= scale:
            return _with_fraction(tokens, Number(total + value, end))
        scale = SCALES[word]
        shorthand = word in _MONEY_ONLY
        total += value * scale
        end += 1
        after = end + (_key(tokens, end) == "and")
        if not _starts_number(_key(tokens, after)):
            return Number(total, end, scale, shorthand)
        end = after
    return None


def _read_group(tokens: list[Token], index: int) -> tuple[Decimal, int] | None:
    """Read "five", "twenty five", "five hundred", "five hundred and twenty five", "twenty five hundred"."""
    below = _read_below_hundred(tokens, index)
    if below is None or _key(tokens, below[1]) != "hundred" or not below[0]:
        return below
    value, end = below[0] * 100, below[1] + 1
    rest = _read_below_hundred(tokens, end + (_key(tokens, end) == "and"))
    return (value + rest[0], rest[1]) if rest is not None else (value, end)


def _read_below_hundred(tokens: list[Token], index: int) -> tuple[Decimal, int] | None:
    """Read "five", "fifteen", "twenty", "twenty five"."""
    word = _key(tokens, index)
    if word in _SMALL:
        return _SMALL[word], index + 1
    if word not in _TENS:
        return None
    unit = _SMALL.get(_key(tokens, index + 1), Decimal(0))
    return (_TENS[word] + unit, index + 2) if 0 < unit < 10 else (_TENS[word], index + 1)


def _starts_number(word: str) -> bool:
    """Return whether a word begins a number below a hundred."""
    return word in _SMALL or word in _TENS


def _with_fraction(tokens: list[Token], number: Number) -> Number:
    """Read "point five" after a number, and a multiplier after that."""
    if _key(tokens, number.end) != "point" or _key(tokens, number.end + 1) not in _SMALL:
        return number
    digits = ""
    end = number.end + 1
    while (word := _key(tokens, end)) in _SMALL and _SMALL[word] < 10:
        digits += str(_SMALL[word])
        end += 1
    value = number.value + Decimal(f"0.{digits or '0'}")
    word = _key(tokens, end)
    if word in SCALES and len(word) > 2:
        return Number(value * SCALES[word], end + 1, SCALES[word], word in _MONEY_ONLY)
    return Number(value, end)


def _read_article(tokens: list[Token], index: int) -> Number | None:
    """Read "a hundred", "a million", "half a million"."""
    end = index + 1
    value = Decimal(1)
    if tokens[index].key == "half":
        value = Decimal("0.5")
        end += _key(tokens, end) == "a"
    word = _key(tokens, end)
    if word not in SCALES or len(word) < 4:
        return None
    return Number(value * SCALES[word], end + 1, SCALES[word], word in _MONEY_ONLY)
