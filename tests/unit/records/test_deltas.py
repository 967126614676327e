"""What a change made different, kept and put back."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfa.v1.record_pb2 import Record
from pfa_rpc.records.cost import costs_of
from pfa_rpc.records.deltas import decode_partial, deltas_of, differences, encode_partial, overlay, rewound
from pfa_rpc.records.encode import Values, encode, with_etag
from pfa_rpc.schema import FIELDS
from pfa_rpc.store.records import new_record
from tests.fixtures.records import make_values, random_values

NAMES = tuple(field.name for field in FIELDS)


def stored_values(seed: int) -> Values:
    """Return the values of a record as the database holds it."""
    values = new_record("RIO", "17", random_values(random.Random(seed), "17")).values
    return values | costs_of(values)


seeds = st.integers(0, 2**32)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ()),
        ({"model": "LTM", "area_silo": "Yard A"}, ("area_silo", "model")),
        ({"monthly_rate": 0}, ("monthly_rate",)),
        ({"contract": ""}, ("contract",)),
        ({"category": "CRANES"}, ("category",)),
        ({"modified_fields": ("category",), "sync_state": "modified"}, ("sync_state", "modified_fields")),
    ],
)
def test_differences_are_named_in_the_order_of_the_table(changes: dict[str, Any], expected: tuple[str, ...]) -> None:
    before = make_values(monthly_rate=None)
    assert differences(before, before | changes) == expected
    assert differences(before | changes, before) == expected


def test_an_absent_field_counts_as_missing() -> None:
    assert differences({"category": "Cranes"}, {"category": "Cranes", "model": None}) == ()
    assert differences({"category": "Cranes"}, {"model": "336F"}) == ("category", "model")


@given(seeds, st.sets(st.sampled_from(NAMES)), st.sampled_from(["USD", "EUR"]))
def test_a_partial_record_gives_back_the_fields_that_it_holds(seed: int, names: set[str], currency: str) -> None:
    values = stored_values(seed)
    stored = encode_partial(values, names, currency)
    assert decode_partial(stored, names) == {name: values[name] for name in names}


@given(seeds)
def test_a_partial_record_of_all_fields_is_the_record(seed: int) -> None:
    values = stored_values(seed)
    record = Record.FromString(encode_partial(values, NAMES, "USD"))
    assert record.source in (1, 2)
    assert decode_partial(record.SerializeToString(), NAMES) == values


def test_a_partial_record_holds_nothing_else() -> None:
    values = stored_values(1) | {"plan_end": date(2026, 5, 1), "model": "336F"}
    record = Record.FromString(encode_partial(values, ("model", "plan_end"), "USD"))
    assert [field.name for field, _ in record.ListFields()] == ["model", "plan"]
    assert not record.plan.HasField("start_date")


def test_missing_is_not_empty_or_zero() -> None:
    values = make_values(contract="", model=None, monthly_rate=0, purchase_price=None, sync_retry_count=0)
    names = ("contract", "model", "monthly_rate", "purchase_price", "sync_retry_count", "is_discontinued")
    assert decode_partial(encode_partial(values, names, "USD"), names) == {name: values[name] for name in names}


def test_a_field_that_is_gone_from_the_table_is_passed_over() -> None:
    assert decode_partial(b"", ("model", "colour")) == {"model": None}


@given(st.lists(seeds, min_size=1, max_size=5))
def test_a_record_is_put_back_through_all_its_changes(history: list[int]) -> None:
    states = [stored_values(seed) for seed in history]
    deltas = []
    for before, after in pairwise(states):
        names = differences(before, after)
        deltas.append((names, encode_partial(before, names, "USD")))
    for steps in range(len(states)):
        newest_first = deltas[::-1][:steps]
        assert rewound(states[-1], newest_first) == states[len(states) - 1 - steps]


def test_a_record_put_back_leaves_the_later_one_alone() -> None:
    later = make_values(modified_at=datetime(2026, 5, 1, tzinfo=UTC))
    kept = dict(later)
    assert rewound(later, [(("category",), encode_partial({"category": "Pumps"}, ["category"], "USD"))]) != kept
    assert later == kept


pairs = st.lists(st.tuples(seeds, seeds, st.sets(st.sampled_from(NAMES))), min_size=1, max_size=5)


def changed(pair: tuple[int, int, set[str]]) -> tuple[Values, Values]:
    """Return a record before and after some of its fields were given the values of another."""
    first, second, names = pair
    before, other = stored_values(first), stored_values(second)
    return before, before | {name: other[name] for name in names if name != "id"}


@given(pairs, st.sets(st.sampled_from(NAMES)))
def test_many_records_have_the_deltas_of_each(drawn: list[tuple[int, int, set[str]]], known: set[str]) -> None:
    records = [changed(pair) for pair in drawn]
    names = known | {"id", *(name for before, after in records for name in differences(before, after))}
    old, new = ({name: [pair[side][name] for pair in records] for name in names} for side in (0, 1))
    deltas = deltas_of(old, new, "USD")
    assert list(deltas.fields) == [differences(before, after) for before, after in records]
    for (before, after), fields, old_wire, new_wire in zip(records, *deltas[1:], strict=True):
        assert old_wire == encode_partial(before, fields, "USD")
        assert new_wire == encode_partial(after, fields, "USD")
    assert set(deltas.names) == {name for fields in deltas.fields for name in fields}


@given(seeds, seeds, st.sets(st.sampled_from(NAMES)))
def test_a_delta_laid_over_a_record_gives_the_very_bytes_of_the_one_after_it(
    first: int, second: int, drawn: set[str]
) -> None:
    before, after = changed((first, second, drawn))
    names = differences(before, after)
    record = Record.FromString(encode(before, organization_id="RIO", currency="USD", revision=7))
    overlay(record, names, encode_partial(after, names, "USD"))
    record.ClearField("etag")
    assert with_etag(record.SerializeToString()) == encode(after, organization_id="RIO", currency="USD", revision=7)
