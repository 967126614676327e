"""docs/questions.md: every example is understood as it stands, and becomes what stands behind its arrow."""

from __future__ import annotations

import doctest
import re

import pytest

from nlq.changes import canonical_changes
from nlq.interpretation import Interpretation, InterpretationKind
from nlq.query import Query
from pfa_rpc.schema import SCHEMA
from tests.unit.nlq.cases import ROOT, TODAY, language, not_understood

PAGE = (ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"^\* (`[^`]+`(?:; `[^`]+`)*)(?: → `([^`]+)`)?$")


def examples() -> list[tuple[list[str], str]]:
    """Return the conversations of the page, most of a single question, and what the last question becomes, if told."""
    found = []
    for line in PAGE.splitlines():
        if line.startswith("* "):
            match = EXAMPLE.match(line)
            assert match, f"not of the form of an example: {line}"
            found.append((re.findall(r"`([^`]+)`", match[1]), match[2] or ""))
    return found


def asked(questions: list[str]) -> list[Interpretation]:
    """Return the readings of questions, each of which may go on from the one before."""
    readings: list[Interpretation] = []
    context: Query | None = None
    for question in questions:
        readings.append(language().interpret(question, TODAY, context))
        context = readings[-1].query
    return readings


@pytest.mark.parametrize(("questions", "becomes"), examples(), ids=lambda value: str(value)[:60])
def test_an_example_is_understood_and_becomes_what_the_page_says(questions: list[str], becomes: str) -> None:
    readings = asked(questions)
    assert [not_understood(reading) for reading in readings] == [[] for _ in questions]
    assert not any(reading.question_back or reading.reason for reading in readings)
    last = readings[-1]
    if becomes:
        assert (canonical_changes(last.changes, SCHEMA) or last.filter) == becomes


def test_the_page_shows_every_kind_of_question() -> None:
    last = [asked(questions)[-1] for questions, _ in examples()]
    kinds = {reading.kind for reading in last}
    assert kinds == {InterpretationKind.RECORDS, InterpretationKind.FIGURES, InterpretationKind.CHANGE}
    assert any(len(questions) > 2 for questions, _ in examples())
    assert sum(bool(becomes) for _, becomes in examples()) > 20


def test_what_the_page_calls_refused_is_refused() -> None:
    [named] = re.findall(r"such as `([^`]+)`, is refused", PAGE)
    assert language().interpret(named, TODAY).kind is InterpretationKind.REFUSED


def test_today_on_the_page_is_that_of_the_tests() -> None:
    assert f"{TODAY:%A}, {TODAY.day} {TODAY:%B %Y}" in PAGE


def test_the_readers_give_alone_what_the_page_shows() -> None:
    [block] = re.findall(r"```pycon\n(.*?)```", PAGE, re.DOTALL)
    examples = doctest.DocTestParser().get_doctest(block, {}, "questions.md", None, None)
    assert len(examples.examples) > 10
    said: list[str] = []
    assert doctest.DocTestRunner().run(examples, out=said.append).failed == 0, "".join(said)
