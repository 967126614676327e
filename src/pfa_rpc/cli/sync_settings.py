"""Options of `pfa sync settings` as changes of the settings: `changed_settings`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pfa.v1 import sync_service_pb2 as pb
from pfa_rpc.cli.errors import CommandError
from pfa_rpc.cli.exits import USAGE

_SIDES: Final = {
    "pems": pb.CONFLICT_POLICY_PEMS,
    "mine": pb.CONFLICT_POLICY_LOCAL,
    "ask": pb.CONFLICT_POLICY_UNSPECIFIED,
}
_DEFAULT: Final = "default"


def changed_settings(
    settings: pb.SyncSettings,
    *,
    suspended: bool | None,
    read_only: bool | None,
    note: str | None,
    every: str | None,
    policies: Sequence[str],
) -> list[str]:
    """Put options into the settings; return which of them they change. Raises CommandError."""
    given = {"suspended": suspended, "read_only": read_only, "note": note}
    paths = [name for name, value in given.items() if value is not None]
    for name in paths:
        setattr(settings, name, given[name])
    if every is not None:
        _set_interval(settings, every)
        paths.append("interval")
    for policy in policies:
        name, _, side = policy.partition("=")
        if side not in _SIDES or not name:
            raise CommandError(f"--policy takes FIELD=pems, FIELD=mine or FIELD=ask, not {policy!r}", status=USAGE)
        settings.policies.pop(name, None)
        if side != "ask":
            settings.policies[name] = _SIDES[side]
    return paths + (["policies"] if policies else [])


def _set_interval(settings: pb.SyncSettings, minutes: str) -> None:
    settings.ClearField("interval")
    if minutes == _DEFAULT:
        return
    if not (minutes.isascii() and minutes.isdigit()):
        raise CommandError(f"--every takes a number of minutes, or {_DEFAULT}, not {minutes!r}", status=USAGE)
    settings.interval.seconds = int(minutes) * 60
