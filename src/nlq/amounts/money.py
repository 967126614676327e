"""Money: amounts with a currency, read from a position among the tokens.

Gives `read_money` and `read_money_text`. "$5k", "5,000 USD", "US$40", "five thousand Canadian dollars", "30 MUSD",
"3 dollars 50 cents", "a quarter million bucks". Nothing is converted: an amount in a currency other than the
organization's is marked as foreign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from nlq.amounts.currencies import ADJECTIVES, CENTS, CODES_IN_CAPITALS, MARKS, NAMES, PREFIXES, SHORT_CENTS
from nlq.amounts.digits import EXACT, fits, read_digits
from nlq.amounts.number_parts import key_at, read_part
from nlq.amounts.number_words import ARTICLES, NUMBER_WORDS, SCALES, SIGNS
from nlq.amounts.numbers import Number, figures_end, read_number
from nlq.normalize import MINUS, NUMBER, SYMBOL, WORD, Token, tokenize

__all__ = ["MARKS", "Money", "read_money", "read_money_text"]

_BILLION: Final = Decimal(10**9)
_SHORT: Final = {"m": Decimal(10**6), "mm": Decimal(10**6), "mn": Decimal(10**6), "bn": _BILLION, "b": _BILLION}
"""Multipliers that a mark before the number settles, apart from it as well: "$5 bn"."""
_SCALED_CODES: Final = {
    letter + code: (scale, MARKS[code])
    for letter, scale in (("k", Decimal(1000)), ("m", Decimal(10**6)), ("bn", _BILLION))
    for code in ("usd", "eur", "gbp", "cad", "aud", "chf", "sek", "nok", "dkk", "jpy", "inr", "zar", "cny")
}
_PARTS: Final = ARTICLES | {"half", "one", "two", "three"}
_STARTS: Final = NUMBER_WORDS | SIGNS.keys() | MARKS.keys() | PREFIXES.keys()
_ADJECTIVE_STARTS: Final = frozenset(adjective.split()[0] for adjective in ADJECTIVES)
_BEHIND: Final = CENTS | _SCALED_CODES.keys() | NAMES.keys() | MARKS.keys() | PREFIXES.keys() | _ADJECTIVE_STARTS
"""Words, as keys, one of which stands behind a number that is an amount of money by what follows it."""
_HEDGES: Final = frozenset(
    ("about", "around", "approximately", "approx", "roughly", "almost", "nearly", "exactly", "~")
)


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class Money:
    """An amount and where it ends."""

    value: Decimal
    end: int
    """Index of the token after it."""
    scale: Decimal
    """The multiplier that was said last; 1 where none was."""
    currencies: frozenset[str]
    """The currencies that its mark can mean; empty where it has the shorthand of amounts ("5k") and no mark."""
    multiple: Decimal = Decimal(1)
    """All multipliers together: 100,000 of "three hundred thousand dollars"."""

    def foreign(self, currency: str) -> bool:
        """Return whether it is surely in another currency."""
        return bool(self.currencies) and currency not in self.currencies

    @property
    def currency(self) -> str | None:
        """The code of its currency, None where its mark leaves that open."""
        return next(iter(self.currencies)) if len(self.currencies) == 1 else None


def read_money(tokens: Sequence[Token], index: int) -> Money | None:
    """Return the amount of money that starts at a token, None where none does or where it is a plain number."""
    token = tokens[index]
    if token.kind is WORD and token.key not in _STARTS:
        return None
    end = figures_end(tokens, index)
    if end == index + 1 and (end == len(tokens) or tokens[end].key not in _BEHIND):
        return None
    mark, start = _mark_before(tokens, index)
    if start >= len(tokens):
        return None
    money = _marked_behind(tokens, index) if mark is None else _marked_before(tokens, index, start, mark)
    if money is None or not fits(money.value):
        return None
    return _with_cents(tokens, money) if money.currencies and money.scale == 1 else money


def read_money_text(text: str) -> Money | None:
    """Return the first amount with a currency that a text names, None where it names none.

    Other words may stand around it ("From $109.90", "$30.56/month"). "20 dollars and 43" as a whole is 20.43. "$5.000"
    is none: it is five where a point stands before decimals, five thousand where it stands between groups.
    """
    tokens = tokenize(text)
    for index in range(len(tokens)):
        money = read_money(tokens, index)
        if money is None:
            continue
        alone = all(token.key in _HEDGES for token in tokens[:index])
        if not money.currencies and not (alone and money.end == len(tokens)) and not _is_named(tokens, money):
            continue
        if could_be_thousands(money.value, money.scale) or _is_entangled(tokens, index, money.end):
            return None
        return _with_rest(tokens, money) if alone else money
    return None


def _is_entangled(tokens: Sequence[Token], index: int, end: int) -> bool:
    """Return whether more figures hang on an amount than were read: "$5,5", "$5:30", "5 € 50"."""
    if index and tokens[index - 1].kind is NUMBER and tokens[index].kind is SYMBOL and tokens[index].gap:
        return tokens[index + 1].gap == " "
    if end < len(tokens) and tokens[end].key == "," and not tokens[end].gap:
        end += 1
        return end < len(tokens) and tokens[end].kind is NUMBER and not tokens[end].gap
    return end < len(tokens) and tokens[end].kind is NUMBER and tokens[end].gap in (".", ":", "/")


def _is_named(tokens: Sequence[Token], money: Money) -> bool:
    """Return whether a word without a currency says money: "cents", "grand"; "10m" can be a length."""
    return tokens[money.end - 1].key in CENTS or tokens[money.end - 1].key == "grand"


def could_be_thousands(value: Decimal, scale: Decimal) -> bool:
    """Return whether an amount is written like "5.000", which is five or five thousand."""
    return scale == 1 and 1 <= abs(value) < 1000 and value.as_tuple().exponent == -3


def _touches(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a token touches the one before it."""
    return 0 < index < len(tokens) and tokens[index].start == tokens[index - 1].end


