"""Numbers and amounts of money are read from the beginning of a text, and what is none is left alone."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlq.amounts.money import read_money
from nlq.amounts.numbers import read_number
from nlq.normalize import tokenize
from tests.unit.nlq.cases import cases


@pytest.mark.parametrize(("text", "value", "rest"), cases("numbers.txt", 3))
def test_a_number_is_read_with_its_multipliers(text: str, value: str, rest: str) -> None:
    tokens = tokenize(text)
    number = read_number(tokens, 0)
    if value == "-":
        assert number is None
    else:
        assert number is not None
        assert (number.value, " ".join(token.key for token in tokens[number.end :])) == (Decimal(value), rest)


@pytest.mark.parametrize(("text", "value", "currencies", "rest"), cases("amounts.txt", 4))
def test_an_amount_is_read_with_its_currency(text: str, value: str, currencies: str, rest: str) -> None:
    tokens = tokenize(text)
    money = read_money(tokens, 0)
    if value == "-":
        assert money is None
    else:
        assert money is not None
        assert (money.value, " ".join(token.key for token in tokens[money.end :])) == (Decimal(value), rest)
        assert currencies in money.currencies if currencies else not money.currencies


@given(st.decimals(0, 10**12, places=2))
def test_digits_are_read_exactly(value: Decimal) -> None:
    for text in (f"{value:f}", f"{value:,f}", f"${value:,f}"):
        tokens = tokenize(text)
        amount = read_money(tokens, 0) or read_number(tokens, 0)
        assert amount is not None
        assert (amount.value, amount.end) == (value, len(tokens))


@given(st.text(max_size=60))
def test_readers_take_any_text(text: str) -> None:
    tokens = tokenize(text)
    for index in range(len(tokens)):
        for amount in (read_number(tokens, index), read_money(tokens, index)):
            assert amount is None or index < amount.end <= len(tokens)
