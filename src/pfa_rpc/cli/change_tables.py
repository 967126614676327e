"""Past changes as a table: `show_changes`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pfa.v1.history_pb2 import ChangeOrigin
from pfa_rpc.cli.render import new_table
from pfa_rpc.cli.text import cell, moment, plain
from pfa_rpc.records.encode import from_message
from pfa_rpc.schema import BY_NAME

if TYPE_CHECKING:
    from pfa.v1.history_pb2 import HistoryEntry, ListChangesResponse
    from pfa_rpc.cli.render import Output


def show_changes(output: Output, response: ListChangesResponse) -> None:
    """Write a line for each field that changed, or nothing where none did."""
    if not response.changes:
        return
    table = new_table()
    for heading in ("time (UTC)", "who", "how", "PFA id", "what"):
        table.add_column(heading)
    for entry in response.changes:
        at = moment(entry.change_time.ToDatetime())
        first, *more = _differences(entry)
        table.add_row(at, plain(entry.changed_by), _origin(entry), plain(entry.pfa_id), first)
        for what in more:
            table.add_row("", "", "", "", what)
    output.show(table)


def _origin(entry: HistoryEntry) -> str:
    return ChangeOrigin.Name(entry.origin).removeprefix("CHANGE_ORIGIN_").lower()


def _differences(entry: HistoryEntry) -> Sequence[str]:
    if entry.created:
        return ["created"]
    old, new = from_message(entry.old), from_message(entry.new)
    fields = [BY_NAME[name] for name in entry.fields if name in BY_NAME]
    return [
        plain(f"{field.label}: {cell(field, old[field.name]) or 'none'} → {cell(field, new[field.name]) or 'none'}")
        for field in fields
    ] or ["nothing that you may see"]
