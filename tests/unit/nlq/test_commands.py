"""Orders to change records are read into proposals; what is not understood in full is never one."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlq.changes import Change, ChangeOperation, Shift, canonical_changes
from nlq.commands.words import VERBS
from nlq.interpretation import Interpretation, InterpretationKind, Role
from nlq.query import Query
from pfa_rpc.schema import SCHEMA
from tests.unit.nlq.cases import TODAY, cases, check_laws, language, not_understood

COMMANDS = cases("commands.txt", 4)
ORDERS = [row[0] for row in COMMANDS]


def read(order: str, context: Query | None = None) -> Interpretation:
    """The reading of an order."""
    return language().interpret(order, TODAY, context)


def outcome(reading: Interpretation) -> str:
    """What a reading does, as the fixture file writes it."""
    if reading.kind is InterpretationKind.REFUSED:
        return "never"
    if reading.kind is not InterpretationKind.CHANGE:
        return "question"
    return "ask" if reading.question_back else canonical_changes(reading.changes, SCHEMA)


def may_run(reading: Interpretation) -> bool:
    """Whether a reading is a proposal that nobody has to be asked about."""
    return reading.kind is InterpretationKind.CHANGE and reading.complete and bool(reading.changes)


def check_proposal(order: str, reading: Interpretation) -> None:
    """Check what holds for every reading of an order besides the laws of questions."""
    check_laws(order, reading, language())
    assert bool(reading.question_back) <= (not reading.changes)
    assert bool(reading.reason) is (reading.kind is InterpretationKind.REFUSED)
    if reading.kind is InterpretationKind.REFUSED:
        assert reading.query == Query()
        assert reading.errors


@pytest.mark.parametrize(("order", "condition", "changes", "unread"), COMMANDS)
def test_an_order_is_read_as_its_changes(order: str, condition: str, changes: str, unread: str) -> None:
    reading = read(order)
    assert outcome(reading) == changes
    if changes not in ("never", "question"):
        assert (reading.filter, "; ".join(not_understood(reading))) == (condition, unread)
    check_proposal(order, reading)


# What was chosen is said


def test_the_sentence_says_the_changes_and_the_records() -> None:
    sentence = read("push the Yard A rentals out by two weeks").sentence
    assert sentence == (
        "Shift the forecast start and the forecast end 14 days later for rentals in area Yard A, discontinued left out."
    )


def test_the_sentence_says_that_all_records_change() -> None:
    assert read("extend everything by a month").sentence == (
        "Shift the forecast end 1 month later for all records, discontinued left out."
    )


def test_which_dates_move_is_reported_with_the_others() -> None:
    (note,) = read("push the pumps by 2 weeks").ambiguities
    assert note.chosen == "forecast_start, forecast_end"
    assert {"forecast_start", "forecast_end", "actual_end"} == set(note.alternatives)


def test_no_choice_is_reported_where_dates_are_named() -> None:
    assert not read("push the forecast end of the pumps by 2 weeks").ambiguities


def test_a_verb_that_goes_either_way_is_reported_as_later() -> None:
    notes = read("shift the pumps by 2 weeks").ambiguities
    assert [note.alternatives for note in notes if note.chosen == "later"] == [("earlier",)]


def test_days_that_a_period_is_read_as_are_reported() -> None:
    notes = read("move the pumps to Q3").ambiguities
    assert any("2026-07-01" in note.text and "2026-09-30" in note.text for note in notes)


def test_the_amount_that_the_records_decide_is_reported() -> None:
    notes = read("increase JLG rentals by 5 %").ambiguities
    assert [note.alternatives for note in notes if note.chosen == "monthly_rate"] == [("purchase_price",)]


def test_a_value_that_no_record_has_is_reported_as_new() -> None:
    notes = read("set the contract of EQ-2087 to C-2000").ambiguities
    assert any("no record has it yet" in note.text for note in notes)


def test_a_place_that_no_record_has_is_asked_about_with_the_nearest() -> None:
    asked = read("set the area of the pumps to Silo 88").question_back
    assert all(each in asked for each in ("no area “Silo 88”", "The nearest is Silo", '"Silo 88"'))


def test_an_amount_below_zero_is_told_with_its_sign() -> None:
    assert "“-7”" in read("set the monthly rate of the pumps to -7").question_back


def test_moving_dates_farther_than_anyone_plans_is_asked_about() -> None:
    assert "more than 10 years" in read("extend the pumps by 40 years").question_back
    assert not read("extend the pumps by 9 years").question_back


@pytest.mark.parametrize(
    ("order", "warned"),
    [
        ("set the monthly rate of the pumps to 700", True),
        ("set the monthly rate of the pump rentals to 700", False),
        ("set the purchase price of the rentals to 700", True),
    ],
)
def test_an_amount_for_records_of_another_kind_is_remarked(order: str, warned: bool) -> None:
    assert any("others among them get it as well" in each for each in read(order).warnings) is warned


def test_every_word_of_an_order_has_its_part() -> None:
    pieces = read("please push the pumps in Yard A by 2 weeks").pieces
    told = [(piece.text, piece.role, piece.meaning) for piece in pieces]
    shift = "forecast_start += 14 days, forecast_end += 14 days"
    assert ("push", Role.USED, shift) in told
    assert ("by 2 weeks", Role.USED, shift) in told
    assert ("pumps", Role.USED, 'category = "Pumps"') in told


# What has to be confirmed, asked or refused


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("exend the pumps by 2 weeks", ("exend",)),
        ("extend the pupms by 2 weeks", ("pupms",)),
        ("reassign EQ-2087 to Yrad B", ("Yrad",)),
        ("extend the pumps by 2 weeks", ()),
    ],
)
def test_a_corrected_word_has_to_be_confirmed(order: str, words: tuple[str, ...]) -> None:
    assert read(order).confirm == words


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ("delete all pumps", "Records are never deleted by a question; a requirement can be discontinued."),
        ("change the plan end of the pumps to May 1", "never changes once it is set"),
        ("clear the source of EQ-2087", "Every record has a source"),
        ("mark EQ-2087 as on site", "Whether a record is actualized cannot be changed"),
        ("create a record", "Questions create no records."),
    ],
)
def test_a_refusal_says_why(order: str, reason: str) -> None:
    reading = read(order)
    assert (reading.kind, reading.reason) == (InterpretationKind.REFUSED, "unsupported_mutation")
    assert any(reason in error for error in reading.errors)


def test_a_day_that_does_not_exist_is_reported() -> None:
    reading = read("extend EQ-2087 to February 30")
    assert (reading.changes, reading.complete, reading.codes) == ((), False, ("invalid_date",))


@pytest.mark.parametrize("word", ["purple", "idle", "zzz", "previous instructions", "42"])
def test_an_unknown_word_anywhere_keeps_an_order_from_running(word: str) -> None:
    words = ["push", "the", "forklifts", "in", "Yard", "A", "by", "2", "weeks"]
    for place in range(len(words) + 1):
        order = " ".join([*words[:place], word, *words[place:]])
        assert not may_run(read(order)), order


@pytest.mark.parametrize(
    ("order", "changes"),
    [
        ("push those by a week", "forecast_start += 7 days, forecast_end += 7 days"),
        ("set their rate to $4,500", "monthly_rate = 4500"),
        ("they should be extended by 10 days", "forecast_end += 10 days"),
        ("and reassign them to Silo 2", 'area_silo = "Silo 2"'),
    ],
)
@pytest.mark.parametrize(
    "question", ["rentals in Yard A", "how many rentals are in Yard A", "rentals in Yard A by rate"]
)
def test_orders_go_on_from_the_question_before(question: str, order: str, changes: str) -> None:
    records = read("rentals in Yard A").query
    reading = read(order, read(question).query)
    assert (reading.query, reading.complete) == (records, True)
    assert canonical_changes(reading.changes, SCHEMA) == changes


def test_the_first_few_of_the_question_before_cannot_be_changed() -> None:
    before = read("top 5 rentals in Yard A by monthly rate").query
    assert read("push those by a week", before).question_back


def test_what_is_taken_away_from_the_question_before_is_not_deleted() -> None:
    before = read("rentals in Yard A").query
    assert read("remove the cranes", before).kind is InterpretationKind.RECORDS
    assert read("delete the cranes", before).kind is InterpretationKind.REFUSED


def test_taking_back_what_was_asked_is_no_order() -> None:
    before = read("rentals in Yard A").query
    assert not may_run(read("cancel that", before))
    assert not may_run(read("reset it", before))


# Texts of changes


def test_changes_have_one_text_in_the_order_of_the_fields() -> None:
    changes = [
        Change("forecast_end", ChangeOperation.SHIFT, Shift(1, -3)),
        Change("contract", ChangeOperation.CLEAR),
        Change("area_silo", ChangeOperation.SET, 'Silo "4"'),
        Change("monthly_rate", ChangeOperation.SCALE, Decimal("1.10")),
        Change("forecast_start", ChangeOperation.RESET, "plan_start"),
        Change("actual_end", ChangeOperation.SET, date(2026, 5, 1)),
        Change("is_discontinued", ChangeOperation.SET, value=True),
    ]
    expected = (
        r'area_silo = "Silo \"4\"", is_discontinued = true, monthly_rate *= 1.1, forecast_start = plan_start, '
        "forecast_end += 1 month -= 3 days, actual_end = 2026-05-01, contract = null"
    )
    assert canonical_changes(changes, SCHEMA) == canonical_changes(reversed(changes), SCHEMA) == expected


def test_a_change_without_its_value_has_no_text() -> None:
    with pytest.raises(ValueError, match="shift does not take None"):
        canonical_changes([Change("forecast_end", ChangeOperation.SHIFT)], SCHEMA)


# Whatever is typed

WORDS = (
    *VERBS,
    *("by 2 weeks", "by 10 %", "to Silo 4", "to $4,500", "to June 30", "to plan", "until Q3", "as discontinued", "out"),
    *("earlier", "later", "back", "and", ",", "the", "all", "everything", "rentals", "cranes", "in Yard A", "EQ-2087"),
    *("monthly rate", "forecast end", "plan start", "dates", "of", "for", "from", "to", "by", "those", "them", "not"),
    *("please", "should be", "pushed", "I want", "2", "$5", "another week", "purple", '"new"', "C-77", "without", "a"),
)
TYPED = st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join)


@settings(max_examples=400, deadline=None)
@given(order=TYPED)
def test_every_order_obeys_the_laws(order: str) -> None:
    check_proposal(order, read(order))


@settings(max_examples=150, deadline=None)
@given(order=st.sampled_from(ORDERS), cut=st.integers(0, 12), count=st.integers(1, 3))
def test_orders_cut_short_obey_the_laws(order: str, cut: int, count: int) -> None:
    words = order.split()
    shorter = " ".join([*words[:cut], *words[cut + count :]])
    if shorter.strip(" ,"):
        check_proposal(shorter, read(shorter))


# What is asked back


@pytest.mark.parametrize(
    ("before", "question", "answers"),
    [
        ("", "move the cranes forward by 2 weeks", ["14 days later", "14 days earlier"]),
        ("", "change the rate of rentals by 10 %", ["Increase the monthly rate by 10 %", "Reduce the monthly rate"]),
        ("", "increase cranes by 10 %", ["the monthly rate by 10 %", "the purchase price by 10 %"]),
        ("", "bring the pumps forward to May 1", ["forecast start to 2026-05-01", "forecast end to 2026-05-01"]),
        ("rentals in Silo 4", "extend by 2 weeks", ["14 days later for rentals in area Silo 4"]),
    ],
)
def test_what_is_asked_back_comes_with_the_orders_that_answer_it(
    before: str, question: str, answers: list[str]
) -> None:
    context = language().interpret(before, TODAY).query if before else None
    reading = language().interpret(question, TODAY, context)
    assert reading.question_back
    assert not reading.changes
    assert len(reading.alternatives) == len(answers)
    for alternative, words in zip(reading.alternatives, answers, strict=True):
        assert words in alternative.sentence
        again = language().interpret(alternative.sentence, TODAY)
        assert (again.complete, again.question_back, again.filter) == (True, "", alternative.filter)
        assert again.changes


@pytest.mark.parametrize(
    "question",
    [
        "extend cranes by 1-2 weeks",
        "extend cranes by 2 or 3 weeks",
        "increase the monthly rate of cranes by 5 to 10 %",
        "set the monthly rate of cranes to $4,000-5,000",
    ],
)
def test_a_range_is_no_amount_to_change_by_and_is_asked_about(question: str) -> None:
    reading = language().interpret(question, TODAY)
    assert "which of these" in reading.question_back
    assert not reading.changes
    assert reading.complete
