"""What a change would do to the records that match: `Outcome` adds it up, record by record, in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

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
from pfa_rpc.records.effect import CostSum, Effect
from pfa_rpc.records.encode import Values, date_message, money_message, to_message
from pfa_rpc.records.rules import BrokenRule
from pfa_rpc.schema import COST_DECIMALS
from pfa_rpc.store.organizations import Organization

MONTHS: Final = 1_200
"""Most months that an effect tells one by one."""
EXAMPLES: Final = 10
"""Records that are named for each rule that refuses some."""


@dataclass(slots=True)
class _Refused:
    """The records that one rule refuses."""

    count: int = 0
    pfa_ids: list[str] = field(default_factory=list)


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
        self._organization = organization
        self._wanted = samples
        self._samples: list[tuple[Values, Values]] = []
        self._refusals: dict[BrokenRule, _Refused] = {}
        self._notes: Counter[Note] = Counter()
        self._effect = Effect() if with_costs else None

    @property
    def matched(self) -> int:
        """How many records were added."""
        return self.changed + self.unchanged + self.refused

    def add(self, values: Values) -> Edited | None:
        """Add a record; return what becomes of it, None where it is refused or has the values already."""
        edited = self._apply(values)
        after: Values = edited.values
        is_changed = False
        if edited.broken:
            self._refuse(values["pfa_id"], edited.broken)
            after = values
        else:
            self._notes.update(edited.notes)
            is_changed = Note.UNCHANGED not in edited.notes
            self.changed += is_changed
            self.unchanged += not is_changed
            if is_changed and len(self._samples) < self._wanted:
                self._samples.append((values, after))
        if self._effect is not None:
            self._effect.add(values, after)
        return edited if is_changed else None

    def _refuse(self, pfa_id: str, broken: Iterable[BrokenRule]) -> None:
        self.refused += 1
        for rule in dict.fromkeys(broken):
            refused = self._refusals.setdefault(rule, _Refused())
            refused.count += 1
            if len(refused.pfa_ids) < EXAMPLES:
                refused.pfa_ids.append(pfa_id)

    def proposal(self) -> ChangeProposal:
        """Return what a proposal tells of it; filter, changes and tokens are another's business."""
        return ChangeProposal(
            matched=self.matched,
            changed=self.changed,
            unchanged=self.unchanged,
            refused=self.refused,
            refusals=[
                Refusal(field=rule.field, reason=rule.reason, count=refused.count, pfa_ids=refused.pfa_ids)
                for rule, refused in self._by_count()
            ],
            notes=[ChangeNote(text=note.value, count=count) for note, count in self._notes.most_common()],
            effect=None if self._effect is None else effect_message(self._effect, self._organization.currency_code),
            samples=[
                RecordChange(before=self._record(before), after=self._record(after)) for before, after in self._samples
            ],
        )

    def refusal(self) -> ChangeRefused:
        """Return the error that tells which rules refuse records."""
        violations = [
            Violation(rule.field, f"{rule.reason}: {refused.count:,} records, such as {', '.join(refused.pfa_ids[:3])}")
            for rule, refused in self._by_count()
        ]
        first = violations[0]
        return ChangeRefused(
            f"{self.refused:,} of {self.matched:,} records cannot be changed so; {first.field}: {first.description}",
            violations=violations,
            metadata={"refused": str(self.refused)},
        )

    def _by_count(self) -> list[tuple[BrokenRule, _Refused]]:
        return sorted(self._refusals.items(), key=lambda item: -item[1].count)

    def _record(self, values: Values) -> Record:
        organization = self._organization
        shown = values | costs_of(values)
        return to_message(shown, organization.currency_code, organization_id=organization.organization_id)


def effect_message(effect: Effect, currency: str) -> CostEffect:
    """Return the message of what changes do to costs."""
    before, after = effect.before, effect.after
    months, more = _months(before, after, currency)
    return CostEffect(
        layers=[
            LayerEffect(
                layer=_layer(layer),
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
    costs = [
        MonthCost(
            layer=_layer(layer), before=_money(old.get(month, 0), currency), after=_money(new.get(month, 0), currency)
        )
        for layer, (old, new) in sides.items()
        if month in old or month in new
    ]
    return MonthEffect(month=None if month is None else date_message(month), layers=costs)


def _layer(layer: str) -> CostLayer.ValueType:
    return CostLayer.Value(f"COST_LAYER_{layer.upper()}")


def _money(cents: int, currency: str) -> Money:
    return money_message(cents, COST_DECIMALS, currency)


def _both(before: int, after: int) -> BeforeAfter:
    return BeforeAfter(before=before, after=after)
