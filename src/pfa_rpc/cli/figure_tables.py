"""Figures as people read them: `show_figures`, a table with what it covers, and the words for its parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from google.type.date_pb2 import Date
from google.type.money_pb2 import Money
from rich.table import Table
from rich.text import Text

from pfa.v1.query_service_pb2 import AggregateSpec
from pfa.v1.record_service_pb2 import (
    AggregateFunction,
    AggregateGroup,
    AggregateRecordsRequest,
    AggregateRecordsResponse,
    AggregateValue,
    Aggregation,
    DayWindow,
    GroupKey,
)
from pfa_rpc.cli.render import Output, new_table, pairs_table
from pfa_rpc.cli.text import count, moment, money, plain
from pfa_rpc.records.differences import DIFFERENCES
from pfa_rpc.records.encode import money_amount
from pfa_rpc.schema import BY_NAME, RATE_DECIMALS

Figures = AggregateSpec | AggregateRecordsRequest
"""What says which figures and groups were asked for."""
_ALL = "all"
"""Stands for every value of a group in a line of totals."""


def function_words(aggregation: Aggregation) -> str:
    """Return what a figure is called: "count", "sum of forecast cost"."""
    name = AggregateFunction.Name(aggregation.function).removeprefix("AGGREGATE_FUNCTION_")
    words = {"COUNT": "count", "COUNT_DISTINCT": "different values", "AVG": "average"}.get(name, name.lower())
    return f"{words} of {label_of(aggregation.field)}" if aggregation.field else words


def label_of(name: str) -> str:
    """Return the label of a field, or of a group such as forecast_start.month."""
    base, _, part = name.partition(".")
    if base in DIFFERENCES:
        return DIFFERENCES[base].label
    label = BY_NAME[base].label if base in BY_NAME else plain(base)
    return f"{label} {plain(part)}".strip()


def figures_table(response: AggregateRecordsResponse, figures: Sequence[Aggregation], group_by: Sequence[str]) -> Table:
    """Return the table of an aggregate: a line for each group, a column for each key, each figure and each share."""
    if not group_by and len(response.groups) == 1:
        values = response.groups[0].values
        return pairs_table(
            (function_words(figure), " ".join(_figure_cells(figure, value, shared=value.HasField("percent"))))
            for figure, value in zip(figures, values, strict=False)
        )
    shared = [_is_shared(response, place) for place in range(len(figures))]
    table = new_table()
    for name in group_by:
        table.add_column(Text(label_of(name)), overflow="fold")
    for figure, is_shared in zip(figures, shared, strict=True):
        table.add_column(Text(function_words(figure)), justify="right", no_wrap=True)
        if is_shared:
            table.add_column(Text("share"), justify="right", no_wrap=True)
    for keys, group in _lines(response, group_by):
        cells = list(keys)
        for figure, value, is_shared in zip(figures, group.values, shared, strict=False):
            cells += _figure_cells(figure, value, shared=is_shared)
        table.add_row(*map(Text, cells))
    return table


def _lines(
    response: AggregateRecordsResponse, group_by: Sequence[str]
) -> Iterator[tuple[Sequence[str], AggregateGroup]]:
    """Yield the groups with their keys in words, and then the totals."""
    for group in response.groups:
        yield [key_text(key, name) for key, name in zip(group.keys, group_by, strict=False)], group
    for group in response.row_totals:
        yield (key_text(group.keys[0], group_by[0]), _ALL), group
    for group in response.column_totals:
        yield (_ALL, key_text(group.keys[0], group_by[1])), group
    if response.HasField("total"):
        yield [_ALL] * len(group_by), response.total


def _is_shared(response: AggregateRecordsResponse, place: int) -> bool:
    """Return whether some group tells the share of a figure."""
    return any(group.values[place].HasField("percent") for group in response.groups)


def _figure_cells(figure: Aggregation, value: AggregateValue, *, shared: bool) -> list[str]:
    """Return a figure, and its share where some are shared."""
    share = [f"{plain(value.percent)} %" if value.HasField("percent") else "–"] if shared else []
    return [figure_text(figure, value), *share]


def show_figures(output: Output, response: AggregateRecordsResponse, spec: Figures) -> None:
    """Write yes or no, or the table of an aggregate, and under it what the figures cover and leave out."""
    figures = list(spec.aggregations) or [Aggregation(function=AggregateFunction.AGGREGATE_FUNCTION_COUNT)]
    if response.HasField("yes"):
        output.line("Yes." if response.yes else "No.", "bold")
    elif not response.groups:
        output.line("None.", "bold")
    else:
        output.show(figures_table(response, figures, spec.group_by))
    for note in figure_notes(response, figures):
        output.line(note, "dim")


def key_text(key: GroupKey, name: str) -> str:
    """Return the value of a group; enum values by their label."""
    kind = key.WhichOneof("value")
    if kind is None:
        return "no date" if name == "month" or "." in name else "no value"
    if kind == "flag":
        return "yes" if key.flag else "no"
    if kind == "month":
        return f"{key.month.year:04}-{key.month.month:02}"
    if kind == "quarter":
        return f"{key.quarter.year:04}-Q{(key.quarter.month + 2) // 3}"
    if kind == "year":
        return f"{key.year:04}"
    if kind == "date" and name.endswith(".week"):
        return f"week of {moment(day_of(key.date))}"
    if kind == "date":
        return moment(day_of(key.date))
    field = BY_NAME.get(name)
    labels = {value.name: value.label for value in field.values} if field else {}
    return labels.get(key.text, plain(key.text))


def window_words(window: DayWindow) -> str:
    """Return the days that costs are of, the last one included: "of the days from 2026-03-01 to 2026-03-31"."""
    start = f"from {day_of(window.start_date)}" if window.HasField("start_date") else ""
    stop = f"to {day_of(window.end_date) - timedelta(days=1)}" if window.HasField("end_date") else ""
    return f"of the days {start} {stop}".replace("  ", " ").rstrip()


def figure_text(figure: Aggregation, value: AggregateValue) -> str:
    """Return a figure with its currency; "–" where no record had a value."""
    kind = value.WhichOneof("value")
    if kind is None:
        return "–"
    if kind == "count":
        return f"{value.count:,}"
    if kind == "date":
        return moment(day_of(value.date))
    return money_text(value.money)


def money_text(amount: Money) -> str:
    """Return an amount with its currency."""
    return f"{money(money_amount(amount, RATE_DECIMALS), RATE_DECIMALS)} {plain(amount.currency_code)}".strip()


def day_of(message: Date) -> date:
    """Return the day of a google.type.Date."""
    return date(message.year, message.month, message.day)


def figure_notes(response: AggregateRecordsResponse, figures: Sequence[Aggregation]) -> list[str]:
    """Return what each figure covers and left out, over all groups, and how many records matched."""
    notes = []
    for index, figure in enumerate(figures):
        values = [group.values[index] for group in response.groups if index < len(group.values)]
        remarks = _left_out(values)
        if remarks:
            notes.append(f"{function_words(figure)}: {'; '.join(remarks)}")
    return [*notes, f"{count(response.matched, 'record matches', 'records match')}"]


def _left_out(values: Sequence[AggregateValue]) -> list[str]:
    """Return in words what the values of one figure leave out or project."""
    totals = [
        (sum(value.missing for value in values), "without a value left out"),
        (sum(value.discontinued for value in values), "discontinued left out"),
        (sum(value.transferable for value in values), "funds transferable left out"),
        (sum(value.projected for value in values), "still on site, costed to a projected end"),
    ]
    return [f"{number:,} {words}" for number, words in totals if number]
