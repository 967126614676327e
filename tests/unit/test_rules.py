"""Rules that a record obeys."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from pfa_rpc.records.rules import MAX_MONEY, TIED_FIELDS, broken_rules
from pfa_rpc.schema import BY_NAME

GOOD = {
    "source": "rental",
    "monthly_rate": 54_000_000,
    "purchase_price": None,
    "forecast_start": date(2026, 3, 1),
    "forecast_end": date(2026, 6, 1),
    "is_discontinued": False,
    "is_funds_transferable": False,
}


def test_a_good_record_breaks_no_rule() -> None:
    """Nothing is reported where nothing is wrong."""
    assert broken_rules(GOOD) == []


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"forecast_end": date(2026, 2, 28)}, "forecast_start", "forecast start after end"),
        ({"plan_start": date(2026, 2, 2), "plan_end": date(2026, 2, 1)}, "plan_start", "plan start after end"),
        ({"actual_start": date(2026, 2, 2), "actual_end": date(2026, 2, 1)}, "actual_start", "actual start after end"),
        ({"monthly_rate": -1}, "monthly_rate", "monthly rate is negative"),
        ({"purchase_price": -1}, "purchase_price", "price is negative"),
        ({"purchase_price": MAX_MONEY + 1}, "purchase_price", "price is too large"),
        ({"monthly_rate": None}, "monthly_rate", "rental without a monthly rate"),
        ({"source": "purchase"}, "purchase_price", "purchase without a purchase price"),
        (
            {"is_discontinued": True, "is_funds_transferable": True},
            "is_discontinued",
            "discontinued and funds transferable exclude each other",
        ),
    ],
)
def test_each_rule_names_its_field_and_reason(changes: dict[str, Any], field: str, reason: str) -> None:
    """Each rule is reported once, in its words."""
    assert [(rule.field, rule.reason) for rule in broken_rules(GOOD | changes)] == [(field, reason)]


@pytest.mark.parametrize(
    "changes",
    [
        {"forecast_end": date(2026, 3, 1)},
        {"forecast_end": None},
        {"forecast_start": None},
        {"monthly_rate": 0},
        {"monthly_rate": MAX_MONEY},
        {"source": "purchase", "monthly_rate": None, "purchase_price": 0},
        {"is_discontinued": True},
        {"is_funds_transferable": True},
    ],
)
def test_what_the_rules_allow(changes: dict[str, Any]) -> None:
    """Equal dates, open ends, zero amounts and one status flag are fine."""
    assert broken_rules(GOOD | changes) == []


def test_every_broken_rule_is_reported() -> None:
    """A caller learns of all faults at once."""
    wrong = GOOD | {"forecast_end": date(2026, 1, 1), "monthly_rate": None, "purchase_price": -5}
    assert {rule.reason for rule in broken_rules(wrong)} == {
        "forecast start after end",
        "rental without a monthly rate",
        "price is negative",
    }


def test_tied_fields_are_fields_and_in_one_group_each() -> None:
    """Groups do not overlap, or a merge could not take each as a whole."""
    names = [name for group in TIED_FIELDS for name in group]
    assert len(names) == len(set(names))
    assert all(name in BY_NAME for name in names)
