"""Amounting: numbers and money among the tokens, where the words before call for one or nothing longer begins there.

Gives `AmountTagger`, `is_due` and `ends_amount`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nlq.amounts.money import read_money
from nlq.amounts.numbers import read_number
from nlq.normalize import MINUS, NUMBER, Token
from nlq.query import Operator
from nlq.schema import FieldType
from nlq.tagging.tags import FILLER, UNKNOWN, Amount, Reading, Tagged

_BEFORE_AMOUNT: Final = frozenset(("COMPARE", "ABOUT", "BETWEEN", "WITHIN", "LIMIT", "RANK", "EXTREME"))
_MEASURED: Final = frozenset(("PERCENT", "DURATION"))
_DUE: Final = _BEFORE_AMOUNT | {"AND", "TO", FILLER}
"""Tags right before an amount that is called for."""
_DATE_SIGNS: Final = frozenset(("-", "/", "."))
_LABELLED: Final = (FieldType.TEXT, FieldType.ID, FieldType.ENUM)
_UNKNOWN: Final = (Reading(UNKNOWN),)


class AmountTagger:
    """Reads amounts, those of money in one currency."""

    def __init__(self, currency: str) -> None:
        self._currency = currency

    def add(
        self, tokens: list[Token], index: int, before: list[Tagged], end: int, readings: tuple[Reading, ...]
    ) -> tuple[int, tuple[Reading, ...]]:
        """Add what the token is as a number or as money; where an amount is due, nothing else."""
        due = is_due(before)
        amount_end, amount = self._amount(tokens, index, negative=due and tokens[index].gap.endswith(MINUS))
        if amount is None:
            return end, readings
        date = _date_end(tokens, index)
        if date is not None and amount_end < date and (due or end < date):
            return date, _UNKNOWN
        if due:
            return amount_end, (amount,)
        if readings and (amount_end < end or (amount_end == index + 1 and readings[0].tag == FILLER)):
            return end, readings
        return amount_end, ((*readings, amount) if amount_end == end else (amount,))

    def _amount(self, tokens: list[Token], index: int, *, negative: bool) -> tuple[int, Reading | None]:
        """Return the index after the amount that starts at a token, and its reading."""
        sign = -1 if negative else 1
        money = read_money(tokens, index)
        if money is not None:
            foreign = money.foreign(self._currency)
            amount = Amount(sign * money.value, money.scale, marked=True, foreign=foreign, multiple=money.multiple)
            return money.end, Reading("MONEY", amount)
        number = read_number(tokens, index)
        if number is not None:
            return number.end, Reading("NUMBER", Amount(sign * number.value, number.scale, multiple=number.multiple))
        return index, None


def ends_amount(tokens: list[Token], end: int, before: Sequence[Tagged]) -> bool:
    """Return whether words up to a token limit the amount before them, and no amount behind."""
    limited = bool(before) and (before[-1].is_amount or before[-1].tag in _MEASURED)
    limited = limited or (len(before) > 1 and before[-1].tag == "AMOUNT_OF" and before[-2].is_amount)
    return limited and not _begins_amount(tokens, end)


def _begins_amount(tokens: list[Token], index: int) -> bool:
    """Return whether an amount, or the rest of a comparison with one, begins at a token."""
    if index == len(tokens):
        return False
    return (
        tokens[index].key in ("than", "then", "to")
        or (read_money(tokens, index) or read_number(tokens, index)) is not None
    )


def is_due(before: Sequence[Tagged]) -> bool:
    """Return whether the words before call for an amount: "over", "between", "between 5 and"."""
    if not before or before[-1].readings[0].tag not in _DUE:
        return False
    content = [stretch for stretch in before[-6:] if stretch.readings[0].tag != FILLER]
    tag = content[-1].readings[0].tag if content else ""
    if tag in _BEFORE_AMOUNT:
        return not _is_labelled(content)
    if tag in ("AND", "TO") and len(content) > 2:
        return content[-3].tag in ("BETWEEN", "FROM") and content[-2].tag in ("NUMBER", "MONEY")
    return False


def _is_labelled(content: Sequence[Tagged]) -> bool:
    """Return whether "=" stands behind a field of text: "class = 60T Crawler" names a value."""
    label = content[-2].field if len(content) > 1 else None
    equal = content[-1].readings[0].payload in (Operator.EQ, Operator.NE)
    return equal and label is not None and label.type in _LABELLED


def _date_end(tokens: list[Token], index: int) -> int | None:
    """Return the index after a date in digits ("2026-03-15", "3/15", "2026-04") that starts at a token, if one does."""
    end = index + 1
    while end < len(tokens) and end < index + 3 and _touches(tokens[end - 1], tokens[end]):
        end += 1
    if end == index + 3:
        return end
    if end == index + 2 and len(tokens[index].key) == 4 and len(tokens[index + 1].key) <= 2:
        return end
    return None


def _touches(left: Token, right: Token) -> bool:
    """Return whether two numbers are joined as the parts of a date are."""
    return left.kind is NUMBER and right.kind is NUMBER and right.gap in _DATE_SIGNS
