"""What a change would do to the records that match: `Outcome` adds it up, in bounded memory.

Record by record, or whole sheets of them: the rules are the same functions, and so is what comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, TypeVar

from google.type.money_pb2 import Money

from nlq.changes import Change
from pfa.v1.proposal_pb2 import (
    BeforeAfter,
    ChangeNote,
    ChangeProposal,
    CostEffect,
    CostLayer,
    LayerEffect,
    MonthCost,
    MonthEffect,
    RecordChange,
    Refusal,
)
from pfa.v1.record_pb2 import Record
from pfa_rpc.errors import ChangeRefused, Violation
from pfa_rpc.records.cost import LAYERS, costs_of
from pfa_rpc.records.editing import Edited, Note, compiled
from pfa_rpc.records.effect import CostSum, Effect, Weighed
from pfa_rpc.records.encode import Values, date_message, money_message, to_message
from pfa_rpc.records.rules import BrokenRule
from pfa_rpc.records.sheets import Marks, Sheet, SheetEdit
from pfa_rpc.records.vectors import each_way
from pfa_rpc.schema import COST_DECIMALS
from pfa_rpc.store.organizations import Organization

MONTHS: Final = 1_200
"""Most months that an effect tells one by one."""
EXAMPLES: Final = 10
"""Records that are named for each rule that refuses some."""
_LAYERS: Final = {layer: CostLayer.Value(f"COST_LAYER_{layer.upper()}") for layer in LAYERS}
_Key = TypeVar("_Key", BrokenRule, Note)


@dataclass(slots=True)
class _Counted:
    """The records that one rule refuses, or that one note is about."""

    first: tuple[int, int]
    """Where in their order the first of them is, and where among its rules or notes this one is."""
    count: int = 0
    examples: list[int | str] = field(default_factory=list)
    """The first ones, by PFA id, or by position until the outcome has been told the ids."""

    def add(self, first: tuple[int, int], count: int, examples: Iterable[int]) -> None:
        """Count records that were found together; examples are their positions, ascending."""
        self.first = min(self.first, first)
        self.count += count
        self.examples = sorted({*self.examples, *examples})[:EXAMPLES]


class Outcome:
    """What some changes do, or did, to records.

    Args:
        changes: what becomes of each record.
        organization: whose records they are.
        samples: how many records to show before and after.
        with_costs: whether to add up costs.
    """

    def __init__(
        self, changes: Sequence[Change], organization: Organization, *, samples: int = 0, with_costs: bool = False
    ) -> None:
        self.changed = self.unchanged = self.refused = 0
        self._apply = compiled(changes)
        # No rule and no cost asks for the division of responsibility: it matters where it is changed.
        self._passed_over = {"dor"}.difference(change.field for change in changes)
        self._organization = organization
        self._wanted = samples
        self._samples: list[tuple[Values, Values]] = []
        self._sampled: list[int] = []
        self._refusals: dict[BrokenRule, _Counted] = {}
        self._notes: dict[Note, _Counted] = {}
        self._effect = Effect() if with_costs else None

    @property
    def matched(self) -> int:
        """How many records were added."""
        return self.changed + self.unchanged + self.refused

    def add(self, values: Values) -> Edited | None:
        """Add a record; return what becomes of it, None where it is refused or has the values already."""
        place = self.matched
        edited = self._apply(values)
        after: Values = edited.values
        is_changed = False
        if edited.broken:
            self._refuse(place, values["pfa_id"], edited.broken)
            after = values
        else:
            for number, note in enumerate(edited.notes):
                _counted(self._notes, note, (place, number)).count += 1
            is_changed = Note.UNCHANGED not in edited.notes
            self.changed += is_changed
            self.unchanged += not is_changed
            if is_changed and len(self._samples) < self._wanted:
                self._samples.append((values, after))
        if self._effect is not None:
            self._effect.add(values, after)
        return edited if is_changed else None

    def _refuse(self, place: int, pfa_id: str, broken: Iterable[BrokenRule]) -> None:
        self.refused += 1
        for number, rule in enumerate(dict.fromkeys(broken)):
            refused = _counted(self._refusals, rule, (place, number))
            refused.count += 1
            if len(refused.examples) < EXAMPLES:
                refused.examples.append(pfa_id)

    def add_sheet(self, sheet: Sheet, marks: Sequence[Marks] = ()) -> list[SheetEdit]:
        """Add the records of a sheet, all at once; return what becomes of those that change.

        `marks` tell of each text that the changes set or clear.

        Records that are named or shown are known by position only, until `tell` is given them. For any thread.
        """
        edits: list[SheetEdit] = []
        for part in sheet.parts(marks, passing_over=self._passed_over):
            for some, (edited, weighed) in each_way(part, self._judged):
                positions = sheet.positions[some.places].tolist()
                if self._take(positions, edited, weighed):
                    edits.append(SheetEdit(positions, _others(some.values, edited.values)))
        if self._effect is not None:
            self._effect.settle()
        return edits

    def _judged(self, values: Mapping[str, Any]) -> tuple[Edited, Weighed | None]:
        edited = self._apply(dict(values))
        after = values if edited.broken else edited.values
        return edited, None if self._effect is None else self._effect.weighed(values, after)

    def _take(self, positions: Sequence[int], edited: Edited, weighed: Weighed | None) -> bool:
        """Count records that take the same way through the rules, and tell whether they change; positions ascend."""
        count, is_changed = len(positions), False
        if edited.broken:
            self.refused += count
            for number, rule in enumerate(dict.fromkeys(edited.broken)):
                first = positions[0], number
                _counted(self._refusals, rule, first).add(first, count, positions[:EXAMPLES])
        else:
            for number, note in enumerate(edited.notes):
                first = positions[0], number
                _counted(self._notes, note, first).add(first, count, ())
            is_changed = Note.UNCHANGED not in edited.notes
            self.changed += is_changed * count
            self.unchanged += (not is_changed) * count
            if is_changed:
                self._sampled = sorted([*self._sampled, *positions[: self._wanted]])[: self._wanted]
        if weighed is not None and self._effect is not None:
            self._effect.add_weighed(weighed, count)
        return is_changed

    @property
    def named_positions(self) -> set[int]:
        """The positions of the records that it has to be told."""
        examples = (place for refused in self._refusals.values() for place in refused.examples)
        return {*self._sampled, *(place for place in examples if isinstance(place, int))}

    def tell(self, records: Mapping[int, Values]) -> None:
        """Tell it the records at `named_positions`."""
        for refused in self._refusals.values():
            refused.examples = [
                records[place]["pfa_id"] if isinstance(place, int) else place for place in refused.examples
            ]
        self._samples += [(records[place], self._apply(records[place]).values) for place in self._sampled]
        self._sampled = []

    def proposal(self) -> ChangeProposal:
        """Return what a proposal tells of it; filter, changes and tokens are another's business."""
        return ChangeProposal(
            matched=self.matched,
            changed=self.changed,
            unchanged=self.unchanged,
            refused=self.refused,
            refusals=[
                Refusal(field=rule.field, reason=rule.reason, count=refused.count, pfa_ids=map(str, refused.examples))
                for rule, refused in _by_count(self._refusals)
            ],
            notes=[ChangeNote(text=note.value, count=noted.count) for note, noted in _by_count(self._notes)],
            effect=None if self._effect is None else effect_message(self._effect, self._organization.currency_code),
            samples=[
                RecordChange(before=self._record(before), after=self._record(after)) for before, after in self._samples
            ],
        )

    def refusal(self) -> ChangeRefused:
        """Return the error that tells which rules refuse records."""
        violations = [
            Violation(
                rule.field,
                f"{rule.reason}: {refused.count:,} records, such as {', '.join(map(str, refused.examples[:3]))}",
            )
            for rule, refused in _by_count(self._refusals)
        ]
        first = violations[0]
        return ChangeRefused(
            f"{self.refused:,} of {self.matched:,} records cannot be changed so; {first.field}: {first.description}",
            violations=violations,
            metadata={"refused": str(self.refused)},
        )

    def _record(self, values: Values) -> Record:
        organization = self._organization
        shown = values | costs_of(values)
        return to_message(shown, organization.currency_code, organization_id=organization.organization_id)


