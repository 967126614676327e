"""Three-way merge of a record with a row of PEMS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfa_rpc.records.encode import Values
from pfa_rpc.records.rules import BrokenRule, broken_rules
from pfa_rpc.schema import BY_NAME, MERGED_FIELDS
from pfa_rpc.store.records import StoredRecord
from pfa_rpc.sync.core import first_seen, step
from pfa_rpc.sync.events import Pulled
from pfa_rpc.sync.mapping import PemsRow, digest_of, text_of
from pfa_rpc.sync.merge import GROUPS, Terms, merge
from pfa_rpc.sync.sync_rows import stored, sync_record
from pfa_rpc.sync.taking import Outcome, outcome_of

STAMP = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
LATER = STAMP + timedelta(minutes=1)
PULLED = datetime(2026, 7, 1, tzinfo=UTC)
PULLED_AGAIN = datetime(2026, 7, 2, tzinfo=UTC)
BASE: Values = {field.name: None for field in MERGED_FIELDS} | {
    "category": "Cranes",
    "source": "rental",
    "dor": "beo",
    "is_actualized": False,
    "is_discontinued": False,
    "is_funds_transferable": False,
    "monthly_rate": 10_000,
    "forecast_start": date(2026, 3, 1),
    "forecast_end": date(2026, 6, 1),
}


def pems(stamp: datetime | None = STAMP, *, without: str = "", **changes: Any) -> PemsRow:
    """Return a row of PEMS: BASE with changes."""
    values = {name: value for name, value in (BASE | changes).items() if name != without}
    text = text_of(values)
    return PemsRow("RIO", "78005", values, stamp, "jsmith", text, digest_of(text))


@dataclass(frozen=True)
class Taken:
    """What a row made of a record."""

    outcome: Outcome
    record: StoredRecord
    conflicts: tuple[str, ...]


def take_in(record: StoredRecord, row: PemsRow, at: datetime = PULLED_AGAIN) -> Taken:
    """Take a row into a record."""
    before = sync_record(record)
    after, _ = step(before, Pulled(row, at))
    return Taken(outcome_of(before, after), stored(after)[0], tuple(one.field for one in after.conflicts))


def pulled(stamp: datetime | None = STAMP) -> StoredRecord:
    """Return the record that BASE was inserted as."""
    return stored(first_seen(Pulled(pems(stamp), PULLED)))[0]


def edited(state: str = "modified", **changes: Any) -> StoredRecord:
    """Return that record after a local edit."""
    record = pulled()
    record.base = {name: record.values[name] for name in BASE}
    record.values |= changes | {"sync_state": state, "modified_fields": tuple(changes), "local_version": 2}
    return record


def test_groups_cover_each_merged_field_once() -> None:
    """A field outside of every group would never be merged."""
    names = [name for group in GROUPS for name in group]
    assert sorted(names) == sorted(field.name for field in MERGED_FIELDS)


def test_a_new_row_is_inserted_pristine() -> None:
    """It has PEMS' values, stamp and digest."""
    record = pulled()
    assert set(record.values) == set(BY_NAME)
    assert record.values["pfa_id"] == "78005"
    assert record.values["sync_state"] == "pristine"
    assert record.values["local_version"] == 1
    assert record.values["pems_stamp"] == STAMP
    assert record.values["pems_modified_by"] == "jsmith"
    assert record.values["last_synced_at"] == PULLED
    assert (record.base, record.seen_digest) == (None, pems().digest)


def test_the_same_row_again_changes_nothing() -> None:
    """Not even the time of the last synchronization."""
    before = pulled()
    assert take_in(before, pems()) == Taken(Outcome.UNCHANGED, before, ())


def test_an_older_row_changes_nothing() -> None:
    """An old export does not undo a newer one."""
    before, row = pulled(), pems(STAMP - timedelta(minutes=1), category="Pumps")
    assert take_in(before, row) == Taken(Outcome.UNCHANGED, before, ())


