"""What a language remembers of one question never changes how it reads another."""

from __future__ import annotations

from nlq.pipeline import Language
from pfa_rpc.schema import SCHEMA
from tests.unit.nlq.cases import TODAY, cases, vocabulary

BEFORE = ("set the monthly rate of rentals in Silo 4 to 5000", "reset all forecast dates to plan")
QUESTIONS = ("rentals at $0.00", "cranes at $0", "monthly rate = 0", *(row[0] for row in cases("questions.txt", 2)[::40]))


def test_changes_leave_amounts_of_nothing_amounts() -> None:
    used = Language(SCHEMA, vocabulary())
    for order in BEFORE:
        used.interpret(order, TODAY)
    fresh = Language(SCHEMA, vocabulary())
    for question in QUESTIONS:
        assert repr(used.interpret(question, TODAY)) == repr(fresh.interpret(question, TODAY))
