"""Past changes as tables: `show_changes`, and `show_undoable` of those that can be undone."""

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
    from pfa.v1.undo_pb2 import ListUndoableResponse, UndoableChange
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
        table.add_row(at, plain(entry.changed_by), _origin(entry.origin), plain(entry.pfa_id), first)
        for what in more:
            table.add_row("", "", "", "", what)
    output.show(table)


def show_undoable(output: Output, response: ListUndoableResponse) -> None:
    """Write a line for each change, with what it did."""
    table = new_table()
    for heading in ("time (UTC)", "how", "what", "state", "change"):
        table.add_column(heading)
    for change in response.changes:
        at, state = moment(change.change_time.ToDatetime()), "undone" if change.undone else ""
        table.add_row(at, _origin(change.origin), _what(change), state, plain(change.change_id))
    output.show(table)


def _what(change: UndoableChange) -> str:
    """Return what a change did: to its one record, or how many it was about, and what it did to one of them."""
    changed = [f"{change.changed:,} changed"] if change.changed else []
    created = [f"{change.created:,} created"] if change.created else []
    many = ", ".join(changed + created)
    if not change.HasField("example"):
        return many
    one = f"{plain(change.example.pfa_id)} {'; '.join(_differences(change.example))}"
    return one if change.changed + change.created == 1 else f"{many}, such as {one}"


def _origin(origin: ChangeOrigin.ValueType) -> str:
    return ChangeOrigin.Name(origin).removeprefix("CHANGE_ORIGIN_").lower()


def _differences(entry: HistoryEntry) -> Sequence[str]:
    if entry.created:
        return ["created"]
    old, new = from_message(entry.old), from_message(entry.new)
    fields = [BY_NAME[name] for name in entry.fields if name in BY_NAME]
    return [
        plain(f"{field.label}: {cell(field, old[field.name]) or 'none'} → {cell(field, new[field.name]) or 'none'}")
        for field in fields
    ] or ["nothing that you may see"]
