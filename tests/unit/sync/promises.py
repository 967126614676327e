"""What the synchronization promises of every world: `check`; and where nothing is left to be done: `check_rest`."""

from __future__ import annotations

from pfa_rpc.sync.sync_record import Phase, Presence, State
from tests.unit.sync.model import Model
from tests.unit.sync.records_model import FIELDS, pair
from tests.unit.sync.world import Violation, World


def check(model: Model, world: World) -> None:
    """Raise Violation where an edit is gone, or a rule is broken."""
    record = model.records[world.record]
    for number, edit in enumerate(world.edited):
        if edit is None or not edit.value or record.values[FIELDS[number]] == edit.value:
            continue
        if (FIELDS[number], edit.value) not in {(conflict.field, conflict.mine) for conflict in record.conflicts}:
            raise Violation(f"the edit {edit.value} is gone")
    if model.breaks_rules(pair(record.values)):
        raise Violation("the record breaks a rule")


def check_rest(model: Model, world: World) -> None:
    """Raise Violation where a world in which nothing is left to be done is not as it should be."""
    record, pems = model.records[world.record], world.pems
    if record.state is State.PENDING or record.is_leased:
        raise Violation("the record is stuck in pending_sync")
    differs = pair(record.values) != pair(record.base)
    if pems.values is None:
        if record.presence is not Presence.DELETED:
            raise Violation("the record is gone from PEMS, and is not marked")
        if differs and record.state is not State.ERROR and not record.is_held:
            raise Violation("an edit of a record that is gone is no error")
        return
    if record.push is not None and record.push.phase is Phase.UNKNOWN and record.state is State.ERROR:
        return  # a person has to ask for another attempt, which reads PEMS first
    if record.presence is not Presence.PRESENT:
        raise Violation("PEMS has the record, and it counts as gone")
    if pair(record.remote) != pems.values:
        raise Violation(f"PEMS holds {pems.values}, the record believes {pair(record.remote)}")
    if record.state is State.ERROR:
        return
    open_fields = {conflict.field for conflict in record.conflicts}
    for name in FIELDS:
        if record.values[name] != record.remote[name] and name not in open_fields:
            raise Violation(f"{name} differs from PEMS, and is not in conflict")
    if record.state is not (State.MODIFIED if differs else State.PRISTINE):
        raise Violation(f"the state is {record.state}")
