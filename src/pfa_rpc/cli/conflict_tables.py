"""Conflicts as tables: `show_conflicts`, one a line, and `show_sides`, a record's with its three columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pfa.v1 import conflict_pb2 as pb
from pfa_rpc.cli.render import new_table
from pfa_rpc.cli.text import cell, count, moment, plain
from pfa_rpc.records.encode import from_message
from pfa_rpc.schema import BY_NAME

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from pfa.v1.record_pb2 import Record
    from pfa_rpc.cli.render import Output


def label_of(conflict: pb.Conflict) -> str:
    """Return what people call the field of a conflict."""
    field = BY_NAME.get(conflict.field)
    return plain(conflict.field if field is None else field.label)


def value_of(conflict: pb.Conflict, side: Record) -> str:
    """Return a value of a conflict's field, as people write it; "hidden" where the caller may not see it."""
    field = BY_NAME.get(conflict.field)
    if field is None:
        return "none"
    value = from_message(side)[field.name]
    if value is None:
        sides = (conflict.base, conflict.mine, conflict.theirs)
        return "hidden" if all(from_message(one)[field.name] is None for one in sides) else "none"
    return cell(field, value)


def show_conflicts(output: Output, conflicts: Sequence[pb.Conflict]) -> None:
    """Write conflicts, one a line, and how many there are."""
    if not conflicts:
        output.line("There is no conflict.")
        return
    table = new_table()
    is_settled = any(conflict.settlement for conflict in conflicts)
    for heading in ("PFA id", "field", "base", "mine", "PEMS", "mine by", "PEMS by", *(["ended"] * is_settled)):
        table.add_column(heading)
    for conflict in sorted(conflicts, key=lambda each: each.pfa_id):
        values = [value_of(conflict, side) for side in (conflict.base, conflict.mine, conflict.theirs)]
        people = [plain(conflict.mine_by), plain(conflict.theirs_by)]
        ended = [_ending(conflict)] * is_settled
        table.add_row(plain(conflict.pfa_id), label_of(conflict), *values, *people, *ended)
    output.show(table)
    output.line(count(len(conflicts), "conflict"), "dim")


def show_sides(output: Output, conflicts: Sequence[pb.Conflict]) -> None:
    """Write the conflicts of a record: what both sides agreed on, the local value, PEMS' value, and who and when."""
    output.line(f"Record {plain(conflicts[0].pfa_id)}", "bold")
    table = new_table()
    for heading in ("field", "base", "mine", "PEMS"):
        table.add_column(heading)
    for conflict in conflicts:
        sides = (conflict.base, conflict.mine, conflict.theirs)
        table.add_row(label_of(conflict), *(value_of(conflict, side) for side in sides))
        mine, theirs = _who(conflict.mine_by, conflict.mine_time), _who(conflict.theirs_by, conflict.theirs_time)
        table.add_row("", "", mine, theirs, style="dim")
    output.show(table)
    if any(conflict.ambiguous for conflict in conflicts):
        output.line("PEMS may have had the local value for a while, and somebody there has changed it since.", "dim")


def _who(name: str, stamp: Timestamp) -> str:
    when = moment(stamp.ToDatetime()) if stamp.seconds else ""
    return " ".join(part for part in (plain(name), when) if part)


def _ending(conflict: pb.Conflict) -> str:
    how = pb.ConflictSettlement.Name(conflict.settlement).removeprefix("CONFLICT_SETTLEMENT_").lower()
    return f"{how} by {plain(conflict.settled_by)}" if conflict.settled_by else how
