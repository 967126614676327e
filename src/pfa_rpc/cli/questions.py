"""Commands that ask in plain language: `ask_command` and `interpret_command`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pfa_rpc.cli import options
from pfa_rpc.cli.options import example

if TYPE_CHECKING:
    from pfa.v1.query_service_pb2 import AskRequest, Interpretation
    from pfa_rpc.cli.answers import Answer
    from pfa_rpc.cli.connection import Connection
    from pfa_rpc.cli.render import Output

_DEFAULT_LIMIT: Final = 50

ASK_EXAMPLE: Final = example(
    "pfa ask 'rentals in Silo 4 over $5000' -o RIO",
    "pfa ask 'how many pumps do we have?' -o RIO",
    "pfa ask 'top 5 most expensive cranes' -o RIO --columns pfa_id,class,forecast_cost",
    "pfa ask -o RIO",
)
INTERPRET_EXAMPLE: Final = example("pfa interpret 'rentals in Silo 4 over $5000' -o RIO")
_SUGGESTED: Final = 8
"""Most words that are shown for a place where one was not understood."""

_QUESTION_HELP: Final = "The question, in single quotes: a shell reads $5000."
Question = Annotated[list[str], typer.Argument(metavar="QUESTION", show_default=False, help=_QUESTION_HELP)]
MaybeQuestion = Annotated[
    list[str] | None,
    typer.Argument(metavar="QUESTION", show_default=False, help=f"{_QUESTION_HELP} None: ask one after the other."),
]
Context = Annotated[
    str,
    typer.Option(
        "--context",
        metavar="TOKEN",
        show_default=False,
        help="context_token of the question that this one goes on from.",
    ),
]


def ask_command(
    *,
    question: MaybeQuestion = None,
    organization: options.Organization,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=100_000, metavar="NUMBER", help="Most records to print.")
    ] = _DEFAULT_LIMIT,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Answer even where words were not understood.")
    ] = False,
    confirm_corrections: Annotated[
        bool, typer.Option("--confirm-corrections", help="Corrected words of a change are right as they were read.")
    ] = False,
    context: Context = "",
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
    is given, and the status is 3. Without a question there is a prompt, which completes words by the Tab key and lets
    each question go on from the one before; where standard input is no terminal, each line of it is a question.
    """
    names = options.names_of("--columns", columns, also=["flags"])
    target = options.target_of(server, token, timeout)
    day = options.day_of("--today", today)
    need = options.consistency_of(consistency)
    from pfa.v1.query_service_pb2 import AskRequest
    from pfa_rpc.cli.answers import require_answered
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output
    from pfa_rpc.cli.text import date_message

    output = Output(as_json=as_json)
    request = AskRequest(
        organization_id=organization,
        question=" ".join(question or ()),
        max_records=limit,
        allow_partial=allow_partial,
        confirm_corrections=confirm_corrections,
        context_token=context,
        today=date_message(day),
        consistency=need,
    )
    with connect(target) as connection:
        if not question:
            from pfa_rpc.cli.prompt import ask_again_and_again

            def ask(each: AskRequest) -> Answer:
                answer = answer_one(connection, each, output, names)
                if not as_json:
                    output.line()
                return answer

            ask_again_and_again(connection, request, ask)
            return
        answer = answer_one(connection, request, output, names)
    require_answered(answer, allow_partial=allow_partial)


def answer_one(connection: Connection, request: AskRequest, output: Output, names: list[str] | None) -> Answer:
    """Ask a question, write its reading and its answer, and return them. Raises ServerError."""
    from pfa_rpc.cli.answers import Answer, show_answer, show_reading

    answer = Answer()
    for part in connection.stream(connection.questions.Ask, request):
        if part.HasField("interpretation") and not output.as_json:
            show_reading(output, request.question, part.interpretation)
            _show_possible(connection, request, output, part.interpretation)
        answer.take(part)
    if output.as_json:
        output.document(answer.as_object())
    else:
        show_answer(output, answer, names)
    return answer


def _show_possible(connection: Connection, request: AskRequest, output: Output, reading: Interpretation) -> None:
    """Write what could stand where the first words were not understood; nothing where the server does not say."""
    from pfa.v1.query_service_pb2 import PIECE_ROLE_NOT_UNDERSTOOD, SuggestRequest
    from pfa_rpc.cli.connection import ServerError
    from pfa_rpc.cli.reading import possible_line

    missed = next((piece for piece in reading.pieces if piece.role == PIECE_ROLE_NOT_UNDERSTOOD), None)
    if missed is None:
        return
    asked = SuggestRequest(
        organization_id=request.organization_id,
        text=request.question[: missed.start] + request.question[missed.end :],
        caret=missed.start,
        context_token=request.context_token,
        max_suggestions=_SUGGESTED,
    )
    try:
        found = connection.call(connection.questions.Suggest, asked).suggestions
    except ServerError:  # the answer is there, and says what was not understood
        return
    if found:
        output.show(possible_line(found))
        output.line()


def interpret_command(
    *,
    question: Question,
    organization: options.Organization,
    context: Context = "",
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
    from pfa_rpc.cli.answers import show_reading
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output, as_object
    from pfa_rpc.cli.text import date_message

    text, output = " ".join(question), Output(as_json=as_json)
    request = InterpretRequest(
        organization_id=organization, question=text, today=date_message(day), context_token=context
    )
    with connect(target) as connection:
        response = connection.call(connection.questions.Interpret, request)
    if as_json:
        output.document(as_object(response))
    else:
        show_reading(output, text, response.interpretation)
        _show_pieces(output, response.interpretation)


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
