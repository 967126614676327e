"""Commands that ask in plain language: `ask_command` and `interpret_command`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pfa_rpc.cli import options
from pfa_rpc.cli.options import example

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration
    from google.type.date_pb2 import Date

    from pfa.v1.query_service_pb2 import AskResponse, Interpretation, RecordBatch
    from pfa.v1.record_pb2 import Record
    from pfa.v1.record_service_pb2 import AggregateRecordsResponse
    from pfa_rpc.cli.render import Output

_DEFAULT_LIMIT: Final = 50

ASK_EXAMPLE: Final = example(
    "pfa ask 'rentals in Silo 4 over $5000' -o RIO",
    "pfa ask 'how many pumps do we have?' -o RIO",
    "pfa ask 'top 5 most expensive cranes' -o RIO --columns pfa_id,class,forecast_cost",
)
INTERPRET_EXAMPLE: Final = example("pfa interpret 'rentals in Silo 4 over $5000' -o RIO")

Question = Annotated[
    list[str],
    typer.Argument(metavar="QUESTION", show_default=False, help="The question, in single quotes: a shell reads $5000."),
]


def ask_command(
    *,
    question: Question,
    organization: options.Organization,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=100_000, metavar="NUMBER", help="Most records to print.")
    ] = _DEFAULT_LIMIT,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Answer even where words were not understood.")
    ] = False,
    columns: options.Columns = None,
    today: options.Today = None,
    consistency: options.Consistency = options.FRESH,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Answer a question in plain language.

    How the question was read comes first: the sentence, the filter, what was assumed and what else it could have
    meant; then the records or figures. Where words were not understood nothing is looked up, unless --allow-partial
    is given, and the status is 3.
    """
    names = options.names_of("--columns", columns, also=["flags"])
    target = options.target_of(server, token, timeout)
    day = options.day_of("--today", today)
    need = options.consistency_of(consistency)
    from pfa.v1.query_service_pb2 import AskRequest
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output

    text, output = " ".join(question), Output(as_json=as_json)
    request = AskRequest(
        organization_id=organization,
        question=text,
        max_records=limit,
        allow_partial=allow_partial,
        today=_date_message(day),
        consistency=need,
    )
    answer = _Answer()
    with connect(target) as connection:
        for part in connection.stream(connection.questions.Ask, request):
            if part.HasField("interpretation") and not as_json:
                _show_reading(output, text, part.interpretation)
            answer.take(part)
    if as_json:
        output.document(answer.as_object())
    else:
        _show_answer(output, answer, names)
    _require_understood(answer, allow_partial=allow_partial)


def interpret_command(
    *,
    question: Question,
    organization: options.Organization,
    today: options.Today = None,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Show how a question is read, without looking anything up.

    Each word is listed with what became of it: part of the filter, no condition, corrected, or not understood. The
    filter that is shown works with `pfa list --filter` too.
    """
    target = options.target_of(server, token, timeout)
    day = options.day_of("--today", today)
    from pfa.v1.query_service_pb2 import InterpretRequest
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output, as_object

    text, output = " ".join(question), Output(as_json=as_json)
    request = InterpretRequest(organization_id=organization, question=text, today=_date_message(day))
    with connect(target) as connection:
        response = connection.call(connection.questions.Interpret, request)
    if as_json:
        output.document(as_object(response))
    else:
        _show_reading(output, text, response.interpretation)
        _show_pieces(output, response.interpretation)


@dataclass
class _Answer:
    """The parts of an answer, put together."""

    interpretation: Interpretation | None = None
    records: list[Record] = field(default_factory=list)
    total_size: int | None = None
    revision_token: str = ""
    age: Duration | None = None
    """How old the oldest part from a cache is; None: none came from one."""
    figures: AggregateRecordsResponse | None = None

    def take(self, part: AskResponse) -> None:
        """Add a part as it comes."""
        match part.WhichOneof("part"):
            case "interpretation":
                self.interpretation = part.interpretation
            case "records":
                self.records.extend(part.records.records)
                self.revision_token = part.records.revision_token or self.revision_token
                self._note_age(part.records)
                if part.records.HasField("total_size"):
                    self.total_size = part.records.total_size
            case "figures":
                self.figures = part.figures
                self._note_age(part.figures)

    def _note_age(self, part: RecordBatch | AggregateRecordsResponse) -> None:
        if part.HasField("age") and (self.age is None or part.age.ToNanoseconds() > self.age.ToNanoseconds()):
            self.age = part.age

    @property
    def is_answered(self) -> bool:
        """Whether anything was looked up, not only read."""
        return self.figures is not None or bool(self.records or self.revision_token) or self.total_size is not None

    def as_object(self) -> dict[str, Any]:
        """Return the answer as one JSON object: the interpretation, and records or figures where there are any."""
        from pfa_rpc.cli.render import as_object

        value: dict[str, Any] = {}
        if self.interpretation is not None:
            value["interpretation"] = as_object(self.interpretation)
        if self.figures is not None:
            value["figures"] = as_object(self.figures)
        elif self.is_answered:
            value["records"] = [as_object(record) for record in self.records]
            if self.total_size is not None:
                value["total_size"] = str(self.total_size)  # as protobuf's JSON writes 64-bit numbers
            value["revision_token"] = self.revision_token
            if self.age is not None:
                value["age"] = self.age.ToJsonString()
        return value


def _show_reading(output: Output, question: str, reading: Interpretation) -> None:
    from pfa_rpc.cli.reading import reading_lines

    for line in reading_lines(question, reading, output.width):
        output.show(line)
    output.line()


def _show_pieces(output: Output, reading: Interpretation) -> None:
    from rich.text import Text

    from pfa_rpc.cli.reading import piece_rows
    from pfa_rpc.cli.render import new_table

    table = new_table()
    for heading in ("words", "became", "meaning"):
        table.add_column(heading, overflow="fold")
    rows: Iterable[tuple[str, str, str]] = piece_rows(reading)
    for row in rows:
        table.add_row(*map(Text, row))
    output.show(table)


def _show_answer(output: Output, answer: _Answer, names: list[str] | None) -> None:
    """Write the records and how many there are, or the figures and what they cover."""
    from pfa_rpc.cli.render import show_age, show_figures, show_records
    from pfa_rpc.cli.text import count

    if answer.figures is not None and answer.interpretation is not None:
        spec = answer.interpretation.aggregate
        show_figures(output, answer.figures, spec.aggregations, spec.group_by)
    elif answer.is_answered:
        show_records(output, answer.records, names)
        shown, total = len(answer.records), answer.total_size
        if total is None or total == shown:
            output.line(count(shown, "record") if shown else "No record matches.", "dim")
        else:
            output.line(f"{shown:,} of {count(total, 'record')} shown", "dim")
    show_age(output, answer.age)


def _require_understood(answer: _Answer, *, allow_partial: bool) -> None:
    """Raise CommandError where nothing was looked up because words were not understood."""
    reading = answer.interpretation
    if reading is None or reading.complete or allow_partial:
        return
    from pfa_rpc.cli.errors import CommandError
    from pfa_rpc.cli.exits import INVALID_INPUT
    from pfa_rpc.cli.reading import not_understood

    words = not_understood(reading) or "a part of the question"
    raise CommandError(
        f"not understood: {words}; say it another way, or answer with the rest by --allow-partial", status=INVALID_INPUT
    )


def _date_message(day: date | None) -> Date | None:
    from google.type.date_pb2 import Date

    return Date(year=day.year, month=day.month, day=day.day) if day else None
