"""Fixture files of cases, one a line, and the language that their questions are asked in."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

from nlq.filters.canonical import canonical_filter
from nlq.interpretation import Interpretation, Role
from nlq.pipeline import Language
from nlq.query import Aggregate, Aggregation
from nlq.vocabulary import Vocabulary
from pfa_rpc.schema import SCHEMA

ROOT = Path(__file__).parents[3]
TODAY = date(2026, 3, 11)
QUESTION_FILES = (
    *("questions.txt", "questions_of_dates_and_figures.txt", "questions_in_other_words.txt"),
    *("questions_of_changed_fields.txt", "questions_of_costs_in_time.txt"),
    *("questions_of_groups_without_records.txt", "questions_of_daily_work.txt"),
    *("questions_of_the_office.txt", "questions_of_amounts.txt"),
)
"""The fixture files of whole questions."""


def cases(name: str, columns: int) -> list[tuple[str, ...]]:
    """Return the rows of a fixture file, each padded with empty texts to a number of columns."""
    lines = (ROOT / "tests" / "fixtures" / name).read_text(encoding="utf-8").splitlines()
    rows = [tuple(cell.strip() for cell in line.split("|")) for line in lines if line and not line.startswith("#")]
    return [(*row, *[""] * (columns - len(row))) for row in rows]


def vocabulary() -> Vocabulary:
    """Return the values of question_values.txt."""
    lines = (ROOT / "tests" / "fixtures" / "question_values.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split(":", 1) for line in lines if not line.startswith("#")]
    return Vocabulary((field, value.strip(), 1) for field, values in pairs for value in values.split(","))


@cache
def language() -> Language:
    """Return the language of these values, in dollars."""
    return Language(SCHEMA, vocabulary())


def asked(reading: Interpretation) -> str:
    """Return order, limit and figures of a reading as the fixture files write them."""
    query = reading.query
    words = [
        "changes" if query.history else "",
        reading.order_by,
        f"limit {query.limit}" if query.limit is not None else "",
    ]
    if query.aggregate is not None:
        words += _figures(query.aggregate)
    return " ".join(filter(None, words))


def _figures(spec: Aggregate) -> list[str]:
    """Return figures, groups and what hangs on them in words."""
    words = ["any?"] if spec.yes_no else ["values"] if spec.distinct else []
    words += [_figure(figure) for figure in spec.aggregations]
    words.append(f"by {', '.join(spec.group_by)}" if spec.group_by else "")
    words += [f"having {_figure(each.figure)} {each.operator.value} {each.value:f}" for each in spec.having]
    for term in spec.order:
        by = term.by if isinstance(term.by, str) else _figure(term.by)
        words.append(f"sorted by {by}{' desc' if term.descending else ''}")
    words.append("percent" if spec.percent else "")
    if spec.window is not None:
        words.append(f"days {spec.window.start or ''}..{spec.window.stop or ''}")
    words.append("lacking" if spec.lacking else "")
    words.append(f"of {canonical_filter(spec.part, SCHEMA)}" if spec.part is not None else "")
    return words


def _figure(figure: Aggregation) -> str:
    return f"{figure.function.value}({figure.field or ''})"


def not_understood(reading: Interpretation) -> list[str]:
    """Return the texts of a reading's pieces that were not understood."""
    return [piece.text for piece in reading.pieces if piece.role is Role.NOT_UNDERSTOOD]


def check_laws(question: str, reading: Interpretation, spoken: Language) -> None:
    """Check what holds for every reading: each word has a piece, the filter and the sentence mean the query."""
    from nlq.filters.filter_text import parse_filter

    end = 0
    for piece in reading.pieces:
        assert end <= piece.start < piece.end
        assert question[piece.start : piece.end] == piece.text
        assert not any(character.isalnum() for character in question[end : piece.start])
        end = piece.end
    assert not any(character.isalnum() for character in question[end:])
    assert reading.complete is not bool(not_understood(reading))
    assert parse_filter(reading.filter, SCHEMA) == reading.query.where
    again = spoken.interpret(reading.sentence, TODAY)
    assert again.complete, f"{reading.sentence!r} leaves {not_understood(again)}"
    assert again.query == reading.query, reading.sentence
    assert again.changes == reading.changes, reading.sentence
    assert again.sentence == reading.sentence
