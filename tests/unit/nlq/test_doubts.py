"""What is asked back where a word is a value of several fields, and what decides that it need not be."""

from __future__ import annotations

from datetime import date

import pytest

from nlq.interpretation import Interpretation
from nlq.pipeline import Language
from nlq.vocabulary import Vocabulary
from pfa_rpc.schema import SCHEMA

TODAY = date(2026, 3, 2)
VALUES = [
    ("manufacturer", "Grove", 100),
    ("area_silo", "Grove", 90),
    ("manufacturer", "Terex", 100),
    ("area_silo", "Terex", 10),
    ("category", "Cranes", 50),
]


@pytest.fixture(scope="module")
def language() -> Language:
    return Language(SCHEMA, Vocabulary(VALUES), "USD")


def ask(language: Language, question: str) -> Interpretation:
    return language.interpret(question, TODAY)


@pytest.mark.parametrize("question", ["Grove cranes", "how many Grove cranes?", "extend Grove cranes by 2 weeks"])
def test_values_as_likely_of_one_field_as_of_another_are_asked_back(language: Language, question: str) -> None:
    found = ask(language, question)
    assert (
        found.question_back
        == "“Grove” can be area or manufacturer: which is meant? Say “area Grove” or “manufacturer Grove”."
    )
    fields = ['area_silo = "Grove"', 'manufacturer = "Grove"']
    assert [next(name for name in fields if name in each.filter) for each in found.alternatives] == fields


@pytest.mark.parametrize(
    ("question", "meant"),
    [
        ("area Grove", 'area_silo = "Grove"'),
        ("manufacturer Grove", 'manufacturer = "Grove"'),
        ("cranes in Grove", 'area_silo = "Grove"'),  # the word before says which
        ("Terex cranes", 'manufacturer = "Terex"'),  # ten times as many records
    ],
)
def test_a_name_a_word_before_or_many_more_records_decide(language: Language, question: str, meant: str) -> None:
    found = ask(language, question)
    assert not found.question_back
    assert meant in found.filter


def test_each_reading_offered_reads_back_as_itself(language: Language) -> None:
    for offered in ask(language, "Grove cranes").alternatives:
        again = ask(language, offered.sentence)
        assert (again.filter, again.question_back) == (offered.filter, "")
