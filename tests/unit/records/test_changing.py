"""What the changes of a command make of a record, state by state."""

from __future__ import annotations

import random
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlq.changes import Change, ChangeOperation, Shift
from pfa_rpc.records.editing import Edited, Note, apply_changes, compiled, refused_changes
from pfa_rpc.records.rules import MAX_MONEY, broken_rules
from tests.fixtures.records import make_values, random_values

START, END = date(2026, 3, 1), date(2026, 6, 1)
ARRIVED, LEFT = date(2026, 3, 4), date(2026, 5, 20)
STILL = {"is_actualized": True, "actual_start": ARRIVED}
GONE = {**STILL, "actual_end": LEFT}
PLANNED = {"plan_start": date(2026, 2, 1), "plan_end": date(2026, 5, 1)}
SET, SHIFT, SCALE = ChangeOperation.SET, ChangeOperation.SHIFT, ChangeOperation.SCALE
ADD = ChangeOperation.ADD
CLEAR, RESET = ChangeOperation.CLEAR, ChangeOperation.RESET


def shifted(shift: Shift) -> list[Change]:
    """Return the changes of "push by"."""
    return [Change("forecast_start", SHIFT, shift), Change("forecast_end", SHIFT, shift)]


def extended(shift: Shift) -> list[Change]:
    """Return the changes of "extend by"."""
    return [Change("forecast_end", SHIFT, shift)]


RESET_TO_PLAN = [Change("forecast_start", RESET, "plan_start"), Change("forecast_end", RESET, "plan_end")]


def applied(state: dict[str, Any], changes: list[Change]) -> tuple[dict[str, Any], list[str], list[Note]]:
    """Return the fields that changes give new values, the reasons of broken rules, and the notes."""
    values = make_values(**state)
    kept = dict(values)
    edited = apply_changes(values, changes)
    assert values == kept
    new = {name: value for name, value in edited.values.items() if value != values[name]}
    return new, [rule.reason for rule in edited.broken], list(edited.notes)