@pytest.mark.parametrize("stamp", [STAMP, LATER])
def test_a_changed_row_is_taken_by_a_pristine_record(stamp: datetime) -> None:
    """An equal stamp with other values is a change: stamps have a resolution of one minute."""
    taken = take_in(pulled(), pems(stamp, category="Pumps", monthly_rate=5))
    values = taken.record.values
    assert taken.outcome is Outcome.UPDATED
    assert (values["category"], values["monthly_rate"], values["pems_stamp"]) == ("Pumps", 5, stamp)
    assert (values["sync_state"], values["local_version"], values["last_synced_at"]) == ("pristine", 1, PULLED_AGAIN)


def test_a_newer_stamp_with_the_same_values_moves_the_stamp_only() -> None:
    """The record itself did not change."""
    before = pulled()
    taken = take_in(before, pems(LATER))
    record = taken.record
    assert taken.outcome is Outcome.RESTAMPED
    assert {name for name in record.values if record.values[name] != before.values[name]} == {"pems_stamp"}


def test_a_row_without_a_stamp_is_taken_and_keeps_the_stamp() -> None:
    """What is known of the order of changes is not forgotten."""
    values = take_in(pulled(), pems(None, category="Pumps")).record.values
    assert (values["category"], values["pems_stamp"]) == ("Pumps", STAMP)
    assert take_in(pulled(None), pems(STAMP)).outcome is Outcome.RESTAMPED


def test_an_edit_survives_a_row_that_changed_elsewhere() -> None:
    """Each side wins where only it has changed."""
    record = take_in(edited(category="Pumps"), pems(LATER, description="new")).record
    values = record.values
    assert (values["category"], values["description"]) == ("Pumps", "new")
    assert (values["sync_state"], values["modified_fields"], values["local_version"]) == ("modified", ("category",), 2)
    assert record.base == BASE | {"description": "new"}


def test_the_same_change_on_both_sides_makes_the_record_pristine() -> None:
    """Nothing is left to be written to PEMS."""
    before = edited("sync_error", category="Pumps")
    before.values |= {"sync_error_message": "busy", "sync_retry_count": 3}
    taken = take_in(before, pems(LATER, category="Pumps"))
    record = taken.record
    assert taken.outcome is Outcome.UPDATED
    assert record.base is None
    assert (record.values["sync_state"], record.values["modified_fields"]) == ("pristine", ())
    assert (record.values["sync_error_message"], record.values["sync_retry_count"]) == (None, 0)


@pytest.mark.parametrize("state", ["modified", "sync_error"])
def test_a_conflict_keeps_the_local_value_and_its_base(state: str) -> None:
    """Other fields take PEMS' value; the state stays."""
    row = pems(LATER, category="Dozers", description="new")
    taken = take_in(edited(state, category="Pumps"), row)
    record = taken.record
    assert (taken.outcome, taken.conflicts) == (Outcome.CONFLICT, ("category",))
    assert (record.values["category"], record.values["description"]) == ("Pumps", "new")
    assert record.values["sync_state"] == state
    assert record.base == BASE | {"description": "new"}


def test_a_conflict_is_seen_again_with_the_next_change() -> None:
    """It stays open until a person has resolved it."""
    first = take_in(edited(category="Pumps"), pems(LATER, category="Dozers")).record
    again = pems(LATER + timedelta(minutes=1), category="Dozers", description="new")
    taken = take_in(first, again)
    assert taken.conflicts == ("category",)
    assert taken.record.values["category"] == "Pumps"
    same = take_in(first, pems(LATER, category="Dozers"))
    assert (same.outcome, same.record) == (Outcome.CONFLICT, first)


def test_a_local_edit_that_is_taken_back_lets_the_value_of_pems_in() -> None:
    """Although its row is the one that was in conflict, and has not changed since."""
    record = take_in(edited(category="Pumps"), pems(LATER, category="Dozers")).record
    assert record.base is not None
    record.values["category"] = record.base["category"]
    assert take_in(record, pems(LATER, category="Dozers")).record.values["category"] == "Dozers"