def _mark_before(tokens: Sequence[Token], index: int) -> tuple[frozenset[str] | None, int]:
    """Return what a sign or code before a number means, and the index after it; None and the index where none is."""
    key = key_at(tokens, index)
    if key in MARKS:
        mark, end = MARKS[key], index + 1
        return (mark & MARKS["$"] or mark, end + 1) if key_at(tokens, end) == "$" and key != "$" else (mark, end)
    if key not in PREFIXES:
        return None, index
    end = index + 1
    if key == "u" and key_at(tokens, end) == "s":
        end += 1
    elif key == "u":
        return None, index
    capitals = key in ("us", "u") and (key == "u" or tokens[index].raw.isupper())  # not "give us $50"
    if key_at(tokens, end) == "$" and (capitals or _touches(tokens, end)):
        return frozenset((PREFIXES[key],)), end + 1
    return None, index


def _mark_behind(tokens: Sequence[Token], index: int) -> tuple[frozenset[str] | None, int]:
    """Return what a sign, code or name behind a number means, and the index after it."""
    key = key_at(tokens, index)
    if key in NAMES and (key not in CODES_IN_CAPITALS or tokens[index].raw.isupper()):
        end = index + 1 + (key == "pound" and key_at(tokens, index + 1) == "sterling")
        return (NAMES["sterling"] if end > index + 1 else NAMES[key]), end
    mark, end = _mark_before(tokens, index)
    if mark is not None:
        # "10 $ 20" are two amounts that a list may hold; "$5-$10" too.
        return (mark, end) if tokens[end - 1].kind is WORD or _sign_behind(tokens, index, end) else (None, index)
    for words in (1, 2) if key in _ADJECTIVE_STARTS else ():
        adjective = " ".join(token.key for token in tokens[index : index + words])
        if adjective in ADJECTIVES and (name := NAMES.get(key_at(tokens, index + words))) is not None:
            return ADJECTIVES[adjective] & name or name, index + words + 1
    if key == "u" and key_at(tokens, index + 1) == "s" and key_at(tokens, index + 2) == "dollar":
        return ADJECTIVES["us"], index + 3
    return None, index


def _sign_behind(tokens: Sequence[Token], index: int, end: int) -> bool:
    """Return whether a sign belongs to the number before it: it touches that, or no other number follows."""
    if _touches(tokens, index):
        return True
    if end < len(tokens) and tokens[end].kind is NUMBER:
        return not _touches(tokens, end) and tokens[end].gap == " " and key_at(tokens, end + 1) in CENTS
    return True


def _marked_before(tokens: Sequence[Token], index: int, start: int, mark: frozenset[str]) -> Money | None:
    """Read the number behind a mark, which may be said twice: "$5", "USD 5 dollars", "$5 USD"."""
    number = _number(tokens, start)
    if number is None:
        return None
    signed = tokens[start].gap.endswith(MINUS) or (index == 0 and tokens[0].gap.endswith(MINUS))
    value = -number.value if signed else number.value  # "$-5", "-$5"
    again, end = _mark_behind(tokens, number.end)
    if again is None or tokens[end - 1].kind is not WORD or not mark & again:
        return Money(value, number.end, number.scale, mark, number.multiple)
    return Money(value, end, number.scale, mark & again, number.multiple)


