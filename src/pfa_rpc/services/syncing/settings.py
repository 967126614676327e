"""What an organization wants of its synchronization, as a request gives it: `updated_settings`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from pfa.v1 import sync_service_pb2 as pb
from pfa_rpc.errors import InvalidRequest
from pfa_rpc.records.tracking import MERGED_NAMES
from pfa_rpc.services.call import Call
from pfa_rpc.services.syncing.messages import POLICIES
from pfa_rpc.store.syncing.settings import SyncSettings

NOTE_LENGTH: Final = 500
"""Longest note, in characters."""
LEAST_SECONDS: Final = 60
"""Shortest time between two runs that begin by themselves."""
MOST_SECONDS: Final = 31 * 86_400


def updated_settings(before: SyncSettings, request: pb.UpdateSyncSettingsRequest, call: Call) -> SyncSettings:
    """Return the settings that a request asks for. Raises InvalidRequest."""
    paths = list(request.update_mask.paths) or list(_READERS)
    changes: dict[str, Any] = {}
    for path in paths:
        if path not in _READERS:
            raise InvalidRequest.of("update_mask", f"{path[:100]!r} is none of {', '.join(_READERS)}")
        name, read = _READERS[path]
        changes[name] = read(request.settings)
    return replace(before, **changes, updated_by=call.principal.name, updated_at=datetime.now(UTC))


def _note(settings: pb.SyncSettings) -> str:
    if len(settings.note) > NOTE_LENGTH or not settings.note.isprintable():
        raise InvalidRequest.of("settings.note", f"write at most {NOTE_LENGTH} printable characters")
    return settings.note


def _interval(settings: pb.SyncSettings) -> int | None:
    if not settings.HasField("interval"):
        return None
    seconds = settings.interval.seconds
    if seconds != 0 and not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        rule = f"write {LEAST_SECONDS} to {MOST_SECONDS:,} seconds, or 0 for none"
        raise InvalidRequest.of("settings.interval", f"{seconds} seconds are out of range; {rule}")
    return seconds


def _policies(settings: pb.SyncSettings) -> dict[str, str]:
    policies: dict[str, str] = {}
    for name, number in settings.policies.items():
        if name not in MERGED_NAMES:
            raise InvalidRequest.of("settings.policies", f"{name[:100]!r} is no field that PEMS and records share")
        if number not in POLICIES and number != 0:
            raise InvalidRequest.of("settings.policies", f"{number} is no policy")
        if number in POLICIES:
            policies[name] = POLICIES[number]
    return policies


_READERS: Final[dict[str, tuple[str, Callable[[pb.SyncSettings], Any]]]] = {
    "suspended": ("is_suspended", lambda settings: settings.suspended),
    "read_only": ("is_read_only", lambda settings: settings.read_only),
    "note": ("why", _note),
    "interval": ("interval_seconds", _interval),
    "policies": ("policies", _policies),
}
