"""The rules of editing one record, and what it knows of its edits."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlq.schema import FieldType
from pfa_rpc.records.editing import Note, created, edit, looked_at, marked_created, marked_edited
from pfa_rpc.records.encode import Values
from pfa_rpc.records.rules import MAX_MONEY, NAME_LIMIT, broken_rules
from pfa_rpc.records.tracking import MERGED_NAMES, differing
from pfa_rpc.schema import BY_NAME, FIELDS, ID_LENGTH
from pfa_rpc.store.records import new_record
from tests.fixtures.records import WORDS, make_values, random_values

MAY, JUNE, JULY = date(2026, 5, 1), date(2026, 6, 1), date(2026, 7, 1)
AT, LATER = datetime(2026, 5, 1, 12, tzinfo=UTC), datetime(2026, 5, 2, 12, tzinfo=UTC)
EDITABLE = [field.name for field in FIELDS if field.editable]
ON_SITE = {"is_actualized": True, "actual_start": date(2026, 3, 4)}


def stored(**changes: Any) -> Values:
    """Return every field of a stored record."""
    return new_record("RIO", "17", make_values(**changes)).values


def reasons(values: Values, updates: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the rules that an edit breaks."""
    return [(rule.field, rule.reason) for rule in edit(values, updates).broken]


@pytest.mark.parametrize(
    ("updates", "expected"),
    [
        ({"area_silo": "Yard B"}, {"area_silo": "Yard B"}),
        ({"area_silo": "  Yard B "}, {"area_silo": "Yard B"}),
        ({"area_silo": None}, {"area_silo": None}),
        ({"area_silo": "  "}, {"area_silo": None}),
        ({"class": "x" * NAME_LIMIT}, {"class": "x" * NAME_LIMIT}),
        ({"dor": "project"}, {"dor": "project"}),
        ({"monthly_rate": 1}, {"monthly_rate": 1}),
        ({"monthly_rate": 0}, {"monthly_rate": 0}),
        ({"monthly_rate": Decimal("5400.0001")}, {"monthly_rate": 54_000_001}),
        ({"monthly_rate": Decimal("5400.000000")}, {"monthly_rate": 54_000_000}),
        ({"monthly_rate": Decimal("1E+2")}, {"monthly_rate": 1_000_000}),
        ({"monthly_rate": Decimal("0E-500")}, {"monthly_rate": 0}),
        ({"monthly_rate": MAX_MONEY}, {"monthly_rate": MAX_MONEY}),
        ({"source": "purchase", "purchase_price": 5}, {"source": "purchase", "purchase_price": 5}),
        ({"forecast_start": JUNE, "forecast_end": JUNE}, {"forecast_start": JUNE, "forecast_end": JUNE}),
        ({"forecast_end": None}, {"forecast_end": None}),
        ({"is_discontinued": True}, {"is_discontinued": True}),
        ({"is_funds_transferable": True}, {"is_funds_transferable": True}),
        ({"actual_end": None}, {}),
    ],
)
def test_what_may_be_edited_is_taken(updates: dict[str, Any], expected: Values) -> None:
    values = stored()
    kept = dict(values)
    edited = edit(values, updates)
    assert not edited.broken
    assert edited.values == kept | expected
    assert values == kept