@pytest.mark.parametrize(
    ("state", "changes", "new", "notes"),
    [
        # not on site
        ({}, shifted(Shift(days=14)), {"forecast_start": date(2026, 3, 15), "forecast_end": date(2026, 6, 15)}, []),
        ({}, shifted(Shift(days=-1)), {"forecast_start": date(2026, 2, 28), "forecast_end": date(2026, 5, 31)}, []),
        ({}, extended(Shift(days=7)), {"forecast_end": date(2026, 6, 8)}, []),
        ({}, [Change("forecast_start", SHIFT, Shift(days=7))], {"forecast_start": date(2026, 3, 8)}, []),
        ({"forecast_start": None}, extended(Shift(days=7)), {"forecast_end": date(2026, 6, 8)}, []),
        ({"actual_start": ARRIVED}, extended(Shift(days=7)), {"forecast_end": date(2026, 6, 8)}, []),
        # on site and its end known
        (GONE, shifted(Shift(days=14)), {"actual_end": date(2026, 6, 3)}, [Note.ACTUAL_END_MOVES]),
        (GONE, extended(Shift(days=-14)), {"actual_end": date(2026, 5, 6)}, [Note.ACTUAL_END_MOVES]),
        (GONE, [Change("actual_end", SHIFT, Shift(days=2))], {"actual_end": date(2026, 5, 22)}, []),
        (
            GONE,
            [*shifted(Shift(days=9)), Change("actual_end", SHIFT, Shift(days=2))],
            {"actual_end": date(2026, 5, 22)},
            [Note.ACTUAL_END_MOVES],
        ),
        # still on site
        (STILL, shifted(Shift(days=14)), {"forecast_end": date(2026, 6, 15)}, [Note.FORECAST_END_MOVES]),
        (STILL, extended(Shift(days=14)), {"forecast_end": date(2026, 6, 15)}, [Note.FORECAST_END_MOVES]),
        (
            STILL,
            [Change("actual_end", SHIFT, Shift(days=2))],
            {"forecast_end": date(2026, 6, 3)},
            [Note.FORECAST_END_MOVES],
        ),
        # set dates
        ({}, [Change("forecast_end", SET, date(2026, 7, 1))], {"forecast_end": date(2026, 7, 1)}, []),
        (
            STILL,
            [Change("forecast_end", SET, date(2026, 7, 1))],
            {"forecast_end": date(2026, 7, 1)},
            [Note.FORECAST_ONLY],
        ),
        (GONE, [Change("actual_end", SET, ARRIVED)], {"actual_end": ARRIVED}, []),
        (STILL, [Change("actual_end", SET, LEFT)], {"actual_end": LEFT}, []),
        (GONE, [Change("actual_end", CLEAR)], {"actual_end": None}, []),
        ({}, [Change("forecast_start", CLEAR)], {"forecast_start": None}, []),
        # reset to plan
        (PLANNED, RESET_TO_PLAN, {"forecast_start": date(2026, 2, 1), "forecast_end": date(2026, 5, 1)}, []),
        (
            {**GONE, **PLANNED},
            RESET_TO_PLAN,
            {"forecast_start": date(2026, 2, 1), "forecast_end": date(2026, 5, 1)},
            [Note.FORECAST_ONLY],
        ),
        (STILL, [Change("actual_end", RESET, "forecast_end")], {"actual_end": END}, []),
        # amounts
        ({}, [Change("monthly_rate", SCALE, Decimal("0.9"))], {"monthly_rate": 54_000_000}, []),
        ({"monthly_rate": 500}, [Change("monthly_rate", SCALE, Decimal("0.5"))], {"monthly_rate": 200}, []),
        ({"monthly_rate": 700}, [Change("monthly_rate", SCALE, Decimal("0.5"))], {"monthly_rate": 400}, []),
        ({"monthly_rate": 1500}, [Change("monthly_rate", SCALE, Decimal("1.1"))], {"monthly_rate": 1600}, []),
        ({"monthly_rate": 2500}, [Change("monthly_rate", SCALE, Decimal("1.1"))], {"monthly_rate": 2800}, []),
        ({}, [Change("monthly_rate", SCALE, Decimal(0))], {"monthly_rate": 0}, []),
        ({}, [Change("monthly_rate", SET, Decimal("4500.5"))], {"monthly_rate": 45_005_000}, []),
        ({}, [Change("monthly_rate", SET, 4_500)], {"monthly_rate": 45_000_000}, []),
        ({}, [Change("purchase_price", RESET, "monthly_rate")], {"purchase_price": 60_000_000}, []),
        ({"forecast_cost": 123}, [Change("purchase_price", RESET, "forecast_cost")], {"purchase_price": 12_300}, []),
        # anything else
        ({}, [Change("dor", SET, "PROJECT")], {"dor": "project"}, []),
        ({"purchase_price": 1}, [Change("source", SET, "PURCHASE")], {"source": "purchase"}, []),
        ({}, [Change("area_silo", SET, "Silo 9")], {"area_silo": "Silo 9"}, []),
        ({}, [Change("equipment", SET, "EQ-2001")], {"equipment": "EQ-2001"}, []),
        ({}, [Change("forecast_category", RESET, "category")], {"forecast_category": "Cranes"}, []),
        ({}, [Change("is_discontinued", SET, True)], {"is_discontinued": True}, []),
        (GONE, [Change("is_funds_transferable", SET, True)], {"is_funds_transferable": True}, []),
        # nothing
        ({}, [Change("area_silo", SET, "Silo 4")], {}, [Note.UNCHANGED]),
        (GONE, [Change("source", SET, "RENTAL")], {}, [Note.UNCHANGED]),
        (STILL, [Change("forecast_end", SET, END)], {}, [Note.UNCHANGED]),
        ({}, [], {}, [Note.UNCHANGED]),
    ],
)
def test_a_change_means_what_the_state_of_a_record_makes_of_it(
    state: dict[str, Any], changes: list[Change], new: dict[str, Any], notes: list[Note]
) -> None:
    assert applied(state, changes) == (new, [], notes)


