"""Money: amounts with a currency, read from a position among the tokens.

Gives `read_money`. "$5k", "5,000 USD", "USD 5000", "five thousand dollars", "34 cents". Nothing is converted: an amount
in a currency other than the organization's is marked as foreign.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from nlq.normalize import Token
from nlq.numbers import SCALES, Number, read_number

_DOLLARS: Final = frozenset(("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "CLP", "COP", "ARS"))
_CODES: Final = (
    *("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "EUR", "GBP", "JPY", "CNY", "INR", "CHF", "SEK", "NOK", "DKK"),
    *("PLN", "BRL", "ZAR", "AED", "SAR", "QAR"),
)
_POUNDS: Final = frozenset(("GBP", "EGP"))
MARKS: Final[dict[str, frozenset[str]]] = {
    "$": _DOLLARS,
    "dollar": _DOLLARS,
    "buck": _DOLLARS,
    "€": frozenset(("EUR",)),
    "euro": frozenset(("EUR",)),
    "£": _POUNDS,
    "pound": _POUNDS,
    "quid": frozenset(("GBP",)),
    "¥": frozenset(("JPY", "CNY")),
    "yen": frozenset(("JPY",)),
    "yuan": frozenset(("CNY",)),
    "rmb": frozenset(("CNY",)),
    "₹": frozenset(("INR",)),
    "rupee": frozenset(("INR",)),
    "franc": frozenset(("CHF",)),
    "peso": frozenset(("MXN", "CLP", "COP", "ARS")),
    "us$": frozenset(("USD",)),
    **{code.casefold(): frozenset((code,)) for code in _CODES},
}
"""Signs, words (as stems) and codes → the currencies that they can mean."""
_CENTS: Final = frozenset(("cent",))


@dataclass(frozen=True, slots=True)
class Money:
    """An amount and where it ends."""

    value: Decimal
    end: int
    """Index of the token after it."""
    scale: Decimal
    """The multiplier that was said last; 1 where none was."""
    currencies: frozenset[str]
    """The currencies that its mark can mean; empty where it has the shorthand of amounts ("5k") and no mark."""

    def foreign(self, currency: str) -> bool:
        """Return whether it is surely in another currency."""
        return bool(self.currencies) and currency not in self.currencies


def read_money(tokens: list[Token], index: int) -> Money | None:
    """Return the amount of money that starts at a token, None where none does or where it is a plain number."""
    mark, start = _read_mark(tokens, index)
    if start >= len(tokens):
        return None
    number = read_number(tokens, start)
    if number is None:
        return None
    if mark is None:
        return _marked_after(tokens, number)
    value = -number.value if tokens[start].gap.endswith("-") else number.value  # "$-5"
    # "USD 5 dollars", "$5 USD": the mark may be said twice.
    again, end = _read_mark(tokens, number.end)
    if again is None or not tokens[end - 1].key.isalpha():
        return Money(value, number.end, number.scale, mark)
    return Money(value, end, number.scale, mark & again or mark)


def _read_mark(tokens: list[Token], index: int) -> tuple[frozenset[str] | None, int]:
    """Return what a currency mark at a token means, and the index after it."""
    if index >= len(tokens):
        return None, index
    key = tokens[index].key
    if key in ("us", "u") and index + 1 < len(tokens) and tokens[index + 1].key in ("$", "dollar"):
        return MARKS["us$"], index + 2
    if key in MARKS:
        return MARKS[key], index + 1
    return None, index


def _marked_after(tokens: list[Token], number: Number) -> Money | None:
    """Read the mark after a number: "5 dollars", "75 USD million", "34 cents"; shorthand needs none."""
    if number.end < len(tokens) and tokens[number.end].key in _CENTS:
        return Money(number.value / 100, number.end + 1, Decimal(1), frozenset())
    mark, end = _read_mark(tokens, number.end)
    if mark is not None and tokens[number.end].key != "$":
        scale = SCALES.get(tokens[end].key) if end < len(tokens) and number.scale == 1 else None
        if scale is not None and len(tokens[end].key) > 2:
            return Money(number.value * scale, end + 1, scale, mark)
        return Money(number.value, end, number.scale, mark)
    if mark is not None and tokens[number.end].start == tokens[number.end - 1].end:
        return Money(number.value, end, number.scale, mark)
    return Money(number.value, number.end, number.scale, frozenset()) if number.shorthand else None
