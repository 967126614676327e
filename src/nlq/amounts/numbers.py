"""Numbers: figures and number words, read from a position among the tokens.

Gives `read_number`, `figures_end`, `read_percent`, `read_part`, `read_number_text` and `shared_scale`. "5,000.50",
"5k", "2 1/2", "1.2 million", "five hundred and twenty", "two million 300 thousand", "half a million", "a couple of
thousand".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, Protocol

from nlq.amounts.digits import EXACT, fits
from nlq.amounts.number_parts import (
    DIGITS,
    after_and,
    is_singular,
    key_at,
    read_base,
    read_below_hundred_after,
    read_part,
)
from nlq.amounts.number_words import (
    ARTICLES,
    BELOW_HUNDRED,
    COLLECTIVES,
    NAMED_SCALES,
    NUMBER_WORDS,
    SCALES,
    SHORTHAND,
    SIGNS,
)
from nlq.normalize import MINUS, NUMBER, SYMBOL, WORD, Token, tokenize

__all__ = [
    "NUMBER_WORDS",
    "SCALES",
    "Number",
    "figures_end",
    "read_number",
    "read_number_text",
    "read_part",
    "read_percent",
    "shared_scale",
]

_ONE: Final = Decimal(1)
_THOUSAND: Final = Decimal(1000)
_MILLION: Final = Decimal(10**6)
_STARTS: Final = NUMBER_WORDS | SIGNS.keys()
_PLAIN_PLACES: Final = 15
_COUNTED: Final = NAMED_SCALES.keys() | COLLECTIVES.keys() | {"half", "quarter"}
"""Words that "a" counts one of."""
_GOING_ON: Final = NUMBER_WORDS | {"and", "dot", "e", "st", "nd", "rd", "th"}
_PERCENT: Final = frozenset(("%", "percent", "pct", "percentage"))
BEHIND_SHARE: Final = _PERCENT | {"per"}
"""Keys, one of which stands behind a number that is a percentage."""
_TOUCHING: Final = frozenset(("m", "mm", "mn"))


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class Number:
    """A number and where it ends."""

    value: Decimal
    end: int
    """Index of the token after it."""
    scale: Decimal = _ONE
    """The multiplier that was said last ("k", "million"); 1 where none was, or where more was said after it."""
    shorthand: bool = False
    """Whether it was written as amounts are: "5k", "five grand"."""
    multiple: Decimal = _ONE
    """All multipliers together: 100,000 of "three hundred thousand"."""


def read_number(tokens: Sequence[Token], index: int) -> Number | None:
    """Return the number that starts at a token, None where none does."""
    token = tokens[index]
    if token.kind is NUMBER:
        if _is_plain(tokens, index):
            return Number(Decimal(token.key.replace(",", "")), index + 1)
        if _are_thousands(tokens, index):
            value = EXACT.multiply(Decimal(token.key.replace(",", "")), _THOUSAND)
            return Number(value, index + 2, _THOUSAND, shorthand=True, multiple=_THOUSAND)
    elif token.key not in _STARTS or (token.key in ARTICLES and key_at(tokens, index + 1) not in _COUNTED):
        return None
    number = _signed(tokens, index)
    if number is None or not fits(number.value):
        return None
    return _lower_end(tokens, index, number) if index and _begins_range(tokens, index) else number


class Scaled(Protocol):
    """A number with the multipliers that it was said with."""

    @property
    def value(self) -> Decimal:
        """The number, multiplied."""

    @property
    def scale(self) -> Decimal:
        """The multiplier that was said last."""

    @property
    def multiple(self) -> Decimal:
        """All multipliers together."""


def shared_scale(low: Scaled, high: Scaled) -> Decimal:
    """Return the lower end of a range with the multipliers that the upper one says for both: 5,000 of "5 to 10k"."""
    if low.scale >= _THOUSAND:
        return low.value
    for scale in (high.multiple, high.scale):
        if scale > low.scale and abs(low.value) * scale < abs(high.value):
            return low.value * scale
    return low.value


def read_percent(tokens: Sequence[Token], index: int) -> tuple[int, Decimal] | None:
    """Return the index after a percentage and its share of one: 0.1 for "10 %", "ten percent", "10 per cent"."""
    number = read_number(tokens, index)
    if number is not None:
        value, end = number.value, number.end
    elif (part := read_part(tokens, index) if tokens[index].key in _STARTS else None) is not None:
        value, end = part[0], part[1] + (key_at(tokens, part[1]) in ("a", "of"))
    else:
        return None
    key = key_at(tokens, end)
    if key in _PERCENT:
        return end + 1, EXACT.divide(value, Decimal(100))
    if key == "per" and key_at(tokens, end + 1) == "cent":
        return end + 2, EXACT.divide(value, Decimal(100))
    return None


def read_number_text(text: str) -> Decimal | None:
    """Return the number that a text is as a whole, None where it is none or says anything besides.

    As a whole "2 million 300" and "- 7" leave no doubt, and neither does "four oh seven".
    """
    tokens = tokenize(text)
    while tokens and tokens[-1].key == ",":
        tokens.pop()
    if not tokens:
        return None
    start = 1 if tokens[0].key == "+" and len(tokens) > 1 and not tokens[1].gap else 0
    number = read_number(tokens, start)
    if number is not None and number.end < len(tokens):
        number = _with_rest(tokens, number)
    if number is not None and number.end == len(tokens):
        apart = tokens[0].gap.strip() in MINUS and tokens[0].gap[-1].isspace()
        return -number.value if apart else number.value
    part = read_part(tokens, start)
    if part is not None and part[1] == len(tokens):
        return part[0]
    return _spelled(tokens)


def _with_rest(tokens: Sequence[Token], number: Number) -> Number:
    """Read the figures that end a text as a part of its number: "2 million 300", "5 thousand and 20"."""
    start = after_and(tokens, number.end)[0]
    rest = read_number(tokens, start) if start < len(tokens) else None
    if rest is None or rest.end < len(tokens) or not 0 < rest.value < number.scale or number.shorthand:
        return number
    return Number(EXACT.add(number.value, rest.value), rest.end)


def _is_plain(tokens: Sequence[Token], index: int) -> bool:
    """Return whether figures have nothing beside them that could belong to them, as most of them have not."""
    token = tokens[index]
    if (token.gap and token.gap != " ") or len(token.key) > _PLAIN_PLACES:
        return False
    if index + 1 == len(tokens):
        return True
    following = tokens[index + 1]
    if following.kind is SYMBOL:
        return following.key != ","
    return following.kind is WORD and following.gap in ("", " ") and following.key not in _GOING_ON


def _are_thousands(tokens: Sequence[Token], index: int) -> bool:
    """Return whether figures with a "k" that touches them have nothing else beside them: "5k", "5k and"."""
    token, behind = tokens[index], index + 2
    if (token.gap and token.gap != " ") or len(token.key) > _PLAIN_PLACES or key_at(tokens, index + 1) != "k":
        return False
    return not tokens[index + 1].gap and (
        behind == len(tokens) or (tokens[behind].kind is WORD and tokens[behind].key not in NUMBER_WORDS)
    )


def figures_end(tokens: Sequence[Token], index: int) -> int:
    """Return the index after figures that have nothing beside them that could belong to them, 0 for everything else.

    Such are "5" and "5k", and most numbers.
    """
    if tokens[index].kind is not NUMBER:
        return 0
    return index + 1 if _is_plain(tokens, index) else index + 2 if _are_thousands(tokens, index) else 0


def _begins_range(tokens: Sequence[Token], index: int) -> bool:
    """Return whether "between" stands before a number, at most a currency sign apart."""
    return tokens[index - 1].key == "between" or (index > 1 and tokens[index - 2].key == "between")


def _lower_end(tokens: Sequence[Token], index: int, number: Number) -> Number:
    """Leave the upper end of "between two hundred and five thousand" its "and", where no other is left for it."""
    if key_at(tokens, number.end) in ("and", "to", "&") or (
        number.end < len(tokens) and tokens[number.end].kind is not WORD
    ):
        return number
    ands = [at for at in range(index, number.end) if tokens[at].key == "and"]
    shorter = _signed(tokens[: ands[-1]], index) if ands else None
    return shorter if shorter is not None and shorter.end == ands[-1] else number


def _signed(tokens: Sequence[Token], index: int) -> Number | None:
    """Read a number with the sign before it: "-5", "minus five"."""
    token = tokens[index]
    if token.key in SIGNS:
        number = (
            _signed(tokens, index + 1) if key_at(tokens, index + 1) not in SIGNS and index + 1 < len(tokens) else None
        )
        return None if number is None else replace(number, value=SIGNS[token.key] * number.value)
    number = _joined(tokens, index)
    # Elsewhere a dash before a number joins more often than it negates.
    if number is not None and index == 0 and token.gap.removesuffix(".").endswith(MINUS):
        return replace(number, value=-number.value)
    return number


def _joined(tokens: Sequence[Token], index: int) -> Number | None:
    """Read stretches with smaller and smaller multipliers: "two million three hundred thousand and five"."""
    number = _stretch(tokens, index)
    while number is not None and number.scale > 1:
        start, apart = after_and(tokens, number.end)
        start = _after_comma(tokens, number) or start
        rest = _stretch(tokens, start) if _goes_on(tokens, start) else None
        if rest is None or not 0 < rest.value < number.scale or not _joins(tokens[start], number, rest, apart=apart):
            break
        value = EXACT.add(number.value, rest.value)
        number = Number(value, rest.end, min(rest.scale, number.scale), number.shorthand or rest.shorthand)
    if number is None:
        return None
    return _with_half(tokens, number)


def _after_comma(tokens: Sequence[Token], number: Number) -> int | None:
    """Return the index behind the comma of "two thousand, three hundred", None where none is."""
    if key_at(tokens, number.end) != "," or number.scale < _THOUSAND or number.shorthand:
        return None
    rest = _joined(tokens, number.end + 1) if _is_word(tokens, number.end + 1) else None
    return number.end + 1 if rest is not None and rest.value >= 100 else None


def _goes_on(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a number can go on with a token."""
    if index >= len(tokens):
        return False
    return tokens[index].kind is NUMBER or _is_word(tokens, index)


