"""The command that computes over records: `aggregate_command`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from pfa_rpc.cli import options
from pfa_rpc.cli.options import example

if TYPE_CHECKING:
    from datetime import date

    from pfa.v1.record_service_pb2 import Aggregation, DayWindow

AGGREGATE_EXAMPLE: Final = example(
    "pfa aggregate -o RIO --count --sum forecast_cost --by category",
    "pfa aggregate -o RIO --sum plan_cost --sum forecast_cost --by month --filter 'source = RENTAL'",
    "pfa aggregate -o RIO --median monthly_rate --by forecast_start.month",
    "pfa aggregate -o RIO --sum forecast_cost --by area_silo --since 2026-04-01 --before 2026-07-01",
    "pfa aggregate -o RIO --sum plan_cost --sum forecast_cost --sum variance --by category --by month --totals",
)


def _names(flag: str, help_text: str) -> typer.models.OptionInfo:
    """Return an option that names a field and can be given again."""
    option: typer.models.OptionInfo = typer.Option(flag, metavar="FIELD", show_default=False, help=help_text)
    return option


def aggregate_command(
    *,
    organization: options.Organization,
    count: Annotated[bool, typer.Option("--count", help="How many records.")] = False,
    count_distinct: Annotated[
        list[str] | None, _names("--count-distinct", "How many different values of a field.")
    ] = None,
    total: Annotated[
        list[str] | None, _names("--sum", "Sum of a money field, or of variance or actual_variance.")
    ] = None,
    avg: Annotated[list[str] | None, _names("--avg", "Mean of a money field.")] = None,
    least: Annotated[list[str] | None, _names("--min", "Smallest value of a money or date field.")] = None,
    most: Annotated[list[str] | None, _names("--max", "Largest value of a money or date field.")] = None,
    median: Annotated[list[str] | None, _names("--median", "Median of a money field.")] = None,
    by: Annotated[
        list[str] | None,
        _names(
            "--by", 'Group by a field, a part of a date ("forecast_start.month", .week, .quarter, .year), or "month".'
        ),
    ] = None,
    filter_text: options.Filter = "",
    include_transferable: Annotated[
        bool, typer.Option("--include-transferable", help="Let totals cover funds-transferable records too.")
    ] = False,
    totals: Annotated[
        bool, typer.Option("--totals", help="Total all groups, too; of two, each row and each column.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DATE", show_default=False, help="Sum what costs from that day on."),
    ] = None,
    before: Annotated[
        str | None,
        typer.Option("--before", metavar="DATE", show_default=False, help="Sum what costs before that day."),
    ] = None,
    draft: options.Draft = "",
    consistency: options.Consistency = options.FRESH,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Count and total the records that match a filter, in groups.

    Each figure can be asked for several times, with at most two groups; without any, the records are counted. Totals
    of money leave out discontinued and funds-transferable records and say how many. Grouping by "month" spreads costs
    over the months by day; so do --since and --before, which cut them to the part that falls into these days.
    """
    target = options.target_of(server, token, timeout)
    need = options.consistency_of(consistency)
    days = options.day_of("--since", since), options.day_of("--before", before)
    from pfa.v1.record_service_pb2 import AggregateRecordsRequest
    from pfa_rpc.cli.connection import connect, pointing
    from pfa_rpc.cli.figure_tables import show_figures
    from pfa_rpc.cli.render import Output, as_object, show_age

    asked = {"COUNT_DISTINCT": count_distinct, "SUM": total, "AVG": avg, "MIN": least, "MAX": most, "MEDIAN": median}
    figures = _aggregations(asked, count=count)
    request = AggregateRecordsRequest(
        organization_id=organization,
        filter=filter_text,
        aggregations=figures,
        group_by=by or (),
        include_transferable=include_transferable,
        include_totals=totals,
        window=_window(*days),
        draft_id=draft,
        consistency=need,
    )
    with connect(target) as connection, pointing(filter_text=filter_text):
        response = connection.call(connection.records.AggregateRecords, request)
    output = Output(as_json=as_json)
    if as_json:
        output.document(as_object(response))
    else:
        show_figures(output, response, request)
        show_age(output, response.age if response.HasField("age") else None)


def _window(start: date | None, stop: date | None) -> DayWindow | None:
    """Return the days that costs are cut to, None where none are given."""
    from pfa.v1.record_service_pb2 import DayWindow
    from pfa_rpc.cli.text import date_message

    if start is None and stop is None:
        return None
    return DayWindow(start_date=date_message(start), end_date=date_message(stop))


def _aggregations(asked: dict[str, list[str] | None], *, count: bool) -> list[Aggregation]:
    """Return the figures that the options ask for: a count first, and alone where nothing was asked for."""
    from pfa.v1.record_service_pb2 import AggregateFunction, Aggregation

    def function(name: str) -> AggregateFunction.ValueType:
        return AggregateFunction.Value(f"AGGREGATE_FUNCTION_{name}")

    figures = [
        Aggregation(function=function(name), field=one) for name, fields in asked.items() for one in fields or ()
    ]
    return [Aggregation(function=function("COUNT")), *figures] if count or not figures else figures