@pytest.mark.parametrize(
    ("state", "updates", "field", "reason"),
    [
        ({}, {"forecast_start": JULY}, "forecast_start", "forecast start after end"),
        ({}, {"monthly_rate": -1}, "monthly_rate", "monthly rate is negative"),
        ({}, {"monthly_rate": Decimal("-0.01")}, "monthly_rate", "monthly rate is negative"),
        ({}, {"monthly_rate": MAX_MONEY + 1}, "monthly_rate", "monthly rate is too large"),
        ({}, {"monthly_rate": Decimal("9E+999999")}, "monthly_rate", "monthly rate is too large"),
        ({}, {"monthly_rate": Decimal("0.00001")}, "monthly_rate", "monthly rate has more than 4 decimals"),
        ({}, {"monthly_rate": Decimal("1E-999999")}, "monthly_rate", "monthly rate has more than 4 decimals"),
        ({}, {"monthly_rate": Decimal("NaN")}, "monthly_rate", "monthly rate is not an amount"),
        ({}, {"monthly_rate": True}, "monthly_rate", "monthly rate is not an amount"),
        ({}, {"monthly_rate": 1.5}, "monthly_rate", "monthly rate is not an amount"),
        ({}, {"monthly_rate": None}, "monthly_rate", "rental without a monthly rate"),
        ({}, {"source": "purchase"}, "purchase_price", "purchase without a purchase price"),
        ({}, {"source": None}, "source", "source is missing"),
        ({}, {"source": "RENTAL"}, "source", "unknown source"),
        ({}, {"dor": "leased"}, "dor", "unknown dor"),
        ({}, {"dor": 1}, "dor", "unknown dor"),
        ({}, {"is_discontinued": None}, "is_discontinued", "discontinued is missing"),
        ({}, {"is_discontinued": 1}, "is_discontinued", "discontinued is neither yes nor no"),
        ({}, {"forecast_end": AT}, "forecast_end", "forecast end is not a date"),
        ({}, {"forecast_end": "2026-06-01"}, "forecast_end", "forecast end is not a date"),
        ({}, {"model": 336}, "model", "model is not text"),
        ({}, {"model": "x" * (NAME_LIMIT + 1)}, "model", "model is longer than 400 characters"),
        ({}, {"model": "a\0b"}, "model", "model holds a control character"),
        ({}, {"model": "a\ud800"}, "model", "model holds a control character"),
        (
            {"is_funds_transferable": True},
            {"is_discontinued": True},
            "is_discontinued",
            "discontinued and funds transferable exclude each other",
        ),
        ({}, {"plan_start": JUNE}, "plan_start", "the plan never changes"),
        ({"plan_end": JUNE}, {"plan_end": None}, "plan_end", "the plan never changes"),
        ({}, {"plan_end": "soon"}, "plan_end", "plan end is not a date"),
        (ON_SITE, {"actual_start": JUNE}, "actual_start", "actual start is set by PEMS"),
        ({}, {"is_actualized": True}, "is_actualized", "actualized is set by PEMS"),
        ({}, {"description": "new"}, "description", "description is set by PEMS"),
        ({}, {"id": "x"}, "id", "id never changes"),
        ({}, {"pfa_id": "18"}, "pfa_id", "PFA id never changes"),
        ({}, {"forecast_cost": 1}, "forecast_cost", "forecast cost is computed"),
        ({}, {"sync_state": "modified"}, "sync_state", "sync state is kept by the service"),
        ({}, {"modified_by": "maria"}, "modified_by", "modified by is kept by the service"),
        ({}, {"organization_id": "RIO2"}, "organization_id", "no such field"),
        ({}, {"actual_end": JUNE}, "actual_end", "not on site: it has no actual end"),
        (ON_SITE, {"actual_end": date(2026, 3, 3)}, "actual_end", "actual start after end"),
        ({}, {"forecast_end": date(2026, 2, 1)}, "forecast_end", "forecast start after end"),
        ({}, {"forecast_start": JUNE, "forecast_end": MAY}, "forecast_start", "forecast start after end"),
        (
            {"is_discontinued": True},
            {"is_funds_transferable": True},
            "is_funds_transferable",
            "discontinued and funds transferable exclude each other",
        ),
        (
            {**ON_SITE, "purchase_price": 1},
            {"source": "purchase"},
            "source",
            "the source of an actualized record never changes",
        ),
    ],
)
def test_a_broken_rule_names_its_field_and_reason(
    state: dict[str, Any], updates: dict[str, Any], field: str, reason: str
) -> None:
    assert reasons(stored(**state), updates) == [(field, reason)]


