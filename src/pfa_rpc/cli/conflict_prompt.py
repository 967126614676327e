"""Settles conflicts: `resolve_all` takes one side, `resolve_by_asking` asks about one after the other."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from pfa.v1 import conflict_pb2 as pb
from pfa.v1.record_pb2 import Record
from pfa_rpc.cli.conflict_tables import label_of, show_sides, value_of
from pfa_rpc.cli.connection import ServerError
from pfa_rpc.cli.errors import CommandError, tell
from pfa_rpc.cli.values import assignments
from pfa_rpc.records.deltas import encode_partial

if TYPE_CHECKING:
    from pfa_rpc.cli.connection import Connection
    from pfa_rpc.cli.render import Output

AT_ONCE: Final = 1_000
"""Most decisions of one request."""
_KEYS: Final = {"m": pb.CONFLICT_CHOICE_MINE, "t": pb.CONFLICT_CHOICE_THEIRS}
_ASKED_AGAIN: Final = ("RESOLUTION_REFUSED", "INVALID_REQUEST")
"""Reasons for which the same record is asked about again."""
_PASSED_OVER: Final = ("CONFLICT_NOT_OPEN", "ETAG_MISMATCH")
"""Reasons for which it is not: somebody else was quicker."""


class _Ended(Exception):
    """Whoever was asked has had enough."""


def resolve_all(connection: Connection, organization: str, conflicts: Sequence[pb.Conflict], *, mine: bool) -> int:
    """Keep one side of conflicts; return how many were settled. Raises ServerError."""
    choice = pb.CONFLICT_CHOICE_MINE if mine else pb.CONFLICT_CHOICE_THEIRS
    settled = 0
    for part in _parts(conflicts):
        decisions = [pb.ConflictDecision(conflict_id=one.conflict_id, choice=choice, etag=one.etag) for one in part]
        settled += _send(connection, organization, decisions)
    return settled


def resolve_by_asking(
    connection: Connection, organization: str, conflicts: Sequence[pb.Conflict], output: Output
) -> int:
    """Ask about the conflicts of one record after the other; return how many were settled. Raises ServerError."""
    settled = 0
    try:
        for of_record in _by_record(conflicts):
            settled += _ask_until_taken(connection, organization, of_record, output)
    except _Ended:
        pass
    return settled


def _by_record(conflicts: Iterable[pb.Conflict]) -> list[list[pb.Conflict]]:
    records: dict[str, list[pb.Conflict]] = {}
    for conflict in sorted(conflicts, key=lambda each: each.pfa_id):
        records.setdefault(conflict.id, []).append(conflict)
    return list(records.values())


def _parts(conflicts: Iterable[pb.Conflict]) -> Iterator[list[pb.Conflict]]:
    """Yield conflicts in parts of one request each, those of a record together: some have to be decided together."""
    part: list[pb.Conflict] = []
    for of_record in _by_record(conflicts):
        if part and len(part) + len(of_record) > AT_ONCE:
            yield part
            part = []
        part += of_record
    if part:
        yield part


def _send(connection: Connection, organization: str, decisions: Sequence[pb.ConflictDecision]) -> int:
    request = pb.ResolveConflictsRequest(
        organization_id=organization, resolutions=decisions, request_id=str(uuid.uuid4())
    )
    return connection.call(connection.syncs.ResolveConflicts, request).resolved


def _ask_until_taken(
    connection: Connection, organization: str, conflicts: Sequence[pb.Conflict], output: Output
) -> int:
    """Ask about a record until its decisions can be carried out; return how many were. Raises _Ended."""
    while True:
        show_sides(output, conflicts)
        decisions = _decided(conflicts)
        if not decisions:
            return 0
        try:
            return _send(connection, organization, decisions)
        except ServerError as error:
            if error.reason not in (*_ASKED_AGAIN, *_PASSED_OVER):
                raise
            tell("; ".join([error.message, *error.notes]))
            if error.reason in _PASSED_OVER:
                return 0


def _decided(conflicts: Sequence[pb.Conflict]) -> list[pb.ConflictDecision]:
    """Return what is decided about a record's conflicts, without those that were skipped and those tied to them."""
    skipped: set[str] = set()
    decisions: list[tuple[pb.Conflict, pb.ConflictDecision]] = []
    for conflict in conflicts:
        if skipped.intersection(conflict.tied_fields):
            skipped.add(conflict.field)
            continue
        decision = _asked(conflict)
        if decision is None:
            skipped.add(conflict.field)
        else:
            decisions.append((conflict, decision))
    return [decision for conflict, decision in decisions if not skipped.intersection(conflict.tied_fields)]


def _asked(conflict: pb.Conflict) -> pb.ConflictDecision | None:
    """Return what is decided about a conflict, None where it is skipped. Raises _Ended."""
    sides = f"[m]ine {value_of(conflict, conflict.mine)}, [t]heirs {value_of(conflict, conflict.theirs)}"
    while True:
        key = _line(f"{label_of(conflict)}: {sides}, another [v]alue, [s]kip, [q]uit? ").lower()
        if key in ("s", "q"):
            if key == "q":
                raise _Ended
            return None
        decision = pb.ConflictDecision(conflict_id=conflict.conflict_id, etag=conflict.etag)
        if key in _KEYS:
            decision.choice = _KEYS[key]
            return decision
        if key == "v" and (own := _own_value(conflict.field)) is not None:
            decision.choice = pb.CONFLICT_CHOICE_OWN
            decision.own.CopyFrom(own)
            return decision


def _own_value(field: str) -> Record | None:
    """Return a record with the value that is typed for a field; None where it is none."""
    try:
        values = assignments([f"{field}={_line(f'{field} = ')}"])
    except CommandError as error:
        tell(error.message)
        return None
    return Record.FromString(encode_partial(values, values, ""))


def _line(prompt: str) -> str:
    """Return what is typed. Raises _Ended where nobody types any more."""
    sys.stderr.write(prompt)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise _Ended
    return line.strip()
