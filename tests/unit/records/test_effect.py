"""What changes do to cost."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pfa_rpc.records.cost import LAYERS, layer_cost, spread
from pfa_rpc.records.effect import LEFT_OUT, CostSum, Effect
from pfa_rpc.records.month_sums import MonthSums
from tests.fixtures.records import make_values, random_values

MARCH, APRIL, MAY, JUNE = (date(2026, month, 1) for month in (3, 4, 5, 6))
PLANNED = make_values(plan_start=MARCH, plan_end=JUNE)  # 6,000.00 a month, and forecast as planned

records = st.integers(0, 2**32).map(lambda seed: random_values(random.Random(seed), "17"))
changed_records = st.lists(st.tuples(records | st.none(), records | st.none()), max_size=8)
unchanged_records = records.map(lambda values: (values, dict(values)))


def effect_of(*changes: tuple[Any, Any], including: tuple[str, ...] = ()) -> Effect:
    effect = Effect(including)
    for before, after in changes:
        effect.add(before, after)
    return effect


def plainly(side: list[Any], including: tuple[str, ...] = ()) -> dict[str, dict[date | None, int]]:
    """Return the months of each layer, added up record by record."""
    flags = [flag for flag in LEFT_OUT if flag not in including]
    months: dict[str, dict[date | None, int]] = {layer: {} for layer in LAYERS}
    for values in side:
        if values is None or any(values[flag] for flag in flags):
            continue
        for layer in LAYERS:
            for month, cents in spread(layer_cost(values, layer)):
                months[layer][month] = months[layer].get(month, 0) + cents
    return months


def figures(total: CostSum) -> dict[str, int]:
    return {layer: total.layers[layer].cents for layer in LAYERS}


def test_a_longer_forecast_costs_more_in_the_months_that_it_gains() -> None:
    effect = effect_of((PLANNED, PLANNED | {"forecast_end": date(2026, 6, 16)}))
    before, after = effect.before.layers["forecast"], effect.after.layers["forecast"]
    assert before.cents == effect.before.layers["plan"].cents == effect.after.layers["plan"].cents == 1_813_403
    assert after.cents == 2_109_067  # 107 days / 30.44 x 6,000.00
    assert before.months == {MARCH: 611_038, APRIL: 591_327, MAY: 611_038}
    assert after.months == {MARCH: 611_038, APRIL: 591_327, MAY: 611_038, JUNE: 295_664}


@pytest.mark.parametrize("flag", LEFT_OUT)
def test_a_record_that_is_cancelled_or_gives_its_budget_away_leaves_the_costs(flag: str) -> None:
    effect = effect_of((PLANNED, PLANNED | {flag: True}), (PLANNED | {flag: True}, PLANNED | {flag: True}))
    assert figures(effect.before) == {"plan": 1_813_403, "forecast": 1_813_403, "actual": 0}
    assert figures(effect.after) == {"plan": 0, "forecast": 0, "actual": 0}
    assert (effect.before.left_out, effect.after.left_out) == ({flag: 1}, {flag: 2})


def test_records_that_are_left_out_can_be_taken_in() -> None:
    donor = PLANNED | {"is_funds_transferable": True}
    effect = effect_of((donor, donor), including=("is_funds_transferable",))
    assert figures(effect.after) == {"plan": 1_813_403, "forecast": 1_813_403, "actual": 0}
    assert not effect.after.left_out


def test_a_new_record_costs_after_only() -> None:
    effect = effect_of((None, PLANNED))
    assert figures(effect.before) == dict.fromkeys(LAYERS, 0)
    assert figures(effect.after) == {"plan": 1_813_403, "forecast": 1_813_403, "actual": 0}


def test_records_without_a_cost_and_those_still_on_site_are_counted() -> None:
    still = make_values(is_actualized=True, actual_start=MARCH)
    effect = effect_of((PLANNED, PLANNED), (still, still | {"actual_end": APRIL}))
    before, after = effect.before.layers["actual"], effect.after.layers["actual"]
    assert (before.records, before.lacking, before.projected) == (1, 1, 1)
    assert (after.records, after.lacking, after.projected) == (1, 1, 0)
    assert (effect.after.layers["plan"].records, effect.after.layers["plan"].lacking) == (1, 1)


def test_cost_without_a_date_has_a_month_of_its_own() -> None:
    bought = make_values(source="purchase", purchase_price=50_000, forecast_start=None, forecast_end=None)
    effect = effect_of((bought, bought))
    assert effect.after.layers["forecast"].months == {None: 500}


def test_costs_that_were_stored_do_not_count() -> None:
    effect = effect_of((PLANNED, PLANNED | {"forecast_cost": 1, "plan_cost": 1}))
    assert figures(effect.after) == figures(effect.before)


@settings(deadline=None)
@given(changed_records, st.lists(unchanged_records, max_size=8), st.sampled_from([(), LEFT_OUT, LEFT_OUT[1:]]))
def test_months_are_the_sums_of_those_of_each_record(
    changed: list[Any], unchanged: list[Any], including: tuple[str, ...]
) -> None:
    changes = [*changed, *unchanged]
    effect = effect_of(*changes, including=including)
    for total, side in ((effect.before, [one for one, _ in changes]), (effect.after, [other for _, other in changes])):
        assert {layer: total.layers[layer].months for layer in LAYERS} == plainly(side, including)
        assert all(sum(total.layers[layer].months.values()) == total.layers[layer].cents for layer in LAYERS)
        there = sum(values is not None for values in side)
        for layer in LAYERS:
            found = total.layers[layer]
            assert found.records + found.lacking + sum(total.left_out.values()) == there


@settings(deadline=None)
@given(changed_records)
def test_changes_turned_around_have_the_opposite_effect(changes: list[Any]) -> None:
    there, back = effect_of(*changes), effect_of(*[(after, before) for before, after in changes])
    for one, other in ((there.before, back.after), (there.after, back.before)):
        assert one.left_out == other.left_out
        assert figures(one) == figures(other)
        assert all(one.layers[layer].months == other.layers[layer].months for layer in LAYERS)


def test_months_are_in_order_and_cost_without_a_date_comes_last() -> None:
    bought = make_values(source="purchase", purchase_price=50_000, forecast_start=None, forecast_end=None)
    early = make_values(forecast_start=date(2025, 12, 31), forecast_end=date(2026, 1, 2))
    effect = effect_of((None, PLANNED), (None, bought), (None, early))
    assert list(effect.after.layers["forecast"].months) == [
        date(2025, 12, 1),
        date(2026, 1, 1),
        MARCH,
        APRIL,
        MAY,
        None,
    ]


dates = st.dates(date(1, 1, 1), date.max) | st.dates(date(2026, 1, 1), date(2027, 12, 31)) | st.none()


@settings(deadline=None)  # thousands of years are many months
@given(
    st.lists(
        st.builds(
            lambda source, start, end, rate: make_values(
                source=source, forecast_start=start, forecast_end=end, monthly_rate=rate, purchase_price=rate
            ),
            st.sampled_from(["rental", "purchase"]),
            dates,
            dates,
            st.integers(0, 10**15) | st.integers(0, 5_000).map(lambda number: number * 1522),
        ),
        max_size=6,
    )
)
def test_many_costs_by_month_are_the_spreads_of_each(records: list[Any]) -> None:
    months, expected = MonthSums(), dict[date | None, int]()
    for values in records:
        cost = layer_cost(values, "forecast")
        months.add(cost)
        for month, cents in spread(cost):
            expected[month] = expected.get(month, 0) + cents
    assert months.by_month() == expected