def _is_word(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a token is a word of a number below a hundred."""
    return key_at(tokens, index) in BELOW_HUNDRED and is_singular(tokens[index])


def _joins(first: Token, number: Number, rest: Number, *, apart: bool) -> bool:
    """Return whether what follows a number belongs to it: plain figures do only in "3 hundred and 21"."""
    if number.shorthand:
        return rest.shorthand and not apart
    return first.kind is not NUMBER or rest.scale > 1 or (apart and number.scale == 100)


def _with_half(tokens: Sequence[Token], number: Number) -> Number:
    """Read "and a half" behind a million: half of what was said last."""
    if number.scale < _MILLION or key_at(tokens, number.end) != "and":
        return number
    part = read_part(tokens, number.end + 1) if number.end + 1 < len(tokens) else None
    if part is None or part[0] not in (Decimal("0.5"), Decimal("0.25")):
        return number
    return replace(number, value=number.value + part[0] * number.scale, end=part[1])


def _stretch(tokens: Sequence[Token], index: int) -> Number | None:
    """Read a number with its own multipliers: "5k", "3 hundred and 21 thousand", "half a million", "two dozen"."""
    base = read_base(tokens, index)
    if base is None:
        return None
    value, end, complete = base
    if (collective := _collective(tokens, end)) is not None:
        return _counted(tokens, collective[1], value * collective[0])
    hundred = Decimal(1)
    if key_at(tokens, end) == "hundred" and 0 < value < 100:
        hundred = Decimal(100)
        value, end = value * 100, end + 1
        rest = read_below_hundred_after(tokens, end)
        if rest is not None:
            value, end, hundred = value + rest[0], rest[1], Decimal(1)
    elif not complete and key_at(tokens, end) not in NAMED_SCALES:
        return None
    scale = _multiplier(tokens, end)
    if scale is None:
        return Number(value, end, hundred, multiple=hundred)
    return Number(
        EXACT.multiply(value, scale), end + 1, scale, tokens[end].key in SHORTHAND, EXACT.multiply(hundred, scale)
    )


def _counted(tokens: Sequence[Token], end: int, value: Decimal) -> Number:
    """Read a multiplier after "a couple of": "a couple of thousand"."""
    after = end + (key_at(tokens, end) == "of")
    key = key_at(tokens, after)
    if key == "dozen":
        return Number(value * COLLECTIVES[key], after + 1)
    if key in NAMED_SCALES:
        return Number(value * SCALES[key], after + 1, SCALES[key], multiple=SCALES[key])
    return Number(value, end)


def _collective(tokens: Sequence[Token], index: int) -> tuple[Decimal, int] | None:
    """Return what "dozen" or "couple" at a token counts, and the index after it."""
    key = key_at(tokens, index)
    if key not in COLLECTIVES or (key == "couple" and not is_singular(tokens[index])):
        return None
    return COLLECTIVES[key], index + 1


def _multiplier(tokens: Sequence[Token], index: int) -> Decimal | None:
    """Return the multiplier of thousands or more at a token; a lone letter is one only where it touches its number."""
    key = key_at(tokens, index)
    if key not in SCALES or key == "hundred":
        return None
    # Apart from its number, "5 M" could be a model as well as five million.
    if key in _TOUCHING and tokens[index].start != tokens[index - 1].end:
        return None
    if key == "mm" and tokens[index].raw != "MM":
        return None  # millimetres
    return SCALES[key]


def _spelled(tokens: Sequence[Token]) -> Decimal | None:
    """Read digits that are spelled out, three at least: "four oh seven"."""
    digits = "".join(DIGITS.get(token.key, " ") for token in tokens)
    if not 3 <= len(digits) <= 20 or " " in digits or not all(is_singular(token) for token in tokens):
        return None
    return Decimal(digits)
