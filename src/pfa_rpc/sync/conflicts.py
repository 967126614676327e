"""Conflicts: `absorb` what PEMS holds and see which open and close, `settled` by an edit, `resolved` by a person."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter
from typing import Any, Final

from pfa_rpc.records.encode import Values
from pfa_rpc.records.rules import BrokenRule
from pfa_rpc.records.tracking import MERGED_NAMES, marked_edited
from pfa_rpc.sync.effects import CloseConflict, Effect, OpenConflict, Settlement
from pfa_rpc.sync.events import Choice, Keep, Resolved
from pfa_rpc.sync.merge import Group, Merged, Policy, Terms, merge, overlaid
from pfa_rpc.sync.sync_record import Conflict, Side, SyncRecord, rested, revived

_take: Final = itemgetter(*MERGED_NAMES)
Stepped = tuple[SyncRecord, tuple[Effect, ...]]
"""What a step gives: the record, and what is to be done once it is committed."""


class NotResolvable(ValueError):
    """The choices cannot be carried out; nothing was changed."""

    def __init__(self, broken: Sequence[BrokenRule]) -> None:
        super().__init__("; ".join(f"{rule.field}: {rule.reason}" for rule in broken))
        self.broken = tuple(broken)
        """What stands against them, by field."""


def merged_fields(values: Mapping[str, Any]) -> Values:
    """Return the merged fields among the values of a record."""
    return dict(zip(MERGED_NAMES, _take(values), strict=True))


def is_changed(before: SyncRecord, after: SyncRecord) -> bool:
    """Tell whether a record's values, or what is known of PEMS', are others than before."""
    return after.base != before.base or after.remote != before.remote or _take(after.values) != _take(before.values)


def absorb(record: SyncRecord, remote: Values, theirs: Side, at: datetime, terms: Terms) -> Stepped:
    """Take in what PEMS holds now: merge it, open conflicts, and close those that it ends.

    Args:
        record: the record before.
        remote: every merged field as PEMS holds it.
        theirs: who changed it in PEMS last.
        at: when.
        terms: of the installation.
    """
    before = merged_fields(record.values)
    merged, by_policy = _merge_by_policy(record.base, before, remote, terms)
    after = replace(record, values=record.values | merged.values, base=merged.base, remote=remote)
    conflicts = _open_conflicts(after, merged.conflicts, theirs, at)
    effects = _differences(record.conflicts, conflicts, by_policy, at)
    effects += [
        CloseConflict(_conflict(record, name, remote[name], theirs, at), Settlement.POLICY, at)
        for name in by_policy
        if name not in {conflict.field for conflict in record.conflicts}
    ]
    return rested(replace(after, conflicts=conflicts)), tuple(effects)


def _merge_by_policy(base: Values, local: Values, remote: Values, terms: Terms) -> tuple[Merged, list[str]]:
    """Merge; return also the fields in conflict that the installation's policies have decided about."""
    merged = merge(base, local, remote, terms)
    decided: list[str] = []
    for group in {terms.group_of(name) for name in merged.conflicts if terms.policies.get(name)}:
        names = [name for name in merged.conflicts if name in group]
        policies = {terms.policies.get(name) for name in names}
        if len(policies) != 1:
            continue
        trial_base, trial_local = base, local
        if policies == {Policy.PEMS}:
            trial_local = overlaid(local, base, [group])
        else:
            trial_base = overlaid(base, remote, [group])
        trial = merge(trial_base, trial_local, remote, terms)
        # Where the policy's side would break a rule, a person is asked after all.
        if set(trial.conflicts) <= set(merged.conflicts).difference(group):
            base, local, merged = trial_base, trial_local, trial
            decided += names
    return merged, decided


def _open_conflicts(record: SyncRecord, names: Collection[str], theirs: Side, at: datetime) -> tuple[Conflict, ...]:
    """Return the conflicts that are open now: those that a merge found, and ambiguous ones that it did not end."""
    found = {name: _conflict(record, name, record.remote[name], theirs, at) for name in names}
    known = {conflict.field: conflict for conflict in record.conflicts}
    for name, old in known.items():
        if old.ambiguous and record.values[name] == record.remote[name] != old.mine:
            found[name] = replace(old, base=record.base[name], theirs=record.remote[name], theirs_side=theirs)
    return in_order(_carried(known.get(name), new) for name, new in found.items())