@pytest.mark.parametrize(
    ("state", "changes", "broken"),
    [
        ({"forecast_start": None}, shifted(Shift(days=1)), ["no forecast start to move"]),
        (
            {"forecast_start": None, "forecast_end": None},
            shifted(Shift(days=1)),
            ["no forecast start to move", "no forecast end to move"],
        ),
        ({}, extended(Shift(days=-100)), ["forecast start after end"]),
        ({}, shifted(Shift(months=95_685)), ["forecast end would be beyond the calendar"]),
        (
            {},
            shifted(Shift(days=-800_000)),
            [f"forecast {end} would be beyond the calendar" for end in ("start", "end")],
        ),
        ({}, [Change("actual_end", SHIFT, Shift(days=1))], ["not on site: it has no actual end"]),
        ({"actual_end": END}, [Change("actual_end", SHIFT, Shift(days=1))], ["not on site: it has no actual end"]),
        ({}, [Change("actual_end", SET, END)], ["not on site: it has no actual end"]),
        (GONE, [Change("forecast_start", SHIFT, Shift(days=1))], ["on site: its start does not move any more"]),
        (STILL, [Change("forecast_start", SHIFT, Shift(days=1))], ["on site: its start does not move any more"]),
        (GONE, extended(Shift(days=-100)), ["actual start after end"]),
        (
            {**STILL, "forecast_end": None},
            extended(Shift(days=1)),
            ["still on site, and no forecast end to move"],
        ),
        ({}, RESET_TO_PLAN, ["no plan start to take over", "no plan end to take over"]),
        ({"plan_end": END}, RESET_TO_PLAN, ["no plan start to take over"]),
        ({"monthly_rate": None}, [Change("monthly_rate", SCALE, Decimal(2))], ["no monthly rate to change"]),
        ({}, [Change("purchase_price", SCALE, Decimal(2))], ["no purchase price to change"]),
        ({}, [Change("monthly_rate", SCALE, Decimal(-1))], ["monthly rate is negative"]),
        ({}, [Change("monthly_rate", SCALE, Decimal(10**9))], ["monthly rate is too large"]),
        ({}, [Change("monthly_rate", CLEAR)], ["rental without a monthly rate"]),
        ({}, [Change("source", SET, "PURCHASE")], ["purchase without a purchase price"]),
        (
            {**GONE, "purchase_price": 1},
            [Change("source", SET, "PURCHASE")],
            ["the source of an actualized record never changes"],
        ),
        (
            {"is_discontinued": True},
            [Change("is_funds_transferable", SET, True)],
            ["discontinued and funds transferable exclude each other"],
        ),
        (
            {**STILL, "forecast_end": None, "purchase_price": None},
            [*shifted(Shift(days=1)), Change("purchase_price", SCALE, Decimal(2)), Change("dor", SET, "LEASED")],
            ["unknown dor", "still on site, and no forecast end to move", "no purchase price to change"],
        ),
    ],
)
def test_what_cannot_be_done_is_said(state: dict[str, Any], changes: list[Change], broken: list[str]) -> None:
    assert applied(state, changes)[1] == broken


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Change("colour", SET, "red"), "no such field"),
        (Change("plan_start", SHIFT, Shift(days=1)), "the plan never changes"),
        (Change("plan_end", SET, END), "the plan never changes"),
        (Change("actual_start", SHIFT, Shift(days=1)), "actual start is set by PEMS"),
        (Change("forecast_cost", SCALE, Decimal(2)), "forecast cost is computed"),
        (Change("sync_state", SET, "PRISTINE"), "sync state is kept by the service"),
        (Change("pfa_id", SET, "1"), "PFA id never changes"),
        (Change("source", SET, "GIFT"), "unknown source"),
        (Change("source", CLEAR), "source is missing"),
        (Change("source", RESET, "dor"), "source cannot be changed so"),
        (Change("source", SET), "source is missing"),
        (Change("is_discontinued", CLEAR), "discontinued is missing"),
        (Change("is_discontinued", SET, "yes"), "discontinued is neither yes nor no"),
        (Change("monthly_rate", SET, Decimal("1.00005")), "monthly rate has more than 4 decimals"),
        (Change("monthly_rate", SET, "5000"), "monthly rate is not an amount"),
        (Change("monthly_rate", SHIFT, Shift(days=1)), "monthly rate cannot be changed so"),
        (Change("monthly_rate", SCALE, Decimal("NaN")), "monthly rate cannot be multiplied by that"),
        (Change("monthly_rate", SCALE, Decimal("1E-999999")), "monthly rate cannot be multiplied by that"),
        (Change("monthly_rate", RESET, "category"), "monthly rate cannot be changed so"),
        (Change("forecast_end", SCALE, Decimal(2)), "forecast end cannot be changed so"),
        (Change("forecast_end", RESET, "colour"), "forecast end cannot be changed so"),
        (Change("forecast_end", SHIFT, Shift(days=10**12)), "forecast end would be beyond the calendar"),
    ],
)
def test_what_can_be_done_to_no_record_is_known_beforehand(change: Change, reason: str) -> None:
    assert [(rule.field, rule.reason) for rule in refused_changes([change])] == [(change.field, reason)]
    assert applied({}, [change]) == ({}, [reason], [])


def test_a_field_changes_once() -> None:
    changes = [Change("model", SET, "336F"), Change("model", CLEAR), Change("area_silo", CLEAR)]
    assert [(rule.field, rule.reason) for rule in refused_changes(changes)] == [("model", "changed more than once")]


def test_what_can_be_done_is_not_refused() -> None:
    assert refused_changes([*shifted(Shift(1, 10)), Change("monthly_rate", SCALE, Decimal("0.9"))]) == []


