"""The tables of the grammar, walked by hand, make of tags what lark's own parser makes of them."""

from __future__ import annotations

import random
from typing import Any, cast

import pytest
from lark.exceptions import UnexpectedToken

from nlq.normalize import tokenize
from nlq.phrases.building import Leaf
from nlq.phrases.parse import parse
from nlq.phrases.parts import Part
from nlq.phrases.tables import grammar
from nlq.tagging.tagger import Tagger
from nlq.tagging.tags import SILENT, Tagged
from pfa_rpc.schema import SCHEMA
from tests.unit.nlq.cases import QUESTION_FILES, TODAY, cases, vocabulary

TAGGER = Tagger(SCHEMA, vocabulary(), "USD")
QUESTIONS = [row[0] for name in QUESTION_FILES for row in cases(name, 1)]


def tagged(question: str) -> tuple[list[Tagged], int]:
    """The tags of a question that the grammar sees, each with its first reading alone, and the number of its words."""
    tokens = tokenize(question)
    stretches = [each for each in TAGGER.tag(tokens, TODAY) if each.tag not in SILENT]
    return [Tagged(each.first, each.end, each.readings[:1]) for each in stretches], len(tokens)


def parsed_by_lark(stretches: list[Tagged], length: int) -> list[Part]:
    """The parts that lark makes; UnexpectedToken where its grammar takes no such row of tags."""
    state = cast("Any", grammar().parse_interactive().parser_state)
    for each in stretches:
        state.feed_token(Leaf(each.tag, each.readings[0].payload, each.first, each.end))
    return cast("list[Part]", state.feed_token(Leaf("$END", None, length, length), True))


def check(stretches: list[Tagged], length: int) -> bool:
    """Compare both where lark takes the tags; return whether it does."""
    try:
        expected = parsed_by_lark(stretches, length)
    except UnexpectedToken:
        return False
    assert repr(parse(stretches, length)[0]) == repr(expected)
    return True


@pytest.mark.parametrize("name", ["in the order of the question", "in any order"])
def test_parts_are_those_that_lark_makes(name: str) -> None:
    source = random.Random(1)
    taken = 0
    for question in QUESTIONS:
        stretches, length = tagged(question)
        if name == "in any order":
            source.shuffle(stretches)
        taken += check(stretches, length)
    assert taken > len(QUESTIONS) / 3


def test_what_lark_does_not_take_is_reported_unread() -> None:
    stretches, length = tagged("more than between")
    assert not check(stretches, length)
    assert parse(stretches, length)[1]
