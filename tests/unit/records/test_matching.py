"""Conditions on records at hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from nlq.filters.filter_text import parse_filter
from nlq.query import And, Comparison, FieldComparison, Matches, Operator, Or
from pfa_rpc.records.matching import matcher
from pfa_rpc.schema import SCHEMA
from tests.fixtures.records import make_values

RECORD = make_values(
    "A-17",
    monthly_rate=54_000_001,
    plan_cost=100,
    forecast_cost=110,
    manufacturer="Straße  & Söhne",
    model=None,
    modified_fields=("category", "model"),
    local_version=2,
    modified_at=datetime(2026, 5, 1, 12, tzinfo=UTC),
    is_discontinued=True,
    sync_state="modified",
    contract="",
)


@pytest.mark.parametrize(
    "text",
    [
        'category = "CRANES"',
        'manufacturer = "STRASSE & söhne"',
        'category != "Pumps"',
        'category < "d"',
        'model != "336F"',
        'NOT model = "336F"',
        'NOT model > "336F"',
        "NOT model:*",
        "contract:*",
        "category:*",
        'pfa_id = "A-17"',
        'pfa_id > "A-1"',
        'pfa_id:"a-1"',
        'pfa_id = "a-*"',
        'category:"AN"',
        'category = "c*s"',
        'category = "*ran*"',
        'manufacturer = "strasse *&*hne"',
        "source = RENTAL",
        "source != PURCHASE",
        "(source = PURCHASE OR dor = BEO)",
        '(category = "Pumps" OR category = "Lifts" OR category = "cranes")',
        "is_discontinued = true",
        "NOT is_actualized = true",
        "monthly_rate = 5400.0001",
        "monthly_rate > 5400",
        "monthly_rate <= 5400.0001",
        "purchase_price != 5",
        "forecast_start = 2026-03-01",
        "forecast_start < 2026-03-02",
        "forecast_end > forecast_start",
        "forecast_end > forecast_start + 91",
        "forecast_cost = plan_cost * 1.1",
        "forecast_cost >= plan_cost + 0.1",
        "forecast_cost < monthly_rate",
        "forecast_cost != actual_cost",
        "plan_start != forecast_start",
        "category != forecast_category",
        "local_version >= 2",
        'modified_at > "2026-05-01T11:59:59Z"',
        "modified_fields:model",
        "modified_fields:*",
        "NOT modified_fields:contract",
        "sync_state = MODIFIED",
        'source = RENTAL AND category = "Cranes" AND area_silo = "silo 4"',
    ],
)
def test_what_holds_for_a_record(text: str) -> None:
    condition = parse_filter(text, SCHEMA)
    assert matcher(condition)(RECORD) is True
    assert matcher(parse_filter(f"NOT ({text})", SCHEMA))(RECORD) is False


@pytest.mark.parametrize(
    "text",
    [
        'model < "z"',
        'model:"3"',
        'model = "*"',
        'pfa_id = "a-17"',
        'category = "crane"',
        'category = "*cranes*s"',
        'category = "cra*anes"',
        "purchase_price < 5",
        "purchase_price = 5",
        "actual_end > forecast_start",
        "actual_cost <= plan_cost",
        "actual_cost = actual_cost",
        "modified_fields:contract",
        '(category = "Pumps" OR category = "Lifts" OR category = "Dumpers" OR source = PURCHASE)',
    ],
)
def test_what_does_not_hold_for_a_record(text: str) -> None:
    condition = parse_filter(text, SCHEMA)
    assert matcher(condition)(RECORD) is False
    assert matcher(parse_filter(f"NOT ({text})", SCHEMA))(RECORD) is True


def test_no_condition_holds_for_every_record() -> None:
    assert matcher(None)(RECORD)


def test_a_list_that_is_empty_is_missing() -> None:
    assert not matcher(parse_filter("modified_fields:*", SCHEMA))(make_values(modified_fields=()))


def test_days_beyond_the_calendar_compare() -> None:
    condition = FieldComparison("forecast_end", Operator.LT, "forecast_start", plus=30)
    assert matcher(condition)(make_values(forecast_start=date.max, forecast_end=date.max))


def test_the_largest_amounts_are_compared_to_the_last_digit() -> None:
    condition = FieldComparison("monthly_rate", Operator.GT, "purchase_price", Decimal("1.000000000001"))
    values = make_values(monthly_rate=10**15 + 1001, purchase_price=10**15)
    assert matcher(condition)(values)
    assert not matcher(condition)(values | {"monthly_rate": 10**15 + 1000})


def test_a_star_that_is_escaped_is_a_star() -> None:
    assert matcher(Matches("model", "LTM\\**"))(make_values(model="ltm*1"))
    assert not matcher(Matches("model", "LTM\\**"))(make_values(model="LTM 1"))


@pytest.mark.parametrize("kind", [And, Or])
def test_any_number_of_conditions_can_be_joined(kind: Any) -> None:
    """As deep as they come in a filter, and far longer."""
    conditions = tuple(Comparison("monthly_rate", Operator.GT, number) for number in range(10_000))
    assert matcher(kind(conditions))(RECORD) is (kind is Or)