@pytest.mark.parametrize(
    ("day", "shift", "moved"),
    [
        (date(2026, 1, 31), Shift(months=1), date(2026, 2, 28)),
        (date(2024, 1, 31), Shift(months=1), date(2024, 2, 29)),
        (date(2026, 3, 31), Shift(months=-1), date(2026, 2, 28)),
        (date(2026, 1, 31), Shift(months=3), date(2026, 4, 30)),
        (date(2024, 2, 29), Shift(months=12), date(2025, 2, 28)),
        (date(2026, 1, 31), Shift(months=1, days=10), date(2026, 3, 10)),
        (date(2026, 1, 31), Shift(months=1, days=-1), date(2026, 2, 27)),
        (date(2026, 12, 15), Shift(months=1), date(2027, 1, 15)),
    ],
)
def test_months_stay_within_their_month_and_come_first(day: date, shift: Shift, moved: date) -> None:
    assert applied({"forecast_start": None, "forecast_end": day}, extended(shift))[0] == {"forecast_end": moved}


def test_changes_see_the_record_as_it_was() -> None:
    changes = [Change("category", RESET, "forecast_category"), Change("forecast_category", RESET, "category")]
    new, _, _ = applied({"category": "Cranes", "forecast_category": "Lifts"}, changes)
    assert new == {"category": "Lifts", "forecast_category": "Cranes"}


records = st.integers(0, 2**32).map(lambda seed: random_values(random.Random(seed), "17"))
shifts = st.integers(-400, 400).map(lambda days: Shift(days=days))


@given(records, st.sampled_from([shifted, extended]), shifts)
def test_a_shift_by_days_and_back_restores_the_record(values: Any, moves: Any, shift: Shift) -> None:
    there = apply_changes(values, moves(shift))
    if not there.broken:
        back = apply_changes(there.values, moves(-shift))
        assert back.values == values
        assert not back.broken
        assert back.notes == there.notes


changes_of = st.lists(
    st.one_of(
        st.builds(Change, st.sampled_from(["forecast_start", "forecast_end", "actual_end"]), st.just(SHIFT), shifts),
        st.builds(
            Change, st.sampled_from(["monthly_rate", "purchase_price"]), st.just(SCALE), st.decimals(0, 3, places=3)
        ),
        st.builds(
            Change,
            st.sampled_from(["monthly_rate", "purchase_price"]),
            st.just(ADD),
            st.decimals(-9000, 9000, places=2),
        ),
        st.builds(Change, st.sampled_from(["forecast_start", "monthly_rate", "model", "actual_end"]), st.just(CLEAR)),
        st.builds(Change, st.just("source"), st.just(SET), st.sampled_from(["RENTAL", "PURCHASE"])),
        st.builds(Change, st.just("is_discontinued"), st.just(SET), st.booleans()),
        st.builds(Change, st.just("forecast_end"), st.just(RESET), st.sampled_from(["plan_end", "actual_end"])),
    ),
    max_size=4,
    unique_by=lambda change: change.field,
)


@given(records, changes_of)
def test_no_change_breaks_a_rule_without_saying_so(values: Any, changes: list[Change]) -> None:
    edited: Edited = compiled(changes)(values)
    already = broken_rules(values)
    if not edited.broken:
        assert [rule for rule in broken_rules(edited.values) if rule not in already] == []
        assert all(edited.values[name] == values[name] for name in ("plan_start", "plan_end", "actual_start"))
        assert not values["is_actualized"] or edited.values["source"] == values["source"]
    assert (Note.UNCHANGED in edited.notes) == (edited.values == values and not edited.broken)


def test_an_amount_is_added_and_taken_away() -> None:
    values = make_values(monthly_rate=50_000_000)
    for added, expected in (("500", 55_000_000), ("-250.50", 47_495_000), ("-5000", 0)):
        edited = apply_changes(values, [Change("monthly_rate", ADD, Decimal(added))])
        assert (edited.values["monthly_rate"], edited.broken) == (expected, [])


def test_nothing_is_taken_away_below_zero_or_from_nothing() -> None:
    less = apply_changes(make_values(monthly_rate=50_000_000), [Change("monthly_rate", ADD, Decimal("-5000.01"))])
    assert [(broken.field, broken.reason) for broken in less.broken] == [("monthly_rate", "monthly rate is negative")]
    missing = apply_changes(make_values(monthly_rate=None), [Change("monthly_rate", ADD, Decimal(1))])
    assert "no monthly rate to change" in [broken.reason for broken in missing.broken]
    [dates] = refused_changes([Change("forecast_end", ADD, Decimal(1))])
    assert dates.field == "forecast_end"


@given(st.integers(0, MAX_MONEY), st.decimals(0, 2, places=4))
def test_a_scaled_amount_is_rounded_half_to_even_to_cents(amount: int, factor: Decimal) -> None:
    edited = apply_changes(make_values(monthly_rate=amount), [Change("monthly_rate", SCALE, factor)])
    cents = Decimal(amount) * factor / 100
    assert edited.values["monthly_rate"] == 100 * round(cents)
