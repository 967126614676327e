"""Tells of conflicts who changed each field here, which the history knows and the record does not: `with_editors`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pfa_rpc.store.database import Write
from pfa_rpc.store.history.editors import Editor, last_editors
from pfa_rpc.sync.effects import CloseConflict, Effect, OpenConflict
from pfa_rpc.sync.stored_rows import RowChange
from pfa_rpc.sync.sync_record import Side


async def with_editors(write: Write, changes: Sequence[RowChange]) -> list[RowChange]:
    """Return changes whose conflicts name the last editor of their field, where the history knows one.

    A record knows who edited it last, and that may have been another field.
    """
    wanted: dict[str, dict[str, Any]] = {}
    for change in changes:
        for effect in _of_conflicts(change.effects):
            # Where nobody is named, nobody has edited it here.
            if effect.conflict.mine_side != Side():
                wanted.setdefault(change.record_id, {})[effect.conflict.field] = effect.conflict.mine
    if not wanted:
        return list(changes)
    # Who edited within this write the core has been told.
    number = write.revision.number
    known = await last_editors(write.connection, write.organization_id, wanted, before=number)
    return [
        replace(change, effects=[_named(effect, change.record_id, known) for effect in change.effects])
        for change in changes
    ]


def _of_conflicts(effects: Iterable[Effect]) -> list[OpenConflict | CloseConflict]:
    return [effect for effect in effects if isinstance(effect, OpenConflict | CloseConflict)]


def _named(effect: Effect, record_id: str, known: Mapping[tuple[str, str], Editor]) -> Effect:
    if not isinstance(effect, OpenConflict | CloseConflict):
        return effect
    editor = known.get((record_id, effect.conflict.field))
    return effect if editor is None else replace(effect, conflict=replace(effect.conflict, mine_side=Side(*editor)))
