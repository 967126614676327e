"""Filter text is read into conditions, and what is no filter gets an error that says where and what instead."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlq.errors import FilterError
from nlq.filters.canonical import canonical_filter
from nlq.filters.filter_text import MAX_CHARACTERS, MAX_COMPARISONS, MAX_DEPTH, parse_filter
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
    pattern_of,
    pattern_pieces,
)
from nlq.schema import Schema
from pfa_rpc.schema import FIELDS, SCHEMA

ROOT = Path(__file__).parents[3]
CASES = [
    line
    for line in (ROOT / "tests/fixtures/filters.txt").read_text(encoding="utf-8").splitlines()
    if line.strip() and not line.startswith("#")
]
RENTALS = Comparison("source", Operator.EQ, "RENTAL")


def error_of(text: str) -> FilterError:
    """The error that a text is refused with."""
    with pytest.raises(FilterError) as caught:
        parse_filter(text, SCHEMA)
    return caught.value


def read(text: str) -> Condition | FilterError | None:
    """The condition of a text, or the error that it is refused with."""
    try:
        return parse_filter(text, SCHEMA)
    except FilterError as error:
        return error


def check_read_or_refused(text: str) -> None:
    """A text has a canonical text that reads back, or an error at one of its characters."""
    result = read(text)
    if isinstance(result, FilterError):
        assert 0 <= result.position <= len(text)
        assert result.message
    else:
        canonical = canonical_filter(result, SCHEMA)
        assert len(canonical) > MAX_CHARACTERS or canonical_filter(parse_filter(canonical, SCHEMA), SCHEMA) == canonical


@pytest.mark.parametrize("case", [case for case in CASES if "  =>  " in case])
def test_a_filter_has_its_canonical_text(case: str) -> None:
    text, canonical = case.split("  =>  ")
    assert canonical_filter(parse_filter(text, SCHEMA), SCHEMA) == canonical
    assert canonical_filter(parse_filter(canonical, SCHEMA), SCHEMA) == canonical


@pytest.mark.parametrize("case", [case for case in CASES if "  !!  " in case])
def test_an_error_says_where_and_what_and_what_is_near(case: str) -> None:
    text, position, part, *nearest = case.split("  !!  ")
    error = error_of(text)
    assert error.position == int(position)
    assert part in error.message
    assert error.nearest == tuple(nearest[0].split(", ") if nearest else ())


@pytest.mark.parametrize("text", ["", " ", "\t\r\n ", "\u00a0"])
def test_a_blank_text_is_no_condition(text: str) -> None:
    assert parse_filter(text, SCHEMA) is None


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("monthly_rate > 5000.50", Comparison("monthly_rate", Operator.GT, Decimal("5000.5"))),
        ("forecast_start <= 2026-03-01", Comparison("forecast_start", Operator.LE, date(2026, 3, 1))),
        ("modified_at < 2026-03-01", Comparison("modified_at", Operator.LT, datetime(2026, 3, 1, tzinfo=UTC))),
        ("is_actualized != true", Comparison("is_actualized", Operator.NE, value=True)),
        ("local_version = 2", Comparison("local_version", Operator.EQ, 2)),
        ('category = "a\\*b"', Comparison("category", Operator.EQ, "a*b")),
        ("category = CRANES", Comparison("category", Operator.EQ, "CRANES")),
        ("description:Crane", Contains("description", "Crane")),
        ("model = L*M", Matches("model", "L*M")),
        ("model = \\**", Matches("model", "\\**")),
        ("contract:*", Present("contract")),
        ("actual_cost >= plan_cost", FieldComparison("actual_cost", Operator.GE, "plan_cost")),
        ("modified_fields:class", Contains("modified_fields", "class")),
        ("NOT source = RENTAL", Not(RENTALS)),
        ("-source = RENTAL", Not(RENTALS)),
        ("source = RENTAL contract:*", And((RENTALS, Present("contract")))),
        ("source = RENTAL OR contract:* dor:*", And((Or((RENTALS, Present("contract"))), Present("dor")))),
    ],
)
def test_a_text_is_read_into_the_tree_as_written(text: str, condition: Condition) -> None:
    assert parse_filter(text, SCHEMA) == condition


def test_an_amount_is_held_in_its_plain_form() -> None:
    condition = parse_filter("monthly_rate = 1.5E3", SCHEMA)
    assert isinstance(condition, Comparison)
    assert str(condition.value) == "1500"


def test_a_field_that_is_not_filterable_is_not_known() -> None:
    schema = Schema([replace(field, filterable=field.name != "monthly_rate") for field in FIELDS])
    for text in ("monthly_rate > 5", "NOT monthly_rate:*", "monthly_rate", "modified_fields:monthly_rate"):
        with pytest.raises(FilterError) as caught:
            parse_filter(text, schema)
        assert "monthly_rate" not in caught.value.nearest
    # Nor can it be probed from the other side of a comparison.
    with pytest.raises(FilterError, match="takes an amount"):
        parse_filter("plan_cost > monthly_rate", schema)


@pytest.mark.parametrize("nested", ["({})", "NOT {}", "-{}", "NOT ({})"])
def test_a_filter_is_nested_as_deep_as_the_limit_and_no_deeper(nested: str) -> None:
    levels = 2 if nested == "NOT ({})" else 1
    deepest = "source = RENTAL"
    for _ in range(MAX_DEPTH // levels):
        deepest = nested.format(deepest)
    assert parse_filter(deepest, SCHEMA) is not None
    assert "50 levels deep" in error_of(nested.format(deepest)).message


def test_siblings_are_not_nested() -> None:
    assert parse_filter(" ".join(["NOT (NOT source = RENTAL)"] * 100), SCHEMA) is not None


def test_parentheses_in_quoted_text_are_not_nested() -> None:
    assert parse_filter(f'description = "{"(" * 100}"', SCHEMA) is not None


@pytest.mark.parametrize(
    ("text", "part", "position"),
    [
        ("(" * 1000, "50 levels deep", MAX_DEPTH),
        ("source = " + "(" * 1000, "50 levels deep", 9 + MAX_DEPTH),
        ("NOT " * 1000, "50 levels deep", 4 * MAX_DEPTH),
        ("-" * 1000, "50 levels deep", MAX_DEPTH),
        ("x" * 100_000, "at most 16,384", MAX_CHARACTERS),
        ("category=a " * (MAX_COMPARISONS + 1), "more than 500 comparisons", 11 * MAX_COMPARISONS),
        ("category=(" + "a OR " * MAX_COMPARISONS + "b)", "more than 500 comparisons", 10 + 5 * MAX_COMPARISONS),
        ("source = RENTAL\0", "U+0000", 15),
        ('category = "a\x1bb"', "U+001B", 13),
        ("source\x0b= RENTAL", "U+000B", 6),
        ('category = "\x85"', "U+0085", 12),
        ("category = \ud800", "U+D800", 11),
    ],
)
def test_what_is_beyond_a_limit_is_refused_where_it_begins(text: str, part: str, position: int) -> None:
    error = error_of(text)
    assert part in error.message
    assert error.position == position


def test_as_many_comparisons_as_the_limit_are_read() -> None:
    condition = parse_filter("category=(" + "a OR " * (MAX_COMPARISONS - 1) + "b)", SCHEMA)
    assert isinstance(condition, Or)
    assert len(condition.operands) == MAX_COMPARISONS


def test_positions_count_code_points() -> None:
    assert error_of('description = "🏗🏗" AND rate > 5').position == 23


@pytest.mark.parametrize("text", ["a" * 5000, 'category = "a" ' + "b" * 5000, f"source = {'c' * 5000}"])
def test_the_text_found_is_cut_in_messages(text: str) -> None:
    assert len(error_of(text).message) < 400


@pytest.mark.parametrize(
    "text",
    [
        '"' * 16_000,
        '"\\' * 8_000,
        "\\" * 16_000,
        '\\"' * 8_000,
        "a " * 8_000,
        "= " * 8_000,
        "," * 16_000,
        "1," * 8_000,
        "-" + "1" * 16_000,
        "a" * 16_000,
        "2026-03-01T00:" * 1_000,
        " " * 16_000 + "x",
        f"monthly_rate > {'1' * 16_000}",
        f"local_version = {'9' * 16_000}",
        f'model = "{"*a" * 8_000}"',
        f'model = "{"**" * 8_000}x"',
    ],
)
def test_hard_texts_take_no_longer_than_others(text: str) -> None:
    begin = time.process_time()
    check_read_or_refused(text)
    assert time.process_time() - begin < 1  # a quadratic step would take far longer


WORDS = [*(f.name for f in SCHEMA.fields), "RENTAL", "5000", "-5", "2026-03-01", "2026-03-01T00:00:00Z", '"Silo 4"']
TOKENS = [*WORDS, "=", "!=", "<", ":", "(", ")", "AND", "OR", "NOT", "-", "*", '"', "\\", ",", "'", "true", "x*", " "]


@settings(deadline=None)  # the first text waits for the parser's tables
@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    check_read_or_refused(text)


@settings(deadline=None)
@given(st.lists(st.sampled_from(TOKENS), max_size=12).map(" ".join))
def test_any_words_of_the_language_are_read_or_refused(text: str) -> None:
    check_read_or_refused(text)


@settings(deadline=None)
@given(st.sampled_from([f.name for f in SCHEMA.fields]), st.sampled_from(["=", "!=", ">", ":"]), st.text(max_size=20))
def test_any_value_is_read_or_refused(field: str, operator: str, value: str) -> None:
    check_read_or_refused(f"{field} {operator} {value}")
    check_read_or_refused(f'{field} {operator} "{value}"')


@settings(deadline=None)
@given(st.text())
def test_escaped_text_is_read_as_itself(text: str) -> None:
    escaped = "".join(c if c.isalnum() else f"\\u{ord(c):04x}" for c in text if c != "\0" and ord(c) < 0x10000)
    kept = "".join(c for c in text if c != "\0" and ord(c) < 0x10000)
    if kept.split():
        assert parse_filter(f'category = "{escaped}"', SCHEMA) == Comparison("category", Operator.EQ, kept)


@settings(deadline=None)
@given(st.lists(st.text(), min_size=2, max_size=5))
def test_a_pattern_comes_apart_into_the_texts_it_was_made_of(pieces: list[str]) -> None:
    apart = pattern_pieces(pattern_of(pieces))
    assert "".join(apart) == "".join(pieces)
    assert [piece for piece in apart if piece] == [piece for piece in pieces if piece]


DOCS = (ROOT / "docs/filters.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```filter\n(.*?)```", DOCS, re.DOTALL)


@pytest.mark.parametrize("example", [line for block in EXAMPLES for line in block.splitlines() if line.strip()])
def test_filter_docs(example: str) -> None:
    assert parse_filter(example, SCHEMA) is not None


def test_the_docs_name_every_field_and_show_every_operator() -> None:
    assert [field.name for field in SCHEMA.fields if field.filterable and f"`{field.name}`" not in DOCS] == []
    written = "\n".join(EXAMPLES)
    assert all(f" {operator.value} " in written for operator in Operator)


DOCUMENTED_ERRORS = re.findall(r"^\| `(.+?)` \| (\d+) \| (.+?) \|$", DOCS, re.MULTILINE)


@pytest.mark.parametrize(("text", "position", "message"), DOCUMENTED_ERRORS)
def test_the_errors_in_the_docs_are_the_errors(text: str, position: str, message: str) -> None:
    error = error_of(text)
    assert (error.position, error.message) == (int(position), message)


def test_the_fields_that_the_docs_call_unsortable_are() -> None:
    said = DOCS[DOCS.index("## Order") :]
    assert [f.name for f in SCHEMA.fields if not f.sortable and f"`{f.name}`" not in said] == []
