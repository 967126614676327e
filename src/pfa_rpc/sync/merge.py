"""Three-way merge of the values of a record with those of PEMS: `merge`, under the `Terms` of an installation. Pure.

`is_seen` tells rows that bring nothing new, which need no merge.

Base is what both sides last agreed on. A field changed on one side only takes that side's value. Changed on both sides
to different values it is a conflict: the local value stays, and so does its base, so that the conflict is seen again
until a person has resolved it. Fields that a rule ties merge as one.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final, Protocol

from pfa_rpc.records.cost import divide_half_even
from pfa_rpc.records.encode import Values
from pfa_rpc.records.rules import TIED_FIELDS, BrokenRule, broken_rules
from pfa_rpc.records.tracking import MERGED_NAMES, differing

_TIED: Final = frozenset(name for group in TIED_FIELDS for name in group)
Group = tuple[str, ...]
GROUPS: Final[tuple[Group, ...]] = (*TIED_FIELDS, *((name,) for name in MERGED_NAMES if name not in _TIED))
"""The units of a merge: every merged field is in exactly one."""

Rules = Callable[[Mapping[str, Any]], Sequence[BrokenRule]]


@lru_cache(maxsize=16)
def _by_name(groups: tuple[Group, ...]) -> dict[str, Group]:
    return {name: group for group in groups for name in group}


class Policy(enum.Enum):
    """Which side wins a conflict without anybody being asked."""

    PEMS = "pems"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Terms:
    """What an installation says of its synchronization."""

    groups: tuple[Group, ...] = GROUPS
    """The fields that are merged, those together that a rule ties."""
    rules: Rules = broken_rules
    steps: Mapping[str, int] = field(default_factory=dict)
    """Field of money → the smallest difference that PEMS keeps, in ten-thousandths."""
    policies: Mapping[str, Policy] = field(default_factory=dict)
    """By field. Tied fields are settled where all that are in conflict have the same."""
    attempts: int = 3
    """Failed attempts that count, after which a record is in error."""
    first_delay: timedelta = timedelta(seconds=30)
    """Time before the second attempt; doubled with each further one."""
    longest_delay: timedelta = timedelta(minutes=15)

    def group_of(self, name: str) -> Group:
        """Return the fields that merge as one with a field, itself among them."""
        return _by_name(self.groups)[name]

    def groups_of(self, names: Iterable[str]) -> set[Group]:
        """Return the units that some fields belong to."""
        return set(map(_by_name(self.groups).__getitem__, names))

    def rounded(self, name: str, value: Any) -> Any:
        """Return a value as PEMS would keep it."""
        step = self.steps.get(name, 1)
        return value if value is None or step == 1 else step * divide_half_even(value, step)


TERMS: Final = Terms()


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge gives."""

    values: Values
    """The local values from now on."""
    base: Values
    """What both sides now agree on."""
    conflicts: tuple[str, ...]
    """Names of the fields in conflict: those of a group that differ between the two sides."""


def merge(base: Values, local: Values, remote: Values, terms: Terms = TERMS) -> Merged:
    """Merge the merged fields of a record; `remote` is what PEMS holds now.

    What PEMS changed is a conflict too where the record would break a rule with it, and so is what was changed here
    where PEMS' record would.
    """
    base, local = _aligned(base, local, remote, terms)
    here, there = terms.groups_of(differing(local, base)), terms.groups_of(differing(remote, base))
    taken = there - here
    taken -= _offending(local, remote, taken, terms.rules)
    kept = terms.groups_of(differing(local, remote)) - taken
    clashing = kept & there | _offending(remote, local, kept - there, terms.rules)
    conflicts = {name for group in clashing for name in group if local[name] != remote[name]}
    in_order = tuple(name for name in MERGED_NAMES if name in conflicts)
    return Merged(overlaid(local, remote, taken), overlaid(base, remote, there - kept), in_order)


def _aligned(base: Values, local: Values, remote: Values, terms: Terms) -> tuple[Values, Values]:
    """Return base and local values with PEMS' own spelling of amounts that are equal as far as PEMS keeps them.

    An amount that somebody has entered here, finer than that, stays as it is: PEMS will not take it, and they are told.
    """
    for name in terms.steps:
        agreed, mine, kept = base[name], local[name], terms.rounded(name, remote[name])
        if terms.rounded(name, agreed) == kept:
            base = base | {name: remote[name]}
        if mine not in (agreed, terms.rounded(name, mine)):
            continue
        if terms.rounded(name, mine) == kept:
            local = local | {name: remote[name]}
        elif terms.rounded(name, mine) == terms.rounded(name, agreed):
            local = local | {name: base[name]}
    return base, local


def _offending(under: Values, over: Values, groups: set[Group], rules: Rules) -> set[Group]:
    """Return those of the groups that cannot be laid over the other side's values without breaking a rule."""
    laid = set(groups)
    while laid and (broken := {rule.field for rule in rules(overlaid(under, over, laid))}):
        # A rule across groups may blame a field that did not change: then nothing is laid over.
        blamed = {group for group in laid if broken.intersection(group)}
        laid -= blamed or laid
    return groups - laid


def overlaid(under: Values, over: Values, groups: Iterable[Group]) -> Values:
    """Return merged fields with those of some groups taken from others."""
    return under | {name: over[name] for group in groups for name in group}


class SeenRow(Protocol):
    """What of a row tells whether it was seen before."""

    @property
    def stamp(self) -> datetime | None:
        """When PEMS last changed it."""

    @property
    def digest(self) -> bytes:
        """Digest of its values."""


def is_seen(row: SeenRow, digest: bytes | None, stamp: datetime | None) -> bool:
    """Tell whether a row brings nothing new to a record that took in `digest` last, and has a stamp of PEMS."""
    if row.stamp is not None and stamp is not None and row.stamp < stamp:
        return True
    return digest == row.digest and (row.stamp is None or row.stamp == stamp)
