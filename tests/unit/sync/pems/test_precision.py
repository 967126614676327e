"""Values as exact as PEMS keeps them."""

from __future__ import annotations

from datetime import date

import pytest

from pfa_rpc.sync.pems import check_precision, differing, same_values
from pfa_rpc.sync.pems.errors import TooFine


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
    with pytest.raises(TooFine) as caught:
        check_precision({"monthly_rate": amount, "category": "Cranes"}, decimals)
    assert caught.value.message == said


def test_every_amount_that_is_too_fine_is_told() -> None:
    with pytest.raises(TooFine, match=r"monthly rate .*; purchase price "):
        check_precision({"monthly_rate": 1, "purchase_price": 2}, 2)


@pytest.mark.parametrize(("amount", "decimals"), [(54_001_200, 2), (None, 2), (0, 0), (1, 4), (-100, 2)])
def test_what_pems_keeps_is_let_through(amount: int | None, decimals: int) -> None:
    check_precision({"monthly_rate": amount, "forecast_start": date(2026, 1, 1), "is_discontinued": True}, decimals)


def test_amounts_are_compared_as_pems_keeps_them() -> None:
    local = {"monthly_rate": 54_001_249, "purchase_price": 54_001_250, "category": "Cranes"}
    remote = {"monthly_rate": 54_001_200, "purchase_price": 54_001_300, "category": "Cranes "}
    assert same_values(local, remote, 2)
    assert differing(local, remote, 4) == ("monthly_rate", "purchase_price")
    assert not same_values(local, remote | {"purchase_price": 54_001_200}, 2)


def test_rounding_goes_away_from_zero_on_both_sides_of_it() -> None:
    assert same_values({"monthly_rate": -50}, {"monthly_rate": -100}, 2)
    assert not same_values({"monthly_rate": -49}, {"monthly_rate": -100}, 2)


def test_missing_is_equal_to_empty_text_and_to_nothing_else() -> None:
    assert same_values({"category": None}, {"category": "  "}, 2)
    assert differing({"monthly_rate": None, "contract": "C-1"}, {"monthly_rate": 0, "contract": None}, 2) == (
        "monthly_rate",
        "contract",
    )


def test_fields_that_one_side_does_not_have_say_nothing() -> None:
    assert same_values({"plan_start": date(2026, 1, 1), "category": "Pumps"}, {"category": "Pumps", "model": "x"}, 2)
