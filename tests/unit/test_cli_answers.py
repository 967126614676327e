"""How answers other than rows are shown: yes or no, shares, periods, conditions on groups, and what is asked back."""

from __future__ import annotations

import io

import pytest
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from pfa.v1 import query_service_pb2 as query_api
from pfa.v1 import record_service_pb2 as record_api
from pfa_rpc.cli.answers import Answer, require_answered
from pfa_rpc.cli.errors import CommandError
from pfa_rpc.cli.figure_tables import key_text, show_figures
from pfa_rpc.cli.reading import reading_lines
from pfa_rpc.cli.render import Output

COUNT = record_api.Aggregation(function=record_api.AGGREGATE_FUNCTION_COUNT)
COSTS = record_api.Aggregation(function=record_api.AGGREGATE_FUNCTION_SUM, field="forecast_cost")


def shown(response: record_api.AggregateRecordsResponse, spec: query_api.AggregateSpec) -> str:
    file = io.StringIO()
    show_figures(Output(file=file), response, spec)
    return file.getvalue()


def lines(reading: query_api.Interpretation) -> list[str]:
    return [line.plain for line in reading_lines("a question", reading, 100)]


@pytest.mark.parametrize(("yes", "word"), [(True, "Yes."), (False, "No.")])
def test_yes_or_no_is_said_with_how_many_there_are(yes: bool, word: str) -> None:
    group = record_api.AggregateGroup(values=[record_api.AggregateValue(count=7 * yes)])
    response = record_api.AggregateRecordsResponse(groups=[group], matched=7 * yes, yes=yes)
    text = shown(response, query_api.AggregateSpec(aggregations=[COUNT], yes_no=True))
    assert text.splitlines() == [word, "7 records match" if yes else "0 records match"]


def test_a_share_stands_beside_its_figure() -> None:
    groups = [
        record_api.AggregateGroup(
            keys=[record_api.GroupKey(text=name)],
            values=[record_api.AggregateValue(count=count, whole_count=8, percent=percent)],
        )
        for name, count, percent in (("Cranes", 1, "12.50"), ("Pumps", 7, "87.50"))
    ]
    spec = query_api.AggregateSpec(aggregations=[COUNT], group_by=["category"], percent=True)
    text = shown(record_api.AggregateRecordsResponse(groups=groups, matched=8), spec)
    assert [line.split() for line in text.splitlines()[:3]] == [
        ["category", "count", "share"],
        ["Cranes", "1", "12.50", "%"],
        ["Pumps", "7", "87.50", "%"],
    ]
    alone = record_api.AggregateRecordsResponse(groups=[record_api.AggregateGroup(values=groups[0].values)], matched=8)
    assert "1 12.50 %" in shown(alone, query_api.AggregateSpec(aggregations=[COUNT], percent=True))


def test_periods_have_names() -> None:
    day = Date(year=2026, month=7, day=1)
    assert key_text(record_api.GroupKey(month=day), "forecast_end.month") == "2026-07"
    assert key_text(record_api.GroupKey(date=day), "forecast_end.week") == "week of 2026-07-01"
    assert key_text(record_api.GroupKey(quarter=day), "forecast_end.quarter") == "2026-Q3"
    assert key_text(record_api.GroupKey(year=2026), "forecast_end.year") == "2026"
    assert key_text(record_api.GroupKey(), "forecast_end.year") == "no date"


def test_which_groups_and_in_which_order_is_part_of_a_reading() -> None:
    spec = query_api.AggregateSpec(
        aggregations=[COUNT],
        group_by=["area_silo"],
        having=[
            query_api.Having(figure=COUNT, operator=">", count=1_000),
            query_api.Having(figure=COSTS, operator="<=", money=Money(currency_code="USD", units=5_000)),
        ],
        order=[query_api.FigureSort(figure=COSTS, descending=True), query_api.FigureSort(group="area_silo")],
        part="source = RENTAL",
        percent=True,
    )
    found = lines(query_api.Interpretation(aggregate=spec, complete=True))
    assert "Figures     count by area, in percent of the whole" in found
    assert "Only where  count > 1,000" in found
    assert "Only where  sum of forecast cost <= 5,000.00 USD" in found
    assert "Order       sum of forecast cost desc, area" in found
    assert "Part        source = RENTAL" in found


def test_several_readings_are_asked_about_and_nothing_is_looked_up() -> None:
    reading = query_api.Interpretation(
        complete=True,
        question_back="Which price is meant?",
        alternatives=[query_api.Alternative(sentence="Rentals over $5."), query_api.Alternative(sentence="Both.")],
    )
    assert lines(reading)[-3:] == [
        "Which one?  Which price is meant?",
        "Or          Rentals over $5.",
        "Or          Both.",
    ]
    with pytest.raises(CommandError, match=r"Which price is meant\?"):
        require_answered(Answer(interpretation=reading), allow_partial=True)


def test_a_date_that_does_not_exist_is_told() -> None:
    reading = query_api.Interpretation(errors=["February 30, 2026 does not exist"])
    assert "Wrong       February 30, 2026 does not exist" in lines(reading)


def test_a_change_that_was_not_understood_offers_no_partial_answer() -> None:
    piece = query_api.Piece(start=0, end=6, text="florbs", role=query_api.PIECE_ROLE_NOT_UNDERSTOOD)
    reading = query_api.Interpretation(kind=query_api.INTERPRETATION_KIND_CHANGE, pieces=[piece])
    with pytest.raises(CommandError) as caught:
        require_answered(Answer(interpretation=reading), allow_partial=False)
    assert "florbs" in caught.value.message
    assert "--allow-partial" not in caught.value.message


def test_options_are_not_offered_where_a_question_was_typed() -> None:
    piece = query_api.Piece(start=0, end=6, text="florbs", role=query_api.PIECE_ROLE_NOT_UNDERSTOOD)
    with pytest.raises(CommandError) as caught:
        require_answered(
            Answer(interpretation=query_api.Interpretation(pieces=[piece])), allow_partial=False, typed=True
        )
    assert caught.value.message == 'not understood: "florbs"; say it another way'
    reading = query_api.Interpretation(kind=query_api.INTERPRETATION_KIND_CHANGE, complete=True, confirm=["exted"])
    with pytest.raises(CommandError) as caught:
        require_answered(Answer(interpretation=reading), allow_partial=False, typed=True)
    assert caught.value.message == 'corrected: "exted"; if that is what you meant, ask again in the right spelling'


def test_a_refusal_says_why_once() -> None:
    reading = query_api.Interpretation(reason="unsupported_mutation", errors=["Records are never deleted."])
    assert [line for line in lines(reading) if line.startswith(("Refused", "Wrong"))] == [
        "Refused     Records are never deleted."
    ]
    assert "Refused     unsupported mutation" in lines(query_api.Interpretation(reason="unsupported_mutation"))
