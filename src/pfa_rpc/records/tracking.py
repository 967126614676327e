"""What a record knows of its local edits: `marked_edited` and `marked_created` keep it; `differing` is the heart of it.

`marked_columns` does what `marked_edited` does for many records, of which it need not know every field.

A record's base is what it and PEMS last agreed on. None stands for the record's own values: no local edit is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import compress, repeat
from operator import itemgetter, ne
from typing import Any, Final

from nlq.schema import FieldType
from pfa_rpc.records.encode import Values
from pfa_rpc.records.remembered import Remembered
from pfa_rpc.records.steps import Columns
from pfa_rpc.schema import MERGED_FIELDS

MERGED_NAMES: Final = tuple(field.name for field in MERGED_FIELDS)
_take: Final = itemgetter(*MERGED_NAMES)
_NOTHING: Final[Values] = {field.name: False if field.type is FieldType.BOOL else None for field in MERGED_FIELDS}
"""The base of a record that PEMS does not have."""

_FIRST_STATE: Final[Values] = {
    "sync_state": "modified",
    "local_version": 1,
    "sync_retry_count": 0,
    "sync_error_message": None,
}


def differing(values: Mapping[str, Any], base: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the merged fields that differ, in the order of the table of fields."""
    return tuple(compress(MERGED_NAMES, map(ne, _take(values), _take(base))))


def updates_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> Values:
    """Return merged field → its value after an edit, of those that the edit has changed."""
    return {name: after[name] for name in differing(after, before)}


def marked_edited(
    before: Values, base: Values | None, after: Values, by: str, at: datetime
) -> tuple[Values, Values | None]:
    """Return the values and the base of a record whose merged fields somebody has edited; nothing given is changed.

    An edit that changes no merged field is none: the record stays as it is, version and all. One that makes the record
    equal to its base again makes it pristine; while the record is being written to PEMS, it stays so.

    Args:
        before: every field of the record before the edit.
        base: its base before the edit.
        after: its fields with those that were edited.
        by: who has edited it.
        at: when, an aware UTC time.
    """
    merged, old = _take(after), _take(before)
    if merged == old:
        return before, base
    agreed = old if base is None else _take(base)
    names = tuple(compress(MERGED_NAMES, map(ne, merged, agreed)))
    values = after | {
        "local_version": before["local_version"] + 1,
        "modified_fields": names,
        "modified_by": by,
        "modified_at": at,
    }
    if values["sync_state"] != "pending_sync":
        values["sync_state"] = "modified" if names else "pristine"
        values["sync_error_message"] = None
        values["sync_retry_count"] = 0
    if not names:
        return values, None
    return values, dict(zip(MERGED_NAMES, agreed, strict=True)) if base is None else base


TRACKED: Final = (
    *("sync_state", "local_version", "modified_fields", "modified_by", "modified_at"),
    *("sync_error_message", "sync_retry_count"),
)
"""What a record knows of its edits."""


def marked_columns(
    old: Columns, new: Columns, agreed: Columns, open_fields: Iterable[tuple[str, ...]], *, by: str, at: datetime
) -> dict[str, Sequence[Any]]:
    """Return what records know of their edits after further ones, each of which changes a merged field, in columns.

    Args:
        old: the fields `TRACKED` before the edits.
        new: the merged fields that any of the edits names, after them.
        agreed: the same fields as the bases have them; of a record without a base, as they were before.
        open_fields: the fields of each record that differ from its base before the edits.
        by: who has edited the records.
        at: when, an aware UTC time.
    """
    edited = tuple(name for name in MERGED_NAMES if name in agreed)
    named = Remembered(lambda pair: _named(edited, *pair))
    differ = zip(*(map(ne, new[name], agreed[name]) for name in edited), strict=True)
    fields = list(map(named.__getitem__, zip(open_fields, differ, strict=True)))
    sent = [state == "pending_sync" for state in old["sync_state"]]

    def unless_sent(name: str, values: Iterable[Any]) -> list[Any]:
        return [was if is_sent else value for is_sent, was, value in zip(sent, old[name], values, strict=False)]

    return {
        "sync_state": unless_sent("sync_state", ["modified" if names else "pristine" for names in fields]),
        "local_version": [version + 1 for version in old["local_version"]],
        "modified_fields": fields,
        "modified_by": [by] * len(fields),
        "modified_at": [at] * len(fields),
        "sync_error_message": unless_sent("sync_error_message", repeat(None)),
        "sync_retry_count": unless_sent("sync_retry_count", repeat(0)),
    }


def _named(edited: Sequence[str], modified: Sequence[str], differ: Sequence[bool]) -> tuple[str, ...]:
    """Return the fields that differ from a base: of those that were edited the ones that do, the others as before."""
    found = set(modified).difference(edited).union(compress(edited, differ))
    return tuple(name for name in MERGED_NAMES if name in found)


def marked_created(values: Values, by: str, at: datetime) -> tuple[Values, Values]:
    """Return the values and the base of a record that was made here, and that PEMS does not have yet."""
    kept = _FIRST_STATE | {"modified_fields": differing(values, _NOTHING), "modified_by": by, "modified_at": at}
    return values | kept, dict(_NOTHING)
