"""What a language remembers of one question never changes how it reads another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nlq.normalize import keys, tokenize
from nlq.pipeline import Language
from pfa_rpc.schema import SCHEMA
from tests.unit.nlq.cases import TODAY, cases, vocabulary

BEFORE = ("set the monthly rate of rentals in Silo 4 to 5000", "reset all forecast dates to plan")
QUESTIONS = (
    "rentals at $0.00",
    "cranes at $0",
    "monthly rate = 0",
    *(row[0] for row in cases("questions.txt", 2)[::40]),
)


def test_changes_leave_amounts_of_nothing_amounts() -> None:
    used = Language(SCHEMA, vocabulary())
    for order in BEFORE:
        used.interpret(order, TODAY)
    fresh = Language(SCHEMA, vocabulary())
    for question in QUESTIONS:
        assert repr(used.interpret(question, TODAY)) == repr(fresh.interpret(question, TODAY))


@given(text=st.text(alphabet="ab1 9-,.'/Éß_5", max_size=12))
def test_keys_of_plain_values_are_those_of_their_tokens(text: str) -> None:
    assert keys(text) == tuple(token.key for token in tokenize(text))
