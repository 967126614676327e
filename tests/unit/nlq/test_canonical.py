"""The same conditions have one canonical text, which reads back as the normalized condition."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlq.filters.canonical import canonical_filter, normalize
from nlq.filters.filter_text import parse_filter
from nlq.query import (
    And,
    Comparison,
    Condition,
    Contains,
    FieldComparison,
    Matches,
    Not,
    Operator,
    Or,
    Present,
    Value,
    fold,
    pattern_of,
)
from nlq.schema import FieldSpec, FieldType
from pfa_rpc.schema import SCHEMA

ORDERED = list(Operator)
EQUALITY = [Operator.EQ, Operator.NE]
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8).filter(fold)
VALUES: dict[FieldType, st.SearchStrategy[Value]] = {
    FieldType.ID: TEXTS,
    FieldType.TEXT: TEXTS | st.sampled_from(["Cranes", "CRANES", "cranes ", "AND", "*", "\\"]),
    FieldType.BOOL: st.booleans(),
    FieldType.DATE: st.dates(),
    FieldType.TIME: st.datetimes(timezones=st.just(UTC)),
    FieldType.INTEGER: st.integers(-(2**63), 2**63 - 1),
}


def fields_of_type(*types: FieldType) -> list[FieldSpec]:
    """The schema's fields of these types."""
    return [field for field in SCHEMA.fields if field.type in types]


@st.composite
def comparisons(draw: st.DrawFn) -> Condition:
    """A field against a value that filter text could state."""
    field = draw(st.sampled_from([f for f in SCHEMA.fields if f.type is not FieldType.NAMES]))
    operator = draw(st.sampled_from(EQUALITY if field.type in (FieldType.ENUM, FieldType.BOOL) else ORDERED))
    if field.type is FieldType.ENUM:
        return Comparison(field.name, operator, draw(st.sampled_from([value.name for value in field.values])))
    if field.type is FieldType.MONEY:
        amount = Decimal(draw(st.integers(-(2**63), 2**63 - 1))).scaleb(-field.decimals)
        return Comparison(field.name, operator, amount)
    return Comparison(field.name, operator, draw(VALUES[field.type]))


@st.composite
def field_comparisons(draw: st.DrawFn) -> Condition:
    """A field against another of its type."""
    kind = draw(st.sampled_from([FieldType.TEXT, FieldType.MONEY, FieldType.DATE, FieldType.TIME, FieldType.BOOL]))
    names = [field.name for field in fields_of_type(kind)]
    operator = draw(st.sampled_from(EQUALITY if kind is FieldType.BOOL else ORDERED))
    return FieldComparison(draw(st.sampled_from(names)), operator, draw(st.sampled_from(names)))


TEXTUAL = st.sampled_from([field.name for field in fields_of_type(FieldType.TEXT, FieldType.ID)])
NAMES = st.sampled_from([field.name for field in SCHEMA.fields])
LEAVES = st.one_of(
    comparisons(),
    field_comparisons(),
    st.builds(Contains, TEXTUAL, TEXTS),
    st.builds(Contains, st.just("modified_fields"), NAMES),
    st.builds(Matches, TEXTUAL, st.lists(TEXTS | st.just(""), min_size=2, max_size=4).map(pattern_of)),
    st.builds(Present, NAMES),
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=1, max_size=4).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=1, max_size=4).map(tuple)),
    ),
    max_leaves=8,
)


@settings(deadline=None)  # the first text waits for the parser's tables
@given(CONDITIONS)
def test_the_canonical_text_reads_back_as_the_normalized_condition(condition: Condition) -> None:
    assert parse_filter(canonical_filter(condition, SCHEMA), SCHEMA) == normalize(condition, SCHEMA)


@settings(deadline=None)
@given(CONDITIONS)
def test_the_canonical_text_is_its_own_canonical_text(condition: Condition) -> None:
    canonical = canonical_filter(condition, SCHEMA)
    assert canonical_filter(parse_filter(canonical, SCHEMA), SCHEMA) == canonical
    assert normalize(normalize(condition, SCHEMA), SCHEMA) == normalize(condition, SCHEMA)


