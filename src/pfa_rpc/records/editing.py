"""The rules of editing, for every way in: `edit` a record, `apply_changes` of a command, or make one by `created`.

Each gives an `Edited` with every rule that is broken. `marked_edited` and `marked_created` then keep what the record
knows of its edits. `compiled` applies the same changes to many records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from nlq.changes import Change
from nlq.schema import FieldType
from pfa_rpc.records.changing import compiled, refused_changes
from pfa_rpc.records.edited import Edited, Note, editor, unknown_fields, why_fixed
from pfa_rpc.records.encode import Values
from pfa_rpc.records.entered import NotTaken, entered
from pfa_rpc.records.rules import TIED_FIELDS, BrokenRule
from pfa_rpc.records.tracking import marked_created, marked_edited
from pfa_rpc.schema import BY_NAME, FIELDS, MERGED_FIELDS, Field

__all__ = [
    "Edited",
    "Note",
    "apply_changes",
    "compiled",
    "created",
    "edit",
    "looked_at",
    "marked_created",
    "marked_edited",
    "refused_changes",
]

_SET_ON_ARRIVAL: Final = ("is_actualized", "actual_start", "actual_end")
_NOT_ARRIVED: Final = "a new record is not on site yet"
_EMPTY: Final[Values] = {
    field.name: False if field.type is FieldType.BOOL else () if field.type is FieldType.NAMES else None
    for field in FIELDS
}


def edit(values: Values, updates: Mapping[str, Any]) -> Edited:
    """Return what updates make of a record, which is left as it is.

    Args:
        values: every field of the record, or those `looked_at`.
        updates: field name → new value, None for none. Money is a Decimal of currency units, or an int of
            ten-thousandths. A field that may not be edited may be given with the value that it has.
    """

    def refuse(field: Field, value: Any) -> str | None:
        return None if field.editable or value == values[field.name] else why_fixed(field)

    return _updated(values, updates, refuse)


def looked_at(names: Iterable[str]) -> set[str]:
    """Return the fields that `edit` looks at where it is given updates of some: it needs no others of a record."""
    updated = set(names)
    return updated.union({"is_actualized"}, *(group for group in TIED_FIELDS if updated.intersection(group)))


def apply_changes(values: Values, changes: Sequence[Change]) -> Edited:
    """Return what the changes of a command make of a record, which is left as it is; see `compiled`."""
    return compiled(changes)(values)


def created(updates: Mapping[str, Any]) -> Edited:
    """Return a record with some values that is made here: its key in PEMS, its plan, and what can be edited.

    A PFA id, a source and a DOR are needed. The plan is set now or never; the equipment is not on site yet.
    """
    required = {name: updates.get(name) for name in ("pfa_id", "source", "dor")}
    return _updated(_EMPTY, required | dict(updates), _why_not_new)


def _why_not_new(field: Field, value: Any) -> str | None:
    """Return why a field of a new record cannot have a value; None where it can."""
    if value == _EMPTY[field.name]:
        return None
    if field.name in _SET_ON_ARRIVAL:
        return _NOT_ARRIVED
    return None if field in MERGED_FIELDS or field.name == "pfa_id" else why_fixed(field)


def _updated(values: Values, updates: Mapping[str, Any], refuse: Callable[[Field, Any], str | None]) -> Edited:
    """Return what updates make of a record; `refuse` says why a field cannot get a value, or None."""
    broken = unknown_fields(updates)
    taken: Values = {}
    for name, value in updates.items():
        if name not in BY_NAME:
            continue
        try:
            taken[name] = entered(name, value)
            reason = refuse(BY_NAME[name], taken[name])
        except NotTaken as refusal:
            reason = str(refusal)
        if reason is not None:
            taken.pop(name, None)
            broken.append(BrokenRule(name, reason))
    return editor(frozenset(taken))(values, taken, broken, [])
