"""What a record knows of its local edits: `marked_edited` and `marked_created` keep it; `differing` is the heart of it.

A record's base is what it and PEMS last agreed on. None stands for the record's own values: no local edit is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import compress
from operator import itemgetter, ne
from typing import Any, Final

from nlq.schema import FieldType
from pfa_rpc.records.encode import Values
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


def marked_created(values: Values, by: str, at: datetime) -> tuple[Values, Values]:
    """Return the values and the base of a record that was made here, and that PEMS does not have yet."""
    kept = _FIRST_STATE | {"modified_fields": differing(values, _NOTHING), "modified_by": by, "modified_at": at}
    return values | kept, dict(_NOTHING)
