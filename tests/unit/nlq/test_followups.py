"""Questions go on from the one before: what they say edits its query, and what is carried over is told."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlq.followups.cues import CUES
from nlq.interpretation import Interpretation, InterpretationKind
from nlq.query import Aggregation
from tests.unit.nlq.cases import TODAY, asked, cases, check_laws, language, not_understood

ROWS = cases("followups.txt", 5)
CONTEXTS = sorted({row[0] for row in ROWS if row[0]})
PHRASES = (
    *(phrase for phrases in CUES.values() for phrase in phrases),
    *("rentals", "cranes", "Silo 4", "Yard B", "JLG", "over 5k", "under $9,000", "those", "them", "discontinued"),
    *("sort", "by", "monthly rate", "area", "how many", "total", "top 5", "descending", "without", "a contract", "not"),
    *(
        "next month",
        "in April",
        "before June 2026",
        "starting",
        "forecast end",
        "Q3",
        "late",
        "purple",
        "and",
        "or",
        ",",
        "the",
        "in",
        "all",
        "purchases",
    ),
)
FOLLOWUPS = st.one_of(
    st.sampled_from([row[1] for row in ROWS]), st.lists(st.sampled_from(PHRASES), min_size=1, max_size=7).map(" ".join)
)


def follow(before: str, question: str) -> Interpretation:
    """The reading of a question that is asked after another one."""
    context = language().interpret(before, TODAY).query if before else None
    return language().interpret(question, TODAY, context)


@pytest.mark.parametrize(("before", "question", "condition", "extras", "unread"), ROWS)
def test_a_question_goes_on_from_the_one_before(
    before: str, question: str, condition: str, extras: str, unread: str
) -> None:
    reading = follow(before, question)
    assert (reading.filter, asked(reading), "; ".join(not_understood(reading))) == (condition, extras, unread)
    check_laws(question, reading, language())


# What is carried over is said


def test_what_is_carried_over_is_told_condition_by_condition() -> None:
    carried = follow("rentals in Silo 4 sorted by monthly rate", "only the cranes").carried
    assert [(note.chosen, note.text) for note in carried] == [
        ('area_silo = "Silo 4"', "carried over from the question before: in area Silo 4"),
        ("source = RENTAL", "carried over from the question before: with source Rental"),
        ("monthly_rate", "carried over from the question before: sorted by monthly rate ascending"),
    ]


def test_figures_and_limits_are_carried_over_too() -> None:
    assert [note.chosen for note in follow("how many cranes are in Silo 4?", "and in Silo 7?").carried] == [
        'category = "Cranes"',
        "count()",
    ]
    assert "the first 5" in [note.chosen for note in follow("top 5 cranes by monthly rate", "only rentals").carried]


def test_a_condition_by_convention_stays_a_default() -> None:
    reading = follow("rentals", "only the cranes")
    assert [note.chosen for note in reading.defaults] == ["is_discontinued = false"]
    assert not follow("rentals including discontinued", "only the cranes").defaults


def test_a_question_of_its_own_carries_nothing_over() -> None:
    assert not follow("rentals in Silo 4", "show me all purchases over $10k").carried


def test_an_amount_without_a_field_is_of_the_field_that_was_asked_for_before() -> None:
    (choice,) = follow("pumps with a forecast cost over 50k", "only those under 80k").ambiguities
    assert (choice.chosen, "monthly_rate" in choice.alternatives) == ("forecast_cost", True)


def test_a_figure_that_the_question_leaves_out_is_told() -> None:
    (choice,) = follow("rentals", "total of those").ambiguities
    assert (choice.chosen, "actual_cost" in choice.alternatives) == ("forecast_cost", True)
    (known,) = follow("average monthly rate of cranes", "and the median?").ambiguities
    assert known.chosen == "monthly_rate"


def test_an_amount_moves_with_the_kind_of_records_and_says_so() -> None:
    reading = follow("rentals over $5000", "the same for purchases")
    assert "purchase_price" in [choice.chosen for choice in reading.ambiguities]


def test_what_cannot_hold_with_the_question_before_gives_way_and_says_so() -> None:
    (warning,) = follow("cranes", "only the pumps").warnings
    assert 'category = "Cranes"' in warning


def test_conditions_that_leave_no_record_together_are_told() -> None:
    reading = follow("rentals starting this quarter", "only those starting next month")
    assert any("exclude each other" in warning for warning in reading.warnings)
    assert reading.codes == ("always_empty",)


@pytest.mark.parametrize(
    "order", ["change them to purchases", "change their area to Yard A", "change all rentals to Yard A"]
)
def test_an_order_that_speaks_of_records_changes_them_and_not_the_question(order: str) -> None:
    assert follow("rentals in Silo 4", order).kind is InterpretationKind.CHANGE


def test_a_date_without_a_field_is_of_what_was_asked_for_before_and_says_so() -> None:
    reading = follow("rentals with a forecast end in March 2026", "and in April?")
    assert reading.filter.endswith("forecast_end >= 2026-04-01 AND forecast_end < 2026-05-01")
    assert any("as in the question before" in choice.text for choice in reading.ambiguities)


def test_several_things_that_are_left_out_are_said_to_be_left_out_each() -> None:
    assert follow("rentals", "drop the pumps").warnings == ()
    [warning] = follow("rentals", "drop the pumps in Silo 4").warnings
    assert "by itself" in warning


def test_a_terse_question_of_its_own_says_that_it_leaves_the_other_aside() -> None:
    note = follow("rentals in Silo 4", "cranes").ambiguities[-1]
    assert "left aside" in note.text
    assert note.alternatives == (follow("rentals in Silo 4", "only cranes").filter,)
    assert not follow("rentals in Silo 4", "show me all cranes").ambiguities
    assert "left aside" in follow("rentals in Silo 4", "now show me all cranes").ambiguities[-1].text


@pytest.mark.parametrize("order", ["push those by a week", "extend them by 10 days", "set their monthly rate to 5k"])
def test_a_change_of_those_is_of_the_records_of_the_question_before(order: str) -> None:
    reading = follow("rentals in Silo 4", order)
    assert reading.kind is InterpretationKind.CHANGE
    assert reading.complete
    assert reading.changes
    assert not reading.question_back
    assert reading.filter == language().interpret("rentals in Silo 4", TODAY).filter


def test_a_change_of_the_first_few_is_asked_about() -> None:
    assert follow("top 5 rentals by monthly rate", "push those by a week").question_back


@pytest.mark.parametrize(
    ("question", "order", "having"),
    [
        ("highest first", [("count", True)], []),
        ("sort by count", [("count", False)], []),
        ("sort by average monthly rate descending", [("avg", True)], []),
        ("top 3", [("count", True)], []),
        ("only those with more than 5", [], [("count", 5)]),
        ("show me those with more than 5", [], [("count", 5)]),
    ],
)
def test_groups_are_ordered_and_limited_by_their_figures(
    question: str, order: list[tuple[str, bool]], having: list[tuple[str, int]]
) -> None:
    aggregate = follow("count of cranes by area", question).query.aggregate
    assert aggregate is not None
    assert aggregate.group_by == ("area_silo",)
    said = [(term.by, term.descending) for term in aggregate.order if isinstance(term.by, Aggregation)]
    assert [(by.function.value, descending) for by, descending in said] == order
    assert [(each.figure.function.value, int(each.value)) for each in aggregate.having] == having


# What needs a question before


@pytest.mark.parametrize(
    "question",
    ["what about Silo 7?", "drop the silo filter", "exclude the discontinued ones", "sort them by area", "the same"],
)
def test_without_a_question_before_a_follow_up_is_reported_with_the_reason(question: str) -> None:
    reading = follow("", question)
    assert not reading.complete
    assert any("none before this one" in warning for warning in reading.warnings)


@pytest.mark.parametrize(
    ("before", "question", "reason"),
    [
        ("rentals", "drop the silo filter", "no condition on the area"),
        ("rentals", "undo the sort", "no order"),
        ("rentals", "also Silo 4", "no area"),
        ("rentals in Silo 4", "drop the filter", "the area and the source: say which"),
        ("top 10 rentals", "next 10", "top 20"),
        ("cranes or rentals", "what about purchases", "ties"),
        ("top 10 rentals by monthly rate", "total of those", "first 10"),
    ],
)
def test_what_the_question_before_cannot_give_is_reported_with_the_reason(
    before: str, question: str, reason: str
) -> None:
    reading = follow(before, question)
    assert not reading.complete
    assert any(reason in warning for warning in reading.warnings)


@pytest.mark.parametrize(
    ("before", "question", "condition"),
    [
        ("rentals", "drop the generators or JLG", 'AND manufacturer != "JLG"'),
        ("cranes, around 5k or with equipment", "only those around 5k", "4500"),
        ("rentals in Silo 4", "without a contract or around 5k", "(monthly_rate >= 4500 AND monthly_rate <= 5500)"),
        ("purchases", "percentage of those under 12k", "source = PURCHASE"),
        ("rentals", "exclude last week or Silo 4", 'area_silo != "Silo 4"'),
        ("how many cranes by month", "March total forecast cost", 'category = "Cranes"'),
    ],
)
def test_what_a_follow_up_says_twice_or_of_several_fields_reads_back(
    before: str, question: str, condition: str
) -> None:
    reading = follow(before, question)
    assert condition in reading.filter
    assert "equipment" not in reading.filter
    check_laws(question, reading, language())


def test_only_sums_of_costs_are_spread_over_months() -> None:
    reading = follow("cost per month by category", "and the average?")
    assert reading.query.aggregate is not None
    assert reading.query.aggregate.group_by == ("forecast_start.month", "category")
    check_laws("and the average?", reading, language())


def test_shares_of_groups_are_counts_without_the_groups() -> None:
    reading = follow("percentage of records by area", "remove the grouping")
    assert reading.query.aggregate is not None
    assert not reading.query.aggregate.percent
    check_laws("remove the grouping", reading, language())


def test_an_amount_of_which_no_kind_is_left_is_refused() -> None:
    reading = follow("pumps over $5k", "exclude rentals or purchases")
    assert not reading.complete
    assert any("could be of" in warning for warning in reading.warnings)


@pytest.mark.parametrize(
    ("before", "question", "left"),
    [
        ("pumps never synced or over $5k", "only those over $5k", "last_synced_at"),
        ("rentals", "drop pending or over $5k", " OR "),
    ],
)
def test_an_amount_of_each_kinds_own_is_one_alternative(before: str, question: str, left: str) -> None:
    reading = follow(before, question)
    assert left not in reading.filter
    check_laws(question, reading, language())


def test_a_count_is_limited_by_whole_numbers_alone() -> None:
    whole, part = (follow("cranes by area", f"more than {limit}").query.aggregate for limit in ("5", "5.5"))
    assert whole is not None
    assert whole.having
    assert part is None or not part.having


def test_totals_of_a_follow_up_take_in_what_an_alternative_asks_for() -> None:
    before = "average rate by area of transferable or over budget"
    for question in ("only the pumps", "and total forecast cost"):
        reading = follow(before, question)
        assert reading.query.aggregate is not None
        assert reading.query.aggregate.including == ("is_funds_transferable",)
        check_laws(question, reading, language())


def test_a_follow_up_that_asks_a_field_for_two_things_apart_is_refused() -> None:
    reading = follow("cranes or over budget", "only pumps or late")
    assert not reading.complete
    assert any("asked for twice" in warning for warning in reading.warnings)


# Laws


@given(before=st.sampled_from(CONTEXTS), question=FOLLOWUPS)
@settings(max_examples=400, deadline=None)
def test_every_follow_up_obeys_the_laws(before: str, question: str) -> None:
    check_laws(question, follow(before, question), language())


@given(before=st.sampled_from(CONTEXTS), questions=st.lists(FOLLOWUPS, min_size=2, max_size=4))
@settings(max_examples=150, deadline=None)
def test_follow_ups_of_follow_ups_obey_the_laws(before: str, questions: list[str]) -> None:
    query = language().interpret(before, TODAY).query
    for question in questions:
        reading = language().interpret(question, TODAY, query)
        check_laws(question, reading, language())
        query = reading.query


@given(FOLLOWUPS)
@settings(max_examples=300, deadline=None)
def test_without_a_question_before_the_laws_hold_too(question: str) -> None:
    check_laws(question, follow("", question), language())


@pytest.mark.parametrize("words", ["one ", "them ", "whatever the "])
def test_a_text_of_words_that_refer_to_another_question_takes_time_in_proportion(words: str) -> None:
    seconds = [_fastest(words * (length // len(words))) for length in (500, 2_000)]
    assert seconds[1] < 7 * seconds[0]  # four times the length; a quadratic step would take 16 times


def _fastest(question: str) -> float:
    """Processor seconds of the fastest of five readings."""
    spent = []
    for _ in range(5):
        began = time.process_time()
        language().interpret(question, TODAY)
        spent.append(time.process_time() - began)
    return min(spent)
