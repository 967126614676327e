"""What a reading says besides its query: what is asked for, what was settled, what cannot be."""

from __future__ import annotations

import json
from datetime import date

import pytest

from nlq.answer import answers, read_vocabulary
from nlq.interpretation import Interpretation, InterpretationKind, Role
from nlq.meaning import meaning_of
from nlq.schema import FieldType
from pfa_rpc.schema import MERGED_FIELDS, SCHEMA
from tests.unit.nlq.cases import TODAY, language


def read(question: str) -> Interpretation:
    """The reading of a question."""
    return language().interpret(question, TODAY)


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("cranes in Silo 4", InterpretationKind.RECORDS),
        ("how many cranes", InterpretationKind.FIGURES),
        ("are there any cranes", InterpretationKind.FIGURES),
    ],
)
def test_a_reading_says_what_is_asked_for(question: str, kind: InterpretationKind) -> None:
    assert read(question).kind is kind


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("monthly rate between $9k and $2k", "reversed_range"),
        ("monthly rate over 9k and under 2k", "always_empty"),
        ("cranes over 9k and under 2k", "always_empty"),
        ("discontinued and transferable", "always_empty"),
        ("forecast end on February 30 2026", "invalid_date"),
    ],
)
def test_what_cannot_be_has_a_code_and_a_sentence(question: str, code: str) -> None:
    reading = read(question)
    assert reading.codes == (code,)
    assert reading.warnings or reading.errors


def test_a_date_that_does_not_exist_says_so_where_it_stands() -> None:
    (piece,) = (piece for piece in read("pumps ending on 31 April").pieces if piece.role is Role.NOT_UNDERSTOOD)
    assert "does not exist" in piece.meaning


def test_the_end_of_a_period_that_is_not_named_is_the_forecast_and_says_so() -> None:
    choices = read("pumps starting next quarter").ambiguities
    assert any(
        (note.chosen, note.alternatives) == ("forecast_start", ("plan_start", "actual_start")) for note in choices
    )


def test_a_date_on_its_own_is_what_overlaps_and_says_so() -> None:
    assert any("overlaps" in note.text for note in read("pumps in Q2").ambiguities)


def test_a_convention_of_dates_is_told_where_it_decided() -> None:
    assert any("Monday" in note.text for note in read("pumps modified this week").ambiguities)


def test_over_budget_offers_the_other_costs() -> None:
    (note,) = read("over budget").ambiguities
    assert note.chosen == "forecast_cost > plan_cost"
    assert note.alternatives == ("actual_cost > plan_cost",)


def test_records_whose_field_was_changed_say_which_changes_are_meant() -> None:
    reading = read("cranes whose forecast dates were changed last week")
    assert reading.sentence == (
        "Records of category Cranes, whose forecast end or forecast start was changed, "
        "last modified from 2026-03-02 to 2026-03-08, discontinued left out."
    )
    assert any("differ from PEMS at present" in note.text for note in reading.ambiguities)


@pytest.mark.parametrize("question", ["who changed the rate of cranes", "changes to the rate of cranes"])
def test_questions_for_the_history_mean_each_change(question: str) -> None:
    assert not any("PEMS" in note.text for note in read(question).ambiguities)


def test_every_field_that_can_differ_from_pems_can_be_said_to_have_changed() -> None:
    flags = {field.name for field in MERGED_FIELDS if field.type is FieldType.BOOL}
    assert set(SCHEMA.conventions.changed.fields) == {field.name for field in MERGED_FIELDS} - flags


@pytest.mark.parametrize("question", ["who changed the rate to 5000", "changes of forecast end to July 1"])
def test_the_new_value_of_a_change_is_not_understood_and_says_why(question: str) -> None:
    [piece] = [each for each in read(question).pieces if each.role is Role.NOT_UNDERSTOOD]
    assert piece.text.startswith("to ")
    assert "changed from or to cannot be asked for" in piece.meaning


@pytest.mark.parametrize("question", ["how many changes were made yesterday", "number of changes by maria"])
def test_changes_that_are_to_be_counted_are_not_understood_and_it_says_why(question: str) -> None:
    reading = read(question)
    assert not reading.complete
    assert any("changes are not counted" in piece.meaning for piece in reading.pieces)


def test_changes_that_are_asked_for_go_on_as_changes() -> None:
    before = read("changes by maria last week")
    assert before.query.history
    after = language().interpret("only the pumps", TODAY, before.query)
    assert after.query.history
    assert after.sentence.startswith("Changes to records of category Pumps")
    counted = language().interpret("how many are there?", TODAY, before.query)
    assert not counted.query.history


def test_a_comparison_that_the_question_states_settles_the_phrase_for_it() -> None:
    reading = read("over budget cranes (actual cost above plan cost)")
    assert reading.filter == 'category = "Cranes" AND is_discontinued = false AND actual_cost > plan_cost'
    assert not reading.ambiguities


def test_a_meaning_is_plain_json() -> None:
    meaning = meaning_of(read("top 2 areas by forecast cost of rentals with a plan start in April"), SCHEMA)
    assert json.loads(json.dumps(meaning)) == {
        "kind": "aggregate",
        "filters": [
            {"field": "plan_start", "op": "range", "value": ["2026-04-01", "2026-05-01"]},
            {"field": "source", "op": "eq", "value": "Rental"},
        ],
        "aggregate": {"func": "sum", "field": "forecast_cost", "group_by": ["area_silo"]},
        "sort": [{"field": "sum_forecast_cost", "dir": "desc"}],
        "limit": 2,
        "ambiguous": meaning["ambiguous"],
    }


def test_cases_are_answered_in_their_order() -> None:
    vocabulary = read_vocabulary('{"category": ["Cranes"], "synonyms": {"category": {"hoists": "Cranes"}}}')
    from nlq.pipeline import Language

    cases: list[dict[str, object]] = [
        {"id": "a", "text": "hoists", "meaning": {}, "reference_time": "2026-03-11T09:00:00"},
        {"id": "b", "kind": "number", "text": "five", "expr": "five"},
    ]
    first, second = answers(cases, Language(SCHEMA, vocabulary), SCHEMA)
    assert first["meaning"]["filters"] == [{"field": "category", "op": "eq", "value": "Cranes"}]
    assert (second["id"], second["value"]) == ("b", 5)
    assert date.fromisoformat("2026-03-11") == TODAY