def in_order(conflicts: Iterable[Conflict]) -> tuple[Conflict, ...]:
    """Return conflicts in the order of the table of fields."""
    return tuple(sorted(conflicts, key=lambda conflict: MERGED_NAMES.index(conflict.field)))


def _carried(old: Conflict | None, new: Conflict) -> Conflict:
    """Return a conflict with what its earlier form knows of what did not change."""
    if old is None:
        return new
    has_same_mine, has_same_theirs = new.mine == old.mine, new.theirs == old.theirs
    return replace(
        new,
        opened_at=old.opened_at,
        mine_side=old.mine_side if has_same_mine else new.mine_side,
        theirs_side=old.theirs_side if has_same_theirs else new.theirs_side,
        decided=old.decided and has_same_mine and has_same_theirs,
    )


def _conflict(record: SyncRecord, name: str, remote: Any, theirs: Side, at: datetime) -> Conflict:
    """Return the conflict of a field; where it is one by a tied field alone, nobody has changed it on that side."""
    base, mine = record.base[name], record.values[name]
    sides = record.editor(name) if mine != base else Side(), theirs if remote != base else Side()
    return Conflict(name, base, mine, remote, *sides, at)


def _differences(
    before: Sequence[Conflict], after: Sequence[Conflict], by_policy: Collection[str], at: datetime
) -> list[Effect]:
    """Return the effects that make one list of open conflicts the other."""
    known = {conflict.field: conflict for conflict in before}
    still = {conflict.field for conflict in after}
    effects: list[Effect] = [OpenConflict(new) for new in after if known.get(new.field) != new]
    for old in before:
        if old.field not in still:
            how = Settlement.POLICY if old.field in by_policy else Settlement.AGREED
            effects.append(CloseConflict(old, how, at))
    return effects


def ambiguous(record: SyncRecord, lost: Mapping[str, Any], theirs: Side, at: datetime) -> Stepped:
    """Open conflicts for values that may have been in PEMS for a while and that the record does not show any more.

    PEMS' values are the record's already. The policy that local values win does not hold here: it could undo what
    somebody has changed in PEMS on purpose.
    """
    opened = [
        Conflict(name, record.base[name], value, record.remote[name], record.editor(name), theirs, at, ambiguous=True)
        for name, value in lost.items()
    ]
    others = [conflict for conflict in record.conflicts if conflict.field not in lost]
    return replace(record, conflicts=in_order((*others, *opened))), tuple(OpenConflict(conflict) for conflict in opened)


def settled(record: SyncRecord, names: Collection[str], values: Mapping[str, Any], side: Side, terms: Terms) -> Stepped:
    """Settle the conflicts of some fields, which were edited anew: each keeps its own value, which `values` has.

    Fields that are tied together are sent once all of them are decided. `side` tells who edited them, and when.
    """
    if all(conflict.field not in names for conflict in record.conflicts):
        return record, ()
    marked = [_edited(conflict, values, side) if conflict.field in names else conflict for conflict in record.conflicts]
    waiting = {terms.group_of(conflict.field) for conflict in marked if not (conflict.decided or conflict.ambiguous)}
    closing = [conflict for conflict in marked if conflict.decided and not _waits(conflict, waiting, terms)]
    groups = [terms.group_of(conflict.field) for conflict in closing if not conflict.ambiguous]
    after = _without(replace(record, conflicts=tuple(marked)), closing, groups)
    effects: list[Effect] = [OpenConflict(conflict) for conflict in after.conflicts if conflict.field in names]
    effects += [CloseConflict(conflict, Settlement.OWN, side.at or conflict.opened_at, side.by) for conflict in closing]
    return after, tuple(effects)


def _edited(conflict: Conflict, values: Mapping[str, Any], side: Side) -> Conflict:
    if conflict.ambiguous:
        return replace(conflict, decided=True)
    return replace(conflict, mine=values[conflict.field], mine_side=side, decided=True)


def _waits(conflict: Conflict, waiting: Collection[Group], terms: Terms) -> bool:
    return not conflict.ambiguous and terms.group_of(conflict.field) in waiting


