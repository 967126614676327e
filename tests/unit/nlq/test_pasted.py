"""What is pasted from documents and sheets is read like what is typed: other dashes, spaces, digits and signs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlq.expressions import read_expression
from nlq.normalize import Kind, tokenize
from tests.unit.nlq.cases import TODAY, check_laws, language


@pytest.mark.parametrize(
    ("kind", "typed", "pasted"),
    [
        ("number", "-5", "\N{MINUS SIGN}5"),
        ("number", "-5", "\N{EN DASH}5"),
        ("number", "-5", "\N{NON-BREAKING HYPHEN}5"),
        ("number", "5,000.50", "5\N{NO-BREAK SPACE}000.50"),
        ("number", "5,000.50", "5\N{NARROW NO-BREAK SPACE}000,50"),
        ("number", "1,234,567", "1\N{THIN SPACE}234\N{THIN SPACE}567"),
        ("number", "12,500", "12\N{FIGURE SPACE}500"),
        ("number", "12,500", "１２，５００"),
        ("number", "12.5", "１２．５"),
        ("number", "3/4", "3\N{FRACTION SLASH}4"),
        ("number", "2 1/2", "2 1\N{FRACTION SLASH}2"),
        ("number", "2 1/2", "2\N{NO-BREAK SPACE}½"),
        ("money", "$5,000", "＄５，０００"),
        ("money", "£500", "￡500"),
        ("money", "£500", "£\N{NO-BREAK SPACE}500"),
        ("money", "€5,000", "5.000,00\N{NO-BREAK SPACE}€"),
        ("money", "€5,000", "5\N{NARROW NO-BREAK SPACE}000\N{NO-BREAK SPACE}€"),
        ("money", "-$50", "\N{MINUS SIGN}$50"),
        ("money", "-$50", "\N{EN DASH}$50"),
        ("money", "$2.5 million", "$2½\N{NO-BREAK SPACE}million"),
        ("money", "$5,000", "\N{ZERO WIDTH NO-BREAK SPACE}$5,000\N{LEFT-TO-RIGHT MARK}"),
        ("range", "5-10", "5\N{EN DASH}10"),
        ("range", "5-10", "5\N{NO-BREAK SPACE}\N{EM DASH}\N{NO-BREAK SPACE}10"),
        ("range", "5-10", "5\N{MINUS SIGN}10"),
        ("range", "5-10", "5\N{NON-BREAKING HYPHEN}10"),
        ("range", "5...10", "5\N{HORIZONTAL ELLIPSIS}10"),
        ("range", "5 ~ 10", "5 \N{WAVE DASH} 10"),
        ("range", "> -5", "> \N{EN DASH}5"),
        ("range", ">= 5", "\N{GREATER-THAN OVER EQUAL TO} 5"),
        ("range", "<= 5", "\N{LESS-THAN OR SLANTED EQUAL TO}5"),
        ("range", "< 5", "＜５"),
        ("range", "~5", "\N{ALMOST EQUAL TO}5"),
        ("range", "$5k-$10k", "$5k\N{EN DASH}$10k"),
        ("duration", "2-week", "2\N{NON-BREAKING HYPHEN}week"),
        ("duration", "1 1/2 years", "1½\N{NO-BREAK SPACE}years"),
        ("duration", "3 months", "３ months"),
        ("ordinal", "twenty-first", "twenty\N{NON-BREAKING HYPHEN}first"),
        ("ordinal", "22nd", "２２nd"),
        ("date", "2026-03-05", "2026\N{NON-BREAKING HYPHEN}03\N{NON-BREAKING HYPHEN}05"),
        ("date", "2026-03-05", "２０２６－０３－０５"),
        ("date", "3/5/2026", "3\N{DIVISION SLASH}5\N{FRACTION SLASH}2026"),
        ("date", "3/5/2026", "\N{LEFT-TO-RIGHT MARK}3/\N{LEFT-TO-RIGHT MARK}5/\N{LEFT-TO-RIGHT MARK}2026"),
        ("date", "March 5, 2026", "March\N{NO-BREAK SPACE}5,\N{NO-BREAK SPACE}2026"),
        ("date", "March 5 - 10", "March 5\N{THIN SPACE}\N{EN DASH}\N{THIN SPACE}10"),
        ("date", "2025-27", "2025\N{EN DASH}27"),
        ("date", "11/5-7/2026", "11/5\N{EN DASH}7/2026"),
        ("date", "mid-March", "mid\N{NON-BREAKING HYPHEN}March"),
        ("date", "mid-month", "mid\N{EN DASH}month"),
        ("date", "1-5 June", "1\N{FIGURE DASH}5\N{IDEOGRAPHIC SPACE}June"),
    ],
)
def test_a_pasted_text_is_read_like_the_typed_one(kind: str, typed: str, pasted: str) -> None:
    read = read_expression(kind, typed, TODAY)
    assert any(read.get(name) is not None for name in ("value", "seconds", "min", "max", "start"))
    assert read_expression(kind, pasted, TODAY) == read


@pytest.mark.parametrize(
    ("typed", "pasted"),
    [
        ("rentals over $5,000", "rentals over $5\N{NO-BREAK SPACE}000"),
        ("rentals over $5,000", "rentals over ＄５，０００"),
        ("rentals >= 5000", "rentals \N{GREATER-THAN OVER EQUAL TO} 5000"),
        ("rentals between $5k-$10k", "rentals between $5k\N{EM DASH}$10k"),
        ("cranes in Silo-4", "cranes in Silo\N{NON-BREAKING HYPHEN}4"),
        ("show me the cranes...", "show me the cranes\N{HORIZONTAL ELLIPSIS}"),
        ("* cranes over $5k", "\N{BULLET} cranes over $5k"),
        ("cranes arriving 3/5/2026", "cranes arriving 3\N{FRACTION SLASH}5\N{FRACTION SLASH}2026"),
        ("move pumps by -5 days", "move pumps by \N{MINUS SIGN}5 days"),
        ("rentals with a rate > -5", "rentals with a rate > \N{EN DASH}5"),
    ],
)
def test_a_question_that_was_pasted_asks_for_the_same(typed: str, pasted: str) -> None:
    reading = language().interpret(pasted, TODAY)
    assert reading.complete
    assert reading.query == language().interpret(typed, TODAY).query
    assert reading.changes == language().interpret(typed, TODAY).changes
    check_laws(pasted, reading, language())


def test_what_is_quoted_stays_as_it_was_pasted() -> None:
    quoted = "Silo\N{NON-BREAKING HYPHEN}4 ５"
    (token,) = tokenize(f'"{quoted}"')
    assert (token.kind, token.raw) == (Kind.QUOTED, quoted)


@given(st.text(st.sampled_from('5０a ＄$-‑–…•"\u200e\u00a0\u2009½,，./⁄'), max_size=20))
def test_tokens_are_stretches_of_the_text_that_was_pasted(text: str) -> None:
    end = 0
    for token in tokenize(text):
        assert end <= token.start < token.end <= len(text)
        assert token.kind is Kind.QUOTED or text[token.start : token.end] == token.raw
        end = token.end