@pytest.mark.parametrize(
    ("local", "remote"),
    [
        ({"forecast_start": date(2026, 5, 1)}, {"forecast_end": date(2026, 4, 1)}),
        ({"forecast_end": date(2026, 7, 1)}, {"forecast_start": date(2026, 2, 1)}),
        ({"source": "purchase", "purchase_price": 7}, {"monthly_rate": 9}),
        ({"is_discontinued": True}, {"is_funds_transferable": True}),
    ],
)
def test_tied_fields_merge_as_one(local: dict[str, Any], remote: dict[str, Any]) -> None:
    """Halves of both sides together would break a rule, or mean what neither side meant."""
    taken = take_in(edited(**local), pems(LATER, **remote))
    assert taken.outcome is Outcome.CONFLICT
    assert set(taken.conflicts) == {*local, *remote}
    merged = {name: taken.record.values[name] for name in BASE}
    assert merged == BASE | local


def test_a_record_that_is_being_written_is_left_for_later() -> None:
    """Neither merged nor counted as seen, so that it is looked at again."""
    before = edited("pending_sync", category="Pumps")
    taken = take_in(before, pems(LATER, description="new"))
    assert (taken.outcome, taken.record.seen_digest) == (Outcome.DEFERRED, None)
    assert taken.record.values == before.values


def test_a_column_that_is_absent_leaves_its_field() -> None:
    """Not sent is not the same as empty."""
    taken = take_in(pulled(), pems(LATER, without="category", description="new"))
    assert (taken.record.values["category"], taken.record.values["description"]) == ("Cranes", "new")
    assert take_in(pulled(), pems(without="category")).outcome is Outcome.UNCHANGED


def test_the_record_that_was_read_is_not_changed() -> None:
    """The write path compares before with after."""
    before = edited(category="Pumps")
    copy = before.copy()
    take_in(before, pems(LATER, description="new"))
    assert before == copy


def test_what_would_break_a_rule_is_a_conflict() -> None:
    """A rule that ties fields of different groups keeps each side's change out of the other; the rest goes in."""

    def rules(values: Mapping[str, Any]) -> list[BrokenRule]:
        wrong = values["category"] == "Pumps" and values["dor"] == "project"
        return [BrokenRule("dor", "pumps are overhead")] if wrong else []

    local = BASE | {"category": "Pumps"}
    remote = BASE | {"dor": "project", "description": "new"}
    merged = merge(BASE, local, remote, Terms(rules=rules))
    assert merged.conflicts == ("category", "dor")
    assert merged.values == local | {"description": "new"}
    assert merged.base == BASE | {"description": "new"}


def _sides() -> st.SearchStrategy[Values]:
    days = st.sampled_from([None, date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)])
    changes = {
        "category": st.sampled_from([None, "Cranes", "Pumps", "Dozers"]),
        "source": st.sampled_from(["rental", "purchase"]),
        "monthly_rate": st.sampled_from([None, 0, 1, 2]),
        "purchase_price": st.sampled_from([None, 0, 1]),
        "forecast_start": days,
        "forecast_end": days,
        "is_discontinued": st.booleans(),
        "is_funds_transferable": st.booleans(),
    }
    return st.fixed_dictionaries({}, optional=changes).map(lambda some: BASE | some).filter(_is_good)


def _is_good(values: Values) -> bool:
    return not broken_rules(values)


@given(base=_sides(), local=_sides(), remote=_sides())
def test_a_merge_keeps_its_promises(base: Values, local: Values, remote: Values) -> None:
    """Whatever the three sides are: no edit is lost, no rule broken, and a second merge finds the same."""
    merged = merge(base, local, remote)
    assert not broken_rules(merged.values)
    for group in GROUPS:
        value, mine, theirs, old = ([side[name] for name in group] for side in (merged.values, local, remote, base))
        assert value in (mine, theirs)
        if mine != old:
            assert value == mine
        else:
            assert value == theirs
        conflicting = bool(set(group) & set(merged.conflicts))
        assert conflicting == (mine != theirs and old not in (mine, theirs))
        assert [merged.base[name] for name in group] == (old if conflicting else theirs)
    again = merge(merged.base, merged.values, remote)
    assert again == merged