def _without(record: SyncRecord, closing: Collection[Conflict], groups: Sequence[Group]) -> SyncRecord:
    """Return the record with conflicts closed: from now on both sides have agreed on what PEMS holds."""
    left = tuple(conflict for conflict in record.conflicts if conflict not in closing)
    return replace(record, conflicts=left, base=overlaid(record.base, record.remote, groups))


def edited_unnoticed(record: SyncRecord, terms: Terms) -> Stepped:
    """Bring the conflicts in step with the values, where an edit was stored without the core being asked.

    One that does not show what it showed when it was opened was edited: it counts as settled.
    """
    if not record.conflicts:
        return record, ()
    names = [conflict.field for conflict in record.conflicts if record.values[conflict.field] != conflict.shown]
    side, at = Side(record.values["modified_by"], record.values["modified_at"]), record.values["modified_at"]
    after, effects = settled(record, names, record.values, side, terms)
    after, more = tied_in(after, at, terms)
    return (rested(after) if names else after), effects + more


def tied_in(record: SyncRecord, at: datetime, terms: Terms) -> Stepped:
    """Let fields that are tied to one in conflict be in conflict too, where they were edited: they merge as one."""
    listed = {conflict.field for conflict in record.conflicts}
    tied = {name for conflict in record.conflicts for name in held_by(conflict, terms)}
    if all(record.values[name] == record.remote[name] for name in tied - listed):
        return record, ()
    return absorb(record, record.remote, Side(), at, terms)


def held_by(conflict: Conflict, terms: Terms) -> Group:
    """Return the fields that may not be sent while a conflict is open.

    After an ambiguous push both sides have the same values, so that those tied to its field can change.
    """
    return (conflict.field,) if conflict.ambiguous else terms.group_of(conflict.field)


@dataclass(frozen=True, slots=True)
class _Decision:
    """What a person has chosen for the open conflicts of a record."""

    closing: tuple[Conflict, ...]
    groups: tuple[Group, ...]
    values: Values


def resolved(record: SyncRecord, event: Resolved, terms: Terms) -> Stepped:
    """Carry out what a person has decided about open conflicts. Raises NotResolvable."""
    decision = _decision(record, event.choices, terms)
    after = _without(record, decision.closing, decision.groups)
    updated = record.values | decision.values
    if broken := [*terms.rules(updated)]:
        raise NotResolvable(broken)
    is_edit = any(updated[c.field] not in (record.values[c.field], c.theirs) for c in decision.closing)
    if is_edit:
        values, _ = marked_edited(record.values, after.base, updated, event.by, event.at)
        sides = {name: Side(event.by, event.at) for name, value in decision.values.items() if value != after.base[name]}
        after = replace(after, editors={**after.editors, **sides})
    else:
        values = updated
    after = revived(replace(after, values=values))
    # What was kept out for the sake of a field that is decided now may come in.
    after, effects = absorb(after, after.remote, Side(), event.at, terms)
    closed = tuple(
        CloseConflict(conflict, _how(event.choices.get(conflict.field)), event.at, event.by)
        for conflict in decision.closing
    )
    return after, closed + effects


def _how(choice: Choice | None) -> Settlement:
    return Settlement(choice.value) if isinstance(choice, Keep) else Settlement.OWN


def _decision(record: SyncRecord, choices: Mapping[str, Choice], terms: Terms) -> _Decision:
    by_field = {conflict.field: conflict for conflict in record.conflicts}
    if unknown := [BrokenRule(name, "is not in conflict") for name in choices if name not in by_field]:
        raise NotResolvable(unknown)
    groups = tuple(dict.fromkeys(terms.group_of(name) for name in choices))
    closing = tuple(conflict for conflict in record.conflicts if any(conflict.field in group for group in groups))
    if left := [c.field for c in closing if not c.decided and c.field not in choices]:
        raise NotResolvable([BrokenRule(name, "is tied to a field that is decided: decide both") for name in left])
    return _Decision(closing, groups, {c.field: _chosen(c, choices.get(c.field, Keep.MINE)) for c in closing})


def _chosen(conflict: Conflict, choice: Choice) -> Any:
    if isinstance(choice, Keep):
        return conflict.mine if choice is Keep.MINE else conflict.theirs
    return choice.value
