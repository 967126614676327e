"""Amounts finer than PEMS keeps them."""

from __future__ import annotations

from datetime import date

import pytest

from pfa_rpc.sync.precision import money_steps, too_fine


@pytest.mark.parametrize(
    ("amount", "decimals", "said"),
    [
        (
            54_001_250,
            2,
            "monthly rate 5,400.125 is finer than PEMS keeps, which is only 2 decimals; write 5,400.12 or 5,400.13",
        ),
        (1, 2, "monthly rate 0.0001 is finer than PEMS keeps, which is only 2 decimals; write 0.00 or 0.01"),
        (54_005_000, 0, "monthly rate 5,400.5 is finer than PEMS keeps, which is no decimals; write 5,400 or 5,401"),
        (10_500, 1, "monthly rate 1.05 is finer than PEMS keeps, which is only 1 decimal; write 1.0 or 1.1"),
    ],
)
def test_an_amount_finer_than_pems_keeps_is_refused_with_what_would_do(amount: int, decimals: int, said: str) -> None:
    assert too_fine({"monthly_rate": amount, "category": "Cranes"}, money_steps(decimals)) == said


def test_every_amount_that_is_too_fine_is_told() -> None:
    said = too_fine({"monthly_rate": 1, "purchase_price": 2}, money_steps(2))
    assert said is not None
    assert [part.split(" 0")[0] for part in said.split("; ")[::2]] == ["monthly rate", "purchase price"]


@pytest.mark.parametrize(("amount", "decimals"), [(54_001_200, 2), (None, 2), (0, 0), (1, 4), (-100, 2)])
def test_what_pems_keeps_is_let_through(amount: int | None, decimals: int) -> None:
    values = {"monthly_rate": amount, "forecast_start": date(2026, 1, 1), "is_discontinued": True}
    assert too_fine(values, money_steps(decimals)) is None
