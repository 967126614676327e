"""Conditions over the fields and values of the fixture records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from nlq.query import And, Comparison, Condition, Contains, FieldComparison, Matches, Not, Operator, Or, Present, Value
from nlq.schema import FieldType
from pfa_rpc.schema import FIELDS, Field
from tests.fixtures.records import FIRST_DAY, MONEY, WORDS

TEXTS = [field for field in FIELDS if field.name in WORDS]
ANY_ORDER = list(Operator)
EQUALITY = [Operator.EQ, Operator.NE]


def literals(field: Field) -> st.SearchStrategy[Value]:
    """Return literals of a field's type, most of them values that some record has."""
    match field.type:
        case FieldType.TEXT if field.name in WORDS:
            return st.sampled_from([word for word in WORDS[field.name] if word] + ["elsewhere"])
        case FieldType.TEXT | FieldType.ID:
            return st.sampled_from(["1", "17", "x"])
        case FieldType.ENUM:
            return st.sampled_from([value.name for value in field.values])
        case FieldType.BOOL:
            return st.booleans()
        case FieldType.MONEY:
            return st.sampled_from([Decimal(amount).scaleb(-4) for amount in MONEY if amount is not None]).map(
                lambda amount: round(amount, field.decimals)
            )
        case FieldType.DATE:
            return st.integers(0, 120).map(lambda days: FIRST_DAY + timedelta(days=days))
        case FieldType.TIME:
            return st.integers(0, 2_000).map(lambda hours: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours))
        case _:
            return st.integers(0, 4)


def comparisons(field: Field) -> st.SearchStrategy[Condition]:
    """Return comparisons of a field with literals."""
    ordered = field.type not in (FieldType.ENUM, FieldType.BOOL)
    return st.builds(
        Comparison, st.just(field.name), st.sampled_from(ANY_ORDER if ordered else EQUALITY), literals(field)
    )


def field_comparisons() -> st.SearchStrategy[Condition]:
    """Return comparisons of two fields of one type."""
    pairs = [
        (one.name, two.name)
        for one in FIELDS
        for two in FIELDS
        if one is not two and one.type is two.type and one.type in (FieldType.MONEY, FieldType.DATE, FieldType.TEXT)
    ]
    return st.builds(_compared, st.sampled_from(pairs), st.sampled_from(ANY_ORDER), st.sampled_from(STEPS))


STEPS = [("1", "0"), ("1.1", "0"), ("0.925", "0"), ("1", "500"), ("2", "-0.5")]
"""What the other side of a comparison of amounts is multiplied by, and what is added to it."""


def _compared(pair: tuple[str, str], order: Operator, step: tuple[str, str]) -> Condition:
    """Return the comparison of two fields, with a step where their type takes one: on dates of whole days."""
    factor, plus = map(Decimal, step)
    type_ = next(field.type for field in FIELDS if field.name == pair[0])
    if type_ is FieldType.MONEY:
        return FieldComparison(pair[0], order, pair[1], factor, plus)
    return FieldComparison(pair[0], order, pair[1], plus=int(plus) if type_ is FieldType.DATE else 0)


SEARCHED = [*(field.name for field in TEXTS), "id", "pfa_id"]
PARTS = ["Cr", "ANE", "0% ", "_", "\\", "60t", "silo  4", "", "*", "ß", "A-", "17"]
PATTERNS = ["*", "Cr*", "*4", "*a*e*", "ltm\\**", "100%", "a_b", "*\\\\*", "SILO *", "*-5*A*", "1*7"]

atoms = st.one_of(
    *(comparisons(field) for field in FIELDS if field.type is not FieldType.NAMES),
    field_comparisons(),
    st.builds(Present, st.sampled_from([field.name for field in FIELDS])),
    st.builds(Contains, st.sampled_from(SEARCHED), st.sampled_from(PARTS)),
    st.builds(Contains, st.just("modified_fields"), st.sampled_from(["category", "forecast_end", "model"])),
    st.builds(Matches, st.sampled_from(SEARCHED), st.sampled_from(PATTERNS)),
)
conditions: st.SearchStrategy[Condition] = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=4).map(lambda items: And(tuple(items))),
        st.lists(inner, min_size=2, max_size=4).map(lambda items: Or(tuple(items))),
        inner.map(Not),
    ),
    max_leaves=8,
)
