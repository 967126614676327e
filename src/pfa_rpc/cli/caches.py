"""Commands about the cache of a server: `cache`, a group with `status`, `warm` and `clear`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pfa_rpc.cli import options
from pfa_rpc.cli.options import example

if TYPE_CHECKING:
    from rich.table import Table

    from pfa.v1.cache_service_pb2 import CacheLayer

cache = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
"""The group of commands."""

STATUS_EXAMPLE: Final = example("pfa cache status -o RIO")
WARM_EXAMPLE: Final = example("pfa cache warm -o RIO", "pfa cache warm -o RIO --chunks 20000 --timeout 600")
CLEAR_EXAMPLE: Final = example("pfa cache clear -o RIO")
_HEADINGS: Final = ("layer", "answers", "entries", "bytes", "hits", "misses", "stale", "errors")


@cache.command("status", epilog=STATUS_EXAMPLE)
def status_command(
    *,
    organization: options.Organization,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Print what the cache holds of an organization.

    One line for each layer, the process that is asked and Redis: whether it answers, its entries and their bytes, and,
    for all organizations since the process started, how many look-ups hit, missed, found something out of date or
    failed. Then one line for each layer and kind of entry: chunks of records, answers to queries, the modified records
    and the vocabulary.
    """
    target = options.target_of(server, token, timeout)
    from pfa.v1.cache_service_pb2 import GetCacheStatusRequest
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output, as_object, new_table
    from pfa_rpc.cli.text import plain

    with connect(target) as connection:
        response = connection.call(
            connection.caches.GetCacheStatus, GetCacheStatusRequest(organization_id=organization)
        )
    output = Output(as_json=as_json)
    if as_json:
        output.document({"layers": [], **as_object(response)})
        return
    table = new_table()
    for heading in _HEADINGS:
        table.add_column(heading, justify="left" if heading in _HEADINGS[:2] else "right", no_wrap=True)
    for layer in response.layers:
        numbers = (layer.entries, layer.bytes, layer.hits, layer.misses, layer.stale, layer.errors)
        answers = "yes" if layer.reachable else "no"
        table.add_row(plain(layer.name), answers, *(f"{number:,}" for number in numbers))
    output.show(table)
    output.show(_families_table(response.layers))


def _families_table(layers: Iterable[CacheLayer]) -> Table:
    from pfa_rpc.cli.render import new_table
    from pfa_rpc.cli.text import plain

    table = new_table()
    for heading in ("layer", "kind", "entries", "bytes"):
        table.add_column(heading, justify="left" if heading in {"layer", "kind"} else "right", no_wrap=True)
    for layer in layers:
        for family in layer.families:
            table.add_row(plain(layer.name), plain(family.name), f"{family.entries:,}", f"{family.bytes:,}")
    return table


@cache.command("warm", epilog=WARM_EXAMPLE)
def warm_command(
    *,
    organization: options.Organization,
    chunks: Annotated[
        int,
        typer.Option("--chunks", min=0, max=20_000, metavar="NUMBER", help="Most chunks of 512 records; 0: 2,000."),
    ] = 0,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Fill the cache with what clients ask first of an organization.

    The chunks of its records, the vocabulary of its questions, its modified records, its first page and its totals;
    what is there already and up to date stays. Nobody has to do this: readers fill the cache too, only that the first
    of them waits.
    """
    target = options.target_of(server, token, timeout)
    from pfa.v1.cache_service_pb2 import WarmCacheRequest
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output, as_object
    from pfa_rpc.cli.text import count

    request = WarmCacheRequest(organization_id=organization, max_chunks=chunks)
    with connect(target) as connection:
        response = connection.call(connection.caches.WarmCache, request)
    output = Output(as_json=as_json)
    if as_json:
        output.document(as_object(response))
        return
    output.line(
        f"{count(response.chunks, 'chunk')}: {response.chunks_cached:,} cached already, "
        f"{response.chunks_filled:,} filled ({response.filled_bytes:,} bytes)"
    )
    left_out = response.chunks - response.chunks_cached - response.chunks_filled
    if left_out > 0:
        output.line(f"{count(left_out, 'chunk')} left out; --chunks allows more")
    vocabulary = "read anew" if response.vocabulary_prepared else "up to date already"
    output.line(f"{count(response.answers_filled, 'answer')} made, vocabulary {vocabulary}")
    modified = count(response.modified_records, "modified record")
    output.line(modified if response.HasField("modified_records") else "too many modified records to keep together")
    output.line(f"{response.elapsed.ToMilliseconds():,} ms", "dim")


@cache.command("clear", epilog=CLEAR_EXAMPLE)
def clear_command(
    *,
    organization: options.Organization,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Forget what is cached of an organization.

    In Redis and in the process that is asked, not in other processes. Needs the permission admin. Answers come from
    the database then, and fill the cache again; nothing is lost but time.
    """
    target = options.target_of(server, token, timeout)
    from pfa.v1.cache_service_pb2 import ClearCacheRequest
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output, as_object
    from pfa_rpc.cli.text import count

    with connect(target) as connection:
        response = connection.call(connection.caches.ClearCache, ClearCacheRequest(organization_id=organization))
    output = Output(as_json=as_json)
    if as_json:
        output.document({"entries": "0", **as_object(response)})
    else:
        output.line(f"{count(response.entries, 'entry', 'entries')} removed")