def test_every_broken_rule_is_said() -> None:
    updates = {
        "plan_start": JUNE,
        "monthly_rate": Decimal(-5),
        "purchase_price": Decimal("0.00001"),
        "forecast_start": JULY,
        "category": "x" * 20_000,
        "source": "gift",
        "is_discontinued": True,
        "colour": "red",
    }
    values = stored(is_funds_transferable=True)
    assert sorted(field for field, _ in reasons(values, updates)) == sorted(updates)


@pytest.mark.parametrize(
    "updates",
    [
        {"monthly_rate": Decimal("NaN")},
        {"forecast_start": JULY, "forecast_end": "soon"},
        {"is_discontinued": "no", "is_funds_transferable": True},
        {"is_discontinued": True, "is_funds_transferable": "yes"},
    ],
)
def test_what_could_not_be_set_breaks_no_further_rule(updates: dict[str, Any]) -> None:
    flags = {"is_discontinued": "is_discontinued" in updates, "is_funds_transferable": "is_discontinued" in updates}
    assert len(reasons(stored(monthly_rate=None, **flags), updates)) == 1


@pytest.mark.parametrize(
    ("state", "updates"),
    [
        (ON_SITE, {"actual_end": JUNE}),
        (ON_SITE | {"actual_end": JULY}, {"actual_end": None}),
        (ON_SITE, {"source": "rental", "monthly_rate": 7}),
        (ON_SITE, {"forecast_end": JULY}),
        ({"actual_end": JULY}, {"actual_end": None}),
        ({"is_funds_transferable": True}, {"is_discontinued": True, "is_funds_transferable": False}),
        ({"monthly_rate": None, "source": "purchase", "purchase_price": 3}, {"source": "rental", "monthly_rate": 5}),
    ],
)
def test_the_state_of_a_record_allows(state: dict[str, Any], updates: dict[str, Any]) -> None:
    edited = edit(stored(**state), updates)
    assert not edited.broken
    assert edited.values == stored(**state) | updates


def test_what_may_not_be_edited_may_be_sent_back_as_it_is() -> None:
    """A client that changes one field may send the whole record."""
    values = stored(plan_start=JUNE, plan_end=JULY, description="Big crane", modified_by="maria", pems_stamp=AT)
    edited = edit(values, values | {"model": "336F"})
    assert not edited.broken
    assert edited.values == values | {"model": "336F"}


def test_an_edit_that_changes_nothing_says_so() -> None:
    values = stored()
    assert edit(values, {"area_silo": "Silo 4 "}).notes == [Note.UNCHANGED]
    assert edit(values, {}).notes == [Note.UNCHANGED]
    assert not edit(values, {"area_silo": "silo 4"}).notes


def test_a_rule_about_other_fields_does_not_keep_a_record_from_being_edited() -> None:
    """Only PEMS can put right what it sent wrong."""
    values = stored(plan_start=JULY, plan_end=JUNE)
    assert reasons(values, {"area_silo": "Yard B"}) == []


# --- new records -----------------------------------------------------------------------------------------------------

NEW = {"pfa_id": "99", "source": "rental", "dor": "beo", "monthly_rate": Decimal(5)}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"plan_start": JUNE, "plan_end": JULY, "forecast_start": JUNE, "forecast_end": JULY},
        {"description": "Big crane", "equipment": "EQ-2001", "is_funds_transferable": True},
        {"is_actualized": False, "actual_start": None},
    ],
)
def test_a_record_can_be_made(more: dict[str, Any]) -> None:
    made = created(NEW | more)
    assert not made.broken
    assert {name: made.values[name] for name in more} == more
    assert made.values.keys() == {field.name for field in FIELDS}
    assert made.values["monthly_rate"] == 50_000
    assert (made.values["is_actualized"], made.values["modified_fields"]) == (False, ())


