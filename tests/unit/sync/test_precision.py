"""Amounts finer than PEMS keeps them."""

from __future__ import annotations

from datetime import date

import pytest

from pfa_rpc.sync.precision import money_steps, too_fine


@pytest.mark.parametrize(
    ("amount", "decimals", "said"),
    [
        (54_001_250, 2, "enter it with at most 2 decimals"),
        (1, 2, "enter it with at most 2 decimals"),
        (54_005_000, 0, "enter it with no decimals"),
        (10_500, 1, "enter it with at most 1 decimal"),
    ],
)
def test_an_amount_finer_than_pems_keeps_is_told_with_what_would_do(amount: int, decimals: int, said: str) -> None:
    """But not how much it is, since not everybody who reads the sentence may see money."""
    told = too_fine({"monthly_rate": amount, "category": "Cranes"}, money_steps(decimals))
    assert told == f"monthly rate is finer than PEMS keeps: {said}"


def test_every_amount_that_is_too_fine_is_told() -> None:
    told = too_fine({"monthly_rate": 1, "purchase_price": 2}, money_steps(2)) or ""
    assert [part.partition(" is ")[0] for part in told.split("; ")] == ["monthly rate", "purchase price"]


@pytest.mark.parametrize(("amount", "decimals"), [(54_001_200, 2), (None, 2), (0, 0), (1, 4), (-100, 2)])
def test_what_pems_keeps_is_let_through(amount: int | None, decimals: int) -> None:
    values = {"monthly_rate": amount, "forecast_start": date(2026, 1, 1), "is_discontinued": True}
    assert too_fine(values, money_steps(decimals)) is None
