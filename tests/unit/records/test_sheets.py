"""Rules and costs of whole sheets of records: the very ones of each record by itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from nlq.changes import Change, ChangeOperation, Shift
from pfa_rpc.records.encode import Values
from pfa_rpc.records.revision import Revision
from pfa_rpc.records.sheets import (
    ON_SHEETS,
    Marks,
    Sheet,
)
from pfa_rpc.schema import BY_NAME
from pfa_rpc.services.editing.outcomes import Outcome
from pfa_rpc.store.organizations import Organization
from tests.fixtures.records import WORDS
from tests.fixtures.sheets import days, records_of_any_shape, sheet

SET, SHIFT, SCALE, ADD = ChangeOperation.SET, ChangeOperation.SHIFT, ChangeOperation.SCALE, ChangeOperation.ADD
CLEAR, RESET = ChangeOperation.CLEAR, ChangeOperation.RESET
TEXTS = ("area_silo", "category", "forecast_category", "class", "manufacturer", "model", "contract", "equipment")
EDITABLE = [name for name in (*ON_SHEETS, *TEXTS) if BY_NAME[name].editable]
RIO = Organization("RIO", "Rio", "USD", "UTC", datetime(2026, 1, 1, tzinfo=UTC), 0, Revision(1, 1), 0)


def marks_of(records: Sequence[Values], changes: Sequence[Change]) -> list[Marks]:
    """Return what the store tells of the texts that changes set or clear."""
    marks = []
    for change in changes:
        if change.field in TEXTS:
            value = change.value.strip() if change.operation is SET and isinstance(change.value, str) else None
            places = [3 * number for number, values in enumerate(records) if values[change.field] == value]
            marks.append(Marks(change.field, value, np.array(places, np.int64)))
    return marks


shifts = st.builds(Shift, st.sampled_from([0, 0, 1, -1, 14, -120_000]), st.sampled_from([0, 1, 14, -30, 3_650_000]))
factors = st.sampled_from([Decimal(text) for text in ("0", "0.9", "1", "1.05", "0.333333333333333333333", "1E+6")])
added = st.sampled_from([Decimal(text) for text in ("500", "-200", "0.0001", "-99999999999")])


@st.composite
def changes_of(draw: st.DrawFn, name: str) -> Change:
    """A change of a field, of any operation; not all of them make sense."""
    field = BY_NAME[name]
    literals: dict[str, st.SearchStrategy[Any]] = {
        "date": days.filter(lambda day: day is not None),
        "money": st.sampled_from([Decimal(0), Decimal("1234.5678"), Decimal(-1), 5_000]),
        "boolean": st.booleans(),
        "enum": st.sampled_from([value.name for value in field.values] or ["NONE"]),
        "text": st.sampled_from([word for word in WORDS.get(name, []) if word] or ["word"]),
    }
    value = literals[field.type.value]
    others = [
        other for other in EDITABLE + [f"plan_{end}" for end in ("start", "end")] if BY_NAME[other].type is field.type
    ]
    kinds: list[tuple[ChangeOperation, st.SearchStrategy[Any]]] = [(SET, value), (CLEAR, st.none())]
    if field.type.value == "date":
        kinds += [(SHIFT, shifts)] * 3
    if field.type.value == "money":
        kinds += [(SCALE, factors), (ADD, added)]
    if field.type.value != "text":
        kinds += [(RESET, st.sampled_from(others))]
    operation, values = draw(st.sampled_from(kinds))
    return Change(name, operation, draw(values))


any_changes = st.lists(st.sampled_from(EDITABLE).flatmap(changes_of), min_size=1, max_size=4)
usual_changes = st.sampled_from(
    [
        [Change("monthly_rate", SET, Decimal(0)), Change("monthly_rate", SCALE, Decimal("0.333333333333333333333"))],
        [Change("forecast_start", SHIFT, Shift(days=14)), Change("forecast_end", SHIFT, Shift(days=14))],
        [Change("forecast_end", SHIFT, Shift(months=1))],
        [Change("forecast_start", RESET, "plan_start"), Change("forecast_end", RESET, "plan_end")],
        [Change("monthly_rate", SCALE, Decimal("0.9"))],
        [Change("is_discontinued", SET, True)],
        [Change("is_funds_transferable", SET, True)],
        [Change("area_silo", SET, "Silo 4"), Change("dor", SET, "PROJECT")],
        [Change("equipment", CLEAR)],
        [Change("source", SET, "PURCHASE")],
    ]
)


@settings(max_examples=300, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.lists(records_of_any_shape(), max_size=12), any_changes | usual_changes, st.booleans(), st.integers(1, 12))
def test_a_sheet_has_the_outcome_of_its_records(
    records: list[Values], changes: list[Change], with_costs: bool, at_once: int
) -> None:
    one_by_one = Outcome(changes, RIO, samples=3, with_costs=with_costs)
    for values in records:
        one_by_one.add(values)
    together = Outcome(changes, RIO, samples=3, with_costs=with_costs)
    all_of_them = sheet(records)
    marks = marks_of(records, changes)
    for start in range(0, len(records), at_once):
        together.add_sheet(Sheet(all_of_them.rows[start : start + at_once]), marks)
    together.tell({place: records[place // 3] for place in together.named_positions})
    assert together.proposal() == one_by_one.proposal()