def rearranged(condition: Condition, chance: random.Random) -> Condition:
    """The same conditions in another order, with some nested, repeated or negated twice."""
    match condition:
        case And(operands) | Or(operands):
            kind = type(condition)
            parts = [rearranged(operand, chance) for operand in operands]
            parts += chance.choices(parts, k=chance.randint(0, 2))
            chance.shuffle(parts)
            cut = chance.randint(0, len(parts) - 1)
            return kind((kind(tuple(parts[cut:])), *parts[:cut]))
        case Not(operand):
            return Not(Not(Not(rearranged(operand, chance))))
    return Not(Not(condition)) if chance.random() < 0.3 else condition


@settings(deadline=None)
@given(CONDITIONS, st.randoms(use_true_random=False))
def test_neither_order_nor_nesting_nor_repetition_counts(condition: Condition, chance: random.Random) -> None:
    assert canonical_filter(rearranged(condition, chance), SCHEMA) == canonical_filter(condition, SCHEMA)


def test_no_condition_is_the_empty_text() -> None:
    assert canonical_filter(None, SCHEMA) == ""


RENTALS = Comparison("source", Operator.EQ, "RENTAL")
CRANES = Comparison("category", Operator.EQ, "Cranes")


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (And((RENTALS,)), "source = RENTAL"),
        (And((RENTALS, Or((CRANES,)))), 'category = "Cranes" AND source = RENTAL'),
        (Or((RENTALS, CRANES)), '(category = "Cranes" OR source = RENTAL)'),
        (Not(And((RENTALS, CRANES))), 'NOT (category = "Cranes" AND source = RENTAL)'),
        (Not(FieldComparison("actual_cost", Operator.EQ, "plan_cost")), "actual_cost != plan_cost"),
        (Not(Comparison("monthly_rate", Operator.LT, Decimal(5))), "NOT monthly_rate < 5"),
        (Comparison("monthly_rate", Operator.GT, Decimal("5E+3")), "monthly_rate > 5000"),
        (Comparison("monthly_rate", Operator.GT, Decimal("5000.5000")), "monthly_rate > 5000.5"),
        (Comparison("forecast_end", Operator.LT, date(999, 1, 2)), "forecast_end < 0999-01-02"),
        (
            Comparison("modified_at", Operator.LT, datetime(2026, 3, 1, 1, tzinfo=timezone(timedelta(hours=2)))),
            "modified_at < 2026-02-28T23:00:00Z",
        ),
        (Matches("model", "**"), "model:*"),
        (Matches("model", "*LTM*"), 'model:"LTM"'),
        (Matches("model", "LTM"), 'model = "LTM"'),
        (Comparison("category", Operator.EQ, 'a "b" \\ * \n'), 'category = "a \\"b\\" \\\\ \\* \\u000a"'),
    ],
)
def test_canonical_text(condition: Condition, text: str) -> None:
    assert canonical_filter(condition, SCHEMA) == text


def test_one_spelling_stands_for_all_of_a_text_but_not_of_an_id() -> None:
    spellings = [Comparison("category", Operator.EQ, text) for text in ("cranes", "CRANES", " Cranes")]
    assert normalize(Or(tuple(spellings)), SCHEMA) == normalize(Or(tuple(reversed(spellings))), SCHEMA)
    assert normalize(Or(tuple(spellings)), SCHEMA) in spellings
    ids = Or((Comparison("pfa_id", Operator.EQ, "A1"), Comparison("pfa_id", Operator.EQ, "a1")))
    assert normalize(ids, SCHEMA) == ids


def test_a_condition_of_an_unknown_field_has_no_text() -> None:
    with pytest.raises(KeyError):
        canonical_filter(Present("colour"), SCHEMA)
