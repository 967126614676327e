"""order_by text is read into the terms of an order, and what is none gets an error that says where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlq.errors import OrderError
from nlq.filters.order_text import MAX_CHARACTERS, canonical_order, parse_order
from nlq.query import Sort
from pfa_rpc.schema import SCHEMA

SORTABLE = [field.name for field in SCHEMA.fields if field.sortable]


@pytest.mark.parametrize(
    ("text", "sort"),
    [
        ("", ()),
        (" \n", ()),
        ("pfa_id", (Sort("pfa_id"),)),
        ("monthly_rate desc, pfa_id", (Sort("monthly_rate", descending=True), Sort("pfa_id"))),
        (" monthly_rate  DESC ,pfa_id asc ", (Sort("monthly_rate", descending=True), Sort("pfa_id"))),
    ],
)
def test_an_order_is_read(text: str, sort: tuple[Sort, ...]) -> None:
    assert parse_order(text, SCHEMA) == sort


@pytest.mark.parametrize(
    ("text", "position", "part", "nearest"),
    [
        ("rate", 0, "“rate” is no field; did you mean monthly_rate?", ("monthly_rate",)),
        ("pfa_id, Category", 8, "is no field", ("category",)),
        ("pfa_id desc, pems_version", 13, "cannot be sorted by pems_version", ()),
        ("pfa_id,", 7, "expected a field", ()),
        (",pfa_id", 0, "expected a field", ()),
        ("pfa_id,,category", 7, "expected a field", ()),
        ("pfa_id down", 7, "expected asc, desc or a comma", ()),
        ("pfa_id desc category", 12, "expected a comma", ()),
        ("pfa_id, category, pfa_id desc", 18, "names pfa_id twice", ()),
        ("id,pfa_id,category,class,source,dor", 32, "more than 5 fields", ()),
        ("pfa_id\0", 6, "U+0000", ()),
        ("x" * 1001, MAX_CHARACTERS, "at most 1,000", ()),
    ],
)
def test_an_error_says_where_and_what(text: str, position: int, part: str, nearest: tuple[str, ...]) -> None:
    with pytest.raises(OrderError) as caught:
        parse_order(text, SCHEMA)
    assert part in caught.value.message
    assert caught.value.position == position
    assert caught.value.nearest == nearest


@given(st.lists(st.builds(Sort, st.sampled_from(SORTABLE), st.booleans()), max_size=5, unique_by=lambda s: s.field))
def test_the_canonical_text_reads_back_as_the_order(sort: list[Sort]) -> None:
    assert parse_order(canonical_order(sort), SCHEMA) == tuple(sort)


@given(st.text() | st.lists(st.sampled_from([*SORTABLE, ",", " ", "desc", "asc", "x"])).map(" ".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    position = 0
    try:
        parse_order(text, SCHEMA)
    except OrderError as error:
        position = error.position
    assert 0 <= position <= len(text)
