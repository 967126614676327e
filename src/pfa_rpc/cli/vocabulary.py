"""Commands about words: `vocabulary`, a group with `list`, `add` and `remove`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from pfa_rpc.cli import options
from pfa_rpc.cli.options import example

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

    from pfa.v1.query_service_pb2 import ListVocabularyRequest, ListVocabularyResponse, Synonym
    from pfa_rpc.cli.connection import Connection
    from pfa_rpc.cli.render import Output

vocabulary = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
"""The group of commands."""

LIST_EXAMPLE: Final = example("pfa vocabulary list -o RIO", "pfa vocabulary list -o RIO --values --field category")
ADD_EXAMPLE: Final = example(
    "pfa vocabulary add 'cherry picker' class '80FT Boom' -o RIO", "pfa vocabulary add zone area_silo -o RIO"
)
REMOVE_EXAMPLE: Final = example("pfa vocabulary remove 'cherry picker' -o RIO")
_PAGE: Final = 10_000

Phrase = Annotated[
    str, typer.Argument(metavar="PHRASE", show_default=False, help="What people say, such as 'cherry picker'.")
]


@vocabulary.command("list", epilog=LIST_EXAMPLE)
def list_command(
    *,
    organization: options.Organization,
    field: Annotated[
        str,
        typer.Option("--field", metavar="NAME", show_default=False, help="Only what means this field or its values."),
    ] = "",
    values: Annotated[bool, typer.Option("--values", help="Print the values that records have, too.")] = False,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Print the synonyms that questions of an organization can use.

    Each with the field and the value that it means, who added it and when; with --values also every value that records
    have, which questions know by itself.
    """
    target = options.target_of(server, token, timeout)
    from pfa.v1.query_service_pb2 import ListVocabularyRequest
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output, as_object

    output = Output(as_json=as_json)
    request = ListVocabularyRequest(
        organization_id=organization, field=field, synonyms_only=not values, page_size=_PAGE
    )
    with connect(target) as connection:
        everything = _all_pages(connection, request)
    if as_json:
        output.document({"synonyms": [], **as_object(everything)})
    else:
        _show(output, everything, values=values)


@vocabulary.command("add", epilog=ADD_EXAMPLE)
def add_command(
    *,
    phrase: Phrase,
    field: Annotated[str, typer.Argument(metavar="FIELD", show_default=False, help="The field, such as class.")],
    value: Annotated[
        str,
        typer.Argument(
            metavar="[VALUE]",
            show_default=False,
            help="The value that the phrase means, as records have it; none: the field itself.",
        ),
    ] = "",
    organization: options.Organization,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Add a synonym for a value or a field.

    Questions understand it from then on; capitals, plurals, hyphens and spaces do not matter. Words that mean something
    already are refused.
    """
    target = options.target_of(server, token, timeout)
    from pfa.v1.query_service_pb2 import AddSynonymRequest, Synonym
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output, as_object

    request = AddSynonymRequest(organization_id=organization, synonym=Synonym(phrase=phrase, field=field, value=value))
    with connect(target) as connection:
        response = connection.call(connection.questions.AddSynonym, request)
    output = Output(as_json=as_json)
    if as_json:
        output.document(as_object(response))
    else:
        output.show(_synonyms_table([response.synonym]))


@vocabulary.command("remove", epilog=REMOVE_EXAMPLE)
def remove_command(
    *,
    phrase: Phrase,
    organization: options.Organization,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Remove a synonym.

    Questions that use it are not understood from then on. Values that records have cannot be removed.
    """
    target = options.target_of(server, token, timeout)
    from pfa.v1.query_service_pb2 import RemoveSynonymRequest
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output, as_object

    request = RemoveSynonymRequest(organization_id=organization, phrase=phrase)
    with connect(target) as connection:
        response = connection.call(connection.questions.RemoveSynonym, request)
    output = Output(as_json=as_json)
    if as_json:
        output.document(as_object(response))
    else:
        output.line("Removed:")
        output.show(_synonyms_table([response.synonym]))


def _all_pages(connection: Connection, request: ListVocabularyRequest) -> ListVocabularyResponse:
    from pfa.v1.query_service_pb2 import ListVocabularyResponse

    everything = ListVocabularyResponse()
    while True:
        page = connection.call(connection.questions.ListVocabulary, request)
        everything.synonyms.extend(page.synonyms)
        everything.values.extend(page.values)
        everything.revision_token = page.revision_token
        request.page_token = page.next_page_token
        if not request.page_token:
            return everything


def _show(output: Output, found: ListVocabularyResponse, *, values: bool) -> None:
    from rich.text import Text

    from pfa_rpc.cli.render import new_table
    from pfa_rpc.cli.text import count, plain

    if found.synonyms:
        output.show(_synonyms_table(found.synonyms))
    output.line(count(len(found.synonyms), "synonym"), "dim")
    if values:
        table = new_table()
        for heading in ("field", "value"):
            table.add_column(heading, overflow="fold")
        for each in found.values:
            table.add_row(Text(plain(each.field)), Text(plain(each.value)))
        output.show(table)
        output.line(count(len(found.values), "value"), "dim")


def _synonyms_table(synonyms: Iterable[Synonym]) -> Table:
    from rich.text import Text

    from pfa_rpc.cli.render import new_table
    from pfa_rpc.cli.text import moment, plain

    table = new_table()
    for heading in ("phrase", "field", "value", "added by", "added"):
        table.add_column(heading, overflow="fold")
    for one in synonyms:
        added = moment(one.add_time.ToDatetime()) if one.HasField("add_time") else "–"
        table.add_row(
            *map(Text, [plain(one.phrase), plain(one.field), plain(one.value) or "–", plain(one.added_by), added])
        )
    return table
