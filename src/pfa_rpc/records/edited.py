"""What comes of an edit: `Edited`, and `editor`, through which every way of editing makes one."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from pfa_rpc.records.cost import LAYERS
from pfa_rpc.records.encode import Values
from pfa_rpc.records.rules import BrokenRule, rules_about
from pfa_rpc.schema import BY_NAME, Field, Origin


class Note(enum.Enum):
    """What there is to say about a record whose state makes a change another one; the value is the sentence."""

    ACTUAL_END_MOVES = "on site: only its actual end moves"
    FORECAST_END_MOVES = "still on site: its forecast end moves"
    FORECAST_ONLY = "on site: its forecast changes, its actual dates stay"
    UNCHANGED = "nothing changes: it has these values already"

    __hash__ = object.__hash__  # notes are counted; the hash of Enum is made in Python


class Edited(NamedTuple):
    """A record as an edit would leave it."""

    values: Values
    """Every field; a new value that is none of its field is not in it. Costs are computed when it is stored."""
    broken: Sequence[BrokenRule] = ()
    """Every rule that the edit breaks; where there is one, the values are not to be written."""
    notes: Sequence[Note] = ()


@lru_cache(maxsize=1_024)
def editor(names: frozenset[str]) -> Callable[[Values, Values, list[BrokenRule], list[Note]], Edited]:
    """Return the function that carries out updates of some fields, whose values are theirs by type.

    It is given the record, which it leaves as it is, the updates, and what was found before. It adds every rule that
    the record then breaks. Rules about other fields are not its business: a record may have broken them before.
    """
    broken_by = rules_about(names)
    by_state = [check for name, check in _STATE_RULES.items() if name in names]

    def carry_out(values: Values, updates: Values, broken: list[BrokenRule], notes: list[Note]) -> Edited:
        after = values | updates
        if found := broken_by(after):
            broken += _of_edit(found, updates, broken)
        for check in by_state:
            broken += check(values, after)
        if not broken and all(values[name] == value for name, value in updates.items()):
            notes = [Note.UNCHANGED]
        return Edited(after, broken, notes)

    return carry_out


def _of_edit(found: Sequence[BrokenRule], updates: Values, before: Sequence[BrokenRule]) -> list[BrokenRule]:
    """Return rules that are broken, each blaming a field that was edited where one was.

    What could not be set is blamed already, and breaks no further rule.
    """
    blamed = {rule.field for rule in before}
    rules = []
    for rule in found:
        partner = _PARTNERS.get(rule.field)
        if rule.field not in blamed and partner not in blamed:
            is_partners = partner in updates and rule.field not in updates
            rules.append(BrokenRule(partner, rule.reason) if partner and is_partners else rule)
    return rules


def why_fixed(field: Field) -> str:
    """Return why nobody may edit a field: a sentence."""
    if field.origin is Origin.COST:
        return f"{field.label} is computed"
    if field.origin is Origin.SYNC:
        return f"{field.label} is kept by the service"
    if field.name.startswith("plan_"):
        return "the plan never changes"
    return f"{field.label} is set by PEMS" if field.origin is Origin.PEMS else f"{field.label} never changes"


def unknown_fields(names: Iterable[str]) -> list[BrokenRule]:
    """Return a broken rule for each name that no field has."""
    return [BrokenRule(name, "no such field") for name in names if name not in BY_NAME]


def _source(before: Values, after: Values) -> Sequence[BrokenRule]:
    if before["is_actualized"] and before["source"] != after["source"]:
        return (_SOURCE_FIXED,)
    return ()


def _actual_end(before: Values, after: Values) -> Sequence[BrokenRule]:
    end = after["actual_end"]
    return (NOT_ON_SITE,) if end is not None and end != before["actual_end"] and not after["is_actualized"] else ()


_PARTNERS: Final = {f"{layer}_start": f"{layer}_end" for layer in LAYERS} | {"is_discontinued": "is_funds_transferable"}
"""Field that a rule blames → the other field that it speaks of."""
_SOURCE_FIXED: Final = BrokenRule("source", "the source of an actualized record never changes")
NOT_ON_SITE: Final = BrokenRule("actual_end", "not on site: it has no actual end")
_STATE_RULES: Final = {"source": _source, "actual_end": _actual_end}
"""Field → the rules about it that look at the record before."""