def _others(before: Mapping[str, Any], after: Mapping[str, Any]) -> Values:
    """Return the fields that were given something else."""
    return {name: value for name, value in after.items() if value is not before[name]}


def _counted(by_key: dict[_Key, _Counted], key: _Key, first: tuple[int, int]) -> _Counted:
    found = by_key.get(key)
    if found is None:
        found = by_key[key] = _Counted(first)
    return found


def _by_count(counted: dict[_Key, _Counted]) -> list[tuple[_Key, _Counted]]:
    """Return the most frequent first; of those that are as frequent, the one that was found first."""
    return sorted(counted.items(), key=lambda item: (-item[1].count, item[1].first))


def effect_message(effect: Effect, currency: str) -> CostEffect:
    """Return the message of what changes do to costs."""
    before, after = effect.before, effect.after
    months, more = _months(before, after, currency)
    return CostEffect(
        layers=[
            LayerEffect(
                layer=_LAYERS[layer],
                before=_money(before.layers[layer].cents, currency),
                after=_money(after.layers[layer].cents, currency),
                covered=_both(before.layers[layer].records, after.layers[layer].records),
                missing=_both(before.layers[layer].lacking, after.layers[layer].lacking),
                projected=_both(before.layers[layer].projected, after.layers[layer].projected),
            )
            for layer in LAYERS
        ],
        months=months,
        more_months=more,
        discontinued=_both(before.left_out["is_discontinued"], after.left_out["is_discontinued"]),
        transferable=_both(before.left_out["is_funds_transferable"], after.left_out["is_funds_transferable"]),
    )


def _months(before: CostSum, after: CostSum, currency: str) -> tuple[list[MonthEffect], int]:
    """Return the costs by month, and how many months are left out."""
    sides = {layer: (before.layers[layer].months, after.layers[layer].months) for layer in LAYERS}
    named = {month for pair in sides.values() for side in pair for month in side}
    dated = sorted(month for month in named if month is not None)
    told: list[date | None] = [*dated[:MONTHS], *([None] if None in named else [])]
    return [_month(month, sides, currency) for month in told], max(len(dated) - MONTHS, 0)


def _month(
    month: date | None, sides: dict[str, tuple[dict[date | None, int], dict[date | None, int]]], currency: str
) -> MonthEffect:
    costs = []
    for layer, (old, new) in sides.items():
        if month in old or month in new:
            cents, cents_after = old.get(month, 0), new.get(month, 0)
            before = _money(cents, currency)
            after = before if cents_after == cents else _money(cents_after, currency)
            costs.append(MonthCost(layer=_LAYERS[layer], before=before, after=after))
    return MonthEffect(month=None if month is None else date_message(month), layers=costs)


def _money(cents: int, currency: str) -> Money:
    return money_message(cents, COST_DECIMALS, currency)


def _both(before: int, after: int) -> BeforeAfter:
    return BeforeAfter(before=before, after=after)