@pytest.mark.parametrize(
    ("updates", "expected"),
    [
        ({}, [("pfa_id", "PFA id is missing"), ("source", "source is missing"), ("dor", "DOR is missing")]),
        (NEW | {"pfa_id": " "}, [("pfa_id", "PFA id is missing")]),
        (NEW | {"pfa_id": "9" * (ID_LENGTH + 1)}, [("pfa_id", "PFA id is longer than 200 characters")]),
        (NEW | {"source": "purchase"}, [("purchase_price", "purchase without a purchase price")]),
        (NEW | {"plan_start": JULY, "plan_end": JUNE}, [("plan_start", "plan start after end")]),
        (NEW | {"is_actualized": True}, [("is_actualized", "a new record is not on site yet")]),
        (NEW | {"actual_start": JUNE}, [("actual_start", "a new record is not on site yet")]),
        (NEW | {"actual_end": JUNE}, [("actual_end", "a new record is not on site yet")]),
        (NEW | {"plan_cost": 7}, [("plan_cost", "plan cost is computed")]),
        (NEW | {"sync_state": "pristine"}, [("sync_state", "sync state is kept by the service")]),
        (NEW | {"pems_stamp": AT}, [("pems_stamp", "modified in PEMS is set by PEMS")]),
    ],
)
def test_what_a_new_record_needs_and_may_not_have(updates: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert [(rule.field, rule.reason) for rule in created(updates).broken] == expected


def test_a_record_made_here_differs_from_pems_in_all_that_it_holds() -> None:
    values, base = marked_created(created(NEW).values, "maria", AT)
    assert values["sync_state"] == "modified"
    assert values["local_version"] == 1
    assert values["modified_fields"] == ("source", "dor", "monthly_rate")
    assert (values["modified_by"], values["modified_at"]) == ("maria", AT)
    assert differing(values, base) == values["modified_fields"]


# --- what a record knows of its edits --------------------------------------------------------------------------------


def marked(values: Values, base: Values | None, **updates: Any) -> tuple[Values, Values | None]:
    return marked_edited(values, base, values | updates, "jsmith", LATER)


def sync_of(values: Values) -> tuple[Any, ...]:
    names = ("sync_state", "local_version", "modified_fields", "modified_by", "modified_at")
    return tuple(values[name] for name in names)


def test_a_first_edit_keeps_what_pems_holds() -> None:
    before = stored()
    values, base = marked(before, None, model="336F", area_silo="Yard B")
    assert sync_of(values) == ("modified", 2, ("area_silo", "model"), "jsmith", LATER)
    assert base == {name: before[name] for name in MERGED_NAMES}
    assert before == stored()


def test_a_second_edit_keeps_the_base_of_the_first() -> None:
    first, base = marked(stored(), None, model="336F")
    values, kept = marked(first, base, area_silo="Yard B")
    assert sync_of(values) == ("modified", 3, ("area_silo", "model"), "jsmith", LATER)
    assert kept == base


def test_an_edit_back_makes_a_record_pristine_and_still_counts() -> None:
    first, base = marked(stored(), None, model="336F")
    values, kept = marked(first, base, model=None)
    assert sync_of(values) == ("pristine", 3, (), "jsmith", LATER)
    assert kept is None


def test_an_edit_that_changes_nothing_is_none() -> None:
    before = stored(sync_state="sync_error", sync_retry_count=3)
    assert marked(before, None) == (before, None)
    assert marked(before, None, area_silo="Silo 4") == (before, None)


@pytest.mark.parametrize("model", ["336F", None], ids=["another value", "back to base"])
def test_an_edit_of_a_record_that_failed_gives_it_its_tries_back(model: str | None) -> None:
    first, base = marked(stored(), None, model="LTM")
    failed = first | {"sync_state": "sync_error", "sync_retry_count": 3, "sync_error_message": "not authorized"}
    values, _ = marked(failed, base, model=model)
    assert values["sync_state"] == ("modified" if model else "pristine")
    assert (values["sync_retry_count"], values["sync_error_message"]) == (0, None)


@pytest.mark.parametrize(
    ("updates", "fields"), [({"area_silo": "Yard B"}, ("area_silo", "model")), ({"model": None}, ())]
)
def test_an_edit_of_a_record_that_is_being_written_leaves_it_so(
    updates: dict[str, Any], fields: tuple[str, ...]
) -> None:
    first, base = marked(stored(), None, model="LTM")
    values, kept = marked(first | {"sync_state": "pending_sync", "sync_retry_count": 1}, base, **updates)
    assert sync_of(values)[:3] == ("pending_sync", 3, fields)
    assert values["sync_retry_count"] == 1
    assert kept == (base if fields else None)


# --- properties ------------------------------------------------------------------------------------------------------


def sound(seed: int) -> Values:
    """Return a varied record that breaks no rule."""
    values = new_record("RIO", "17", random_values(random.Random(seed), "17")).values
    values |= {"sync_state": "pristine", "modified_fields": ()}
    if values["source"] == "rental" and values["monthly_rate"] is None:
        values["monthly_rate"] = 1
    if values["source"] == "purchase" and values["purchase_price"] is None:
        values["purchase_price"] = 1
    assert broken_rules(values) == []
    return values


def new_values(name: str) -> st.SearchStrategy[Any]:
    """Return values to give a field, some of them none of its."""
    field = BY_NAME[name]
    match field.type:
        case FieldType.TEXT:
            return st.sampled_from([*WORDS[name], " x ", ""])
        case FieldType.ENUM:
            return st.sampled_from([value.stored for value in field.values] * 3 + ["gift"])
        case FieldType.BOOL:
            return st.booleans()
        case FieldType.MONEY:
            return st.none() | st.integers(-5, 10**9) | st.decimals(-1, 10**9, places=5)
        case _:
            return st.none() | st.dates(date(2025, 12, 1), date(2026, 6, 1))


updates_of = st.dictionaries(st.sampled_from(EDITABLE), st.none(), max_size=6).flatmap(
    lambda names: st.fixed_dictionaries({name: new_values(name) for name in names})
)
seeds = st.integers(0, 2**32)


@given(seeds, updates_of)
def test_no_edit_breaks_a_rule_without_saying_so(seed: int, updates: dict[str, Any]) -> None:
    values = sound(seed)
    edited = edit(values, updates)
    if not edited.broken:
        assert broken_rules(edited.values) == []
        unchangeable = [name for name in values if name not in EDITABLE]
        assert all(edited.values[name] == values[name] for name in unchangeable)
        assert not values["is_actualized"] or edited.values["source"] == values["source"]


@given(seeds, st.lists(updates_of, min_size=1, max_size=4))
def test_edits_taken_back_leave_a_record_pristine(seed: int, rounds: list[dict[str, Any]]) -> None:
    first = sound(seed)
    values, base, edits = first, None, 0
    for updates in [*rounds, {name: first[name] for name in EDITABLE}]:
        edited = edit(values, updates)
        if edited.broken:
            continue
        edits += edited.values != values
        values, base = marked_edited(values, base, edited.values, "jsmith", AT)
        expected = first if base is None else base
        assert values["modified_fields"] == differing(values, expected)
        assert (values["sync_state"] == "modified") == bool(values["modified_fields"])
    assert values["local_version"] == first["local_version"] + edits
    if all(values[name] == first[name] for name in MERGED_NAMES):
        assert (values["sync_state"], base) == ("pristine", None)


@given(st.integers(0, 2**32), st.data())
def test_an_edit_looks_at_no_other_fields_than_it_says(seed: int, data: st.DataObject) -> None:
    rng = random.Random(seed)
    values = new_record("RIO", "17", random_values(rng, "17")).values
    other = new_record("RIO", "17", random_values(rng, "17")).values
    names = data.draw(st.sets(st.sampled_from(EDITABLE), min_size=1))
    updates = {name: other[name] for name in names}
    known = {name: values[name] for name in looked_at(updates)}
    whole, partial = edit(values, updates), edit(known, updates)
    assert (partial.broken, partial.notes) == (whole.broken, whole.notes)
    assert partial.values == {name: whole.values[name] for name in partial.values}
