"""The work of a reading grows as its text does, whatever is said again and again."""

from __future__ import annotations

import pytest

from nlq.query import Query
from nlq.tagging.tries import fixed_phrases
from pfa_rpc.schema import SCHEMA
from tests.unit.nlq.cases import TODAY, language
from tests.unit.nlq.work import MOST_GROWTH, growth

ONE_OF_EACH_TAG = {reading.tag: phrase for phrase, reading in fixed_phrases(SCHEMA)}
WORDS = (
    *dict.fromkeys(ONE_OF_EACH_TAG.values()),
    *("5", "$5k", "10 %", "2 weeks", "March", "2026", "today", "Silo 4", "cranes", "pumps", "EQ-2087", "catepillar"),
    *("x", '"a"', "by 5 %", "until June 30", "Silo 4 and", "total and", "plan start and", "on site today", "the", "to"),
    *("be", "sort", "top", "cap at", "keep", "just", "by", "only", "more", "drop", "instead of", "how much"),
    "only those",
)


@pytest.mark.parametrize("head", ["", "move the pumps"], ids=["question", "order"])
@pytest.mark.parametrize("word", WORDS)
def test_a_word_said_four_times_as_often_takes_no_more_than_in_proportion(word: str, head: str) -> None:
    assert growth(word, head) <= MOST_GROWTH


@pytest.mark.parametrize("word", WORDS)
def test_so_it_does_where_it_goes_on_from_another_question(word: str) -> None:
    assert growth(word, context=before()) <= MOST_GROWTH


def before() -> Query:
    """The query of a question before."""
    return language().interpret("rentals in Silo 4 over $5000 by monthly rate", TODAY).query