def _number(tokens: Sequence[Token], start: int) -> Number | None:
    """Read the number behind a mark, whose separators of groups the mark settles."""
    number = _separated(tokens, start, marked=True)
    if tokens[start].kind is not NUMBER:
        return number
    scale = _SHORT.get(key_at(tokens, number.end)) if number is not None and number.scale == 1 else None
    if number is None or scale is None:
        return number
    return Number(EXACT.multiply(number.value, scale), number.end + 1, scale, shorthand=True, multiple=scale)


def _marked_behind(tokens: Sequence[Token], index: int) -> Money | None:
    """Read a number and its mark: "5 dollars", "75 USD million", "34 cents", "30 MUSD"; shorthand needs none."""
    number = _separated(tokens, index)
    if number is None:
        return _single(tokens, index)
    key = key_at(tokens, number.end)
    if key in CENTS:
        return Money(EXACT.divide(number.value, Decimal(100)), number.end + 1, Decimal(1), frozenset())
    if key in _SCALED_CODES:
        scale, codes = _SCALED_CODES[key]
        return Money(EXACT.multiply(number.value, scale), number.end + 1, scale, codes)
    mark, after = _mark_behind(tokens, number.end)
    if mark is None:
        return Money(number.value, number.end, number.scale, frozenset(), number.multiple) if number.shorthand else None
    scale_behind = SCALES.get(key_at(tokens, after)) if number.scale == 1 else None
    if scale_behind is not None and len(key_at(tokens, after)) > 2:
        return Money(EXACT.multiply(number.value, scale_behind), after + 1, scale_behind, mark)
    return Money(number.value, after, number.scale, mark, number.multiple)


def _separated(tokens: Sequence[Token], index: int, *, marked: bool = False) -> Number | None:
    """Read a number whose separators a mark before or behind it settles: "12,34 €"."""
    number = read_number(tokens, index)
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    if tokens[index].kind is NUMBER and following and (following.kind is NUMBER or following.key == ","):
        figures = read_digits(tokens, index, marked=True)
        if figures is not None and (number is None or figures[1] > number.end):
            return Number(*figures) if marked or _mark_behind(tokens, figures[1])[0] is not None else number
    return number


def _single(tokens: Sequence[Token], index: int) -> Money | None:
    """Read one unit or a part of it: "a dollar", "a cent", "half a dollar"."""
    part = read_part(tokens, index) if tokens[index].key in _PARTS else None
    if part is None and tokens[index].key not in ARTICLES:
        return None
    value, end = part or (Decimal(1), index)
    end += part is not None and key_at(tokens, end) == "of"
    end += key_at(tokens, end) in ARTICLES
    key = key_at(tokens, end)
    if key in CENTS:
        return Money(value / 100, end + 1, Decimal(1), frozenset())
    if key not in NAMES or key in CODES_IN_CAPITALS:
        return None
    return Money(value, end + 1, Decimal(1), NAMES[key])


def _with_cents(tokens: Sequence[Token], money: Money) -> Money:
    """Read the cents of "3 dollars 50 cents", "$20 and 43c", and "and a half"."""
    start = money.end + (key_at(tokens, money.end) == "and")
    if start >= len(tokens) or money.value != money.value.to_integral_value():
        return money
    if start > money.end and tokens[money.end - 1].key in NAMES and (part := read_part(tokens, start)) is not None:
        return replace(money, value=money.value + part[0], end=part[1])
    number = read_number(tokens, start)
    if number is None or not _are_cents(number):
        return money
    key = key_at(tokens, number.end)
    if key not in CENTS and not (key in SHORT_CENTS and _touches(tokens, number.end)):
        return money
    return replace(money, value=_add_cents(money.value, number), end=number.end + 1)


def _with_rest(tokens: Sequence[Token], money: Money) -> Money:
    """Read the bare cents that end a text: "20 dollar 43", "15 dollars and 15"."""
    start = money.end + (key_at(tokens, money.end) == "and")
    if start >= len(tokens) or money.scale != 1 or tokens[money.end - 1].kind is not WORD:
        return money
    number = read_number(tokens, start)
    if number is None or number.end != len(tokens) or not _are_cents(number):
        return money
    return replace(money, value=_add_cents(money.value, number), end=number.end)


def _are_cents(number: Number) -> bool:
    """Return whether a number can be one of cents."""
    return 0 < number.value < 100 and number.value == number.value.to_integral_value()


def _add_cents(value: Decimal, number: Number) -> Decimal:
    """Return an amount with its cents."""
    cents = EXACT.divide(number.value, Decimal(100))
    return value - cents if value < 0 else value + cents
