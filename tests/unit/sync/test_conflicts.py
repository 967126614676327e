"""The core of the synchronization: conflicts, and how they end."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from pfa_rpc.records.encode import Values
from pfa_rpc.records.tracking import marked_edited
from pfa_rpc.sync.conflicts import NotResolvable
from pfa_rpc.sync.effects import (
    CloseConflict,
    Get,
    OpenConflict,
    Purpose,
    Settlement,
    Update,
)
from pfa_rpc.sync.events import (
    Choice,
    Keep,
    OutcomeUnknown,
    Own,
    Resolved,
)
from pfa_rpc.sync.merge import TERMS, Policy, Terms
from pfa_rpc.sync.sync_record import Side, State
from tests.unit.sync.story import Story, after, remote, row


def in_conflict(terms: Terms = TERMS) -> Story:
    """Return a record whose category was changed on both sides."""
    return Story(terms, category="Pumps").pull(row(after(15), category="Dozers"))


@pytest.mark.parametrize(
    ("choice", "value", "how", "version"),
    [
        (Keep.MINE, "Pumps", Settlement.MINE, 2),
        (Keep.THEIRS, "Dozers", Settlement.THEIRS, 2),
        (Own("Loaders"), "Loaders", Settlement.OWN, 3),
    ],
)
def test_a_person_decides_about_a_conflict(choice: Choice, value: str, how: Settlement, version: int) -> None:
    """What differs from PEMS' value after that is sent."""
    story = in_conflict().tell(Resolved({"category": choice}, "bob", after(30)))
    assert (story["category"], story["local_version"], story.record.conflicts) == (value, version, ())
    closed = story.effect(CloseConflict)
    assert (closed.how, closed.by) == (how, "bob")
    assert story.record.base["category"] == "Dozers"
    assert story.record.state is (State.PRISTINE if value == "Dozers" else State.MODIFIED)
    if value != "Dozers":
        assert story.claim("p1", 31).read(remote(category="Dozers")).effect(Update).values == {"category": value}


def test_to_keep_mine_after_an_ambiguous_outcome_sends_it_again() -> None:
    """The record showed PEMS' value until then."""
    story = Story(category="Pumps").send()
    story.tell(OutcomeUnknown("p1", "timed out", after(12))).read(remote(9, category="Dozers"))
    story.tell(Resolved({"category": Keep.MINE}, "bob", after(30)))
    assert (story["category"], story.record.state, story["modified_by"]) == ("Pumps", State.MODIFIED, "bob")


@pytest.mark.parametrize("value", ["Loaders", "Cranes", "Pumps"])
def test_to_edit_a_field_in_conflict_again_settles_it(value: str) -> None:
    """With the value that was typed, even that of before or the same."""
    story = in_conflict().edit(30, "bob", category=value)
    assert (story["category"], story.record.conflicts, story.record.state) == (value, (), State.MODIFIED)
    assert (story.effect(CloseConflict).how, story.effect(CloseConflict).by) == (Settlement.OWN, "bob")
    assert story.claim("p1", 31).read(remote(category="Dozers")).effect(Update).values == {"category": value}


def test_an_edit_that_was_stored_without_the_core_settles_a_conflict_too() -> None:
    """The core sees it at the next event."""
    story = in_conflict()
    values, _ = marked_edited(
        story.record.values, story.record.base, story.record.values | {"category": "Loaders"}, "bob", after(30)
    )
    story.record = replace(story.record, values=values)
    story.claim("p1", 31)
    assert (story.record.conflicts, story.effect(CloseConflict).by) == ((), "bob")
    assert story.effect(Get) == Get(Purpose.SEND, "p1")


def test_a_conflict_ends_by_itself_when_the_sides_agree() -> None:
    """PEMS was changed to the local value, or back."""
    story = in_conflict().pull(row(after(16), category="Pumps"), 40)
    assert (story.effect(CloseConflict).how, story.record.state) == (Settlement.AGREED, State.PRISTINE)
    back = in_conflict().pull(row(after(16)), 40)
    assert (back.record.conflicts, back.record.state, back["category"]) == ((), State.MODIFIED, "Pumps")


def test_a_conflict_follows_what_pems_holds() -> None:
    """It stays the same conflict, with another value on their side."""
    story = in_conflict()
    (first,) = story.record.conflicts
    story.pull(row(after(16), by="maria", category="Loaders"), 40)
    (second,) = story.record.conflicts
    assert (second.theirs, second.theirs_side.by, second.opened_at) == ("Loaders", "maria", first.opened_at)
    assert story.effects == (OpenConflict(second),)
    assert story.pull(row(after(17), category="Loaders"), 41).effects == ()


TIED_UPDATE: Values = {"forecast_start": date(2026, 4, 1)}
TIED_CHANGE: Values = {"forecast_end": date(2026, 7, 1)}


def test_tied_fields_are_decided_together() -> None:
    """A decision about half a pair of dates is refused, and changes nothing."""
    story = Story(**TIED_UPDATE).pull(row(after(15), **TIED_CHANGE))
    assert [conflict.field for conflict in story.record.conflicts] == ["forecast_start", "forecast_end"]
    before = story.record
    with pytest.raises(NotResolvable, match="forecast_end: is tied"):
        story.tell(Resolved({"forecast_start": Keep.MINE}, "bob", after(30)))
    assert story.record is before
    story.tell(Resolved({"forecast_start": Keep.MINE, "forecast_end": Keep.THEIRS}, "bob", after(30)))
    assert (story["forecast_start"], story["forecast_end"]) == (date(2026, 4, 1), date(2026, 7, 1))
    assert story.record.state is State.MODIFIED


def test_to_edit_one_of_two_tied_fields_leaves_the_other_to_be_decided() -> None:
    """Neither is sent until then."""
    story = Story(**TIED_UPDATE).pull(row(after(15), **TIED_CHANGE)).edit(30, forecast_start=date(2026, 5, 1))
    assert [(conflict.field, conflict.decided) for conflict in story.record.conflicts] == [
        ("forecast_start", True),
        ("forecast_end", False),
    ]
    assert story.claim("p1", 31).effects == ()
    story.tell(Resolved({"forecast_end": Keep.THEIRS}, "bob", after(40)))
    assert (story.record.conflicts, story["forecast_start"]) == ((), date(2026, 5, 1))
    assert story["forecast_end"] == date(2026, 7, 1)


def test_a_decision_that_breaks_a_rule_is_refused() -> None:
    """With the rule."""
    story = Story(**TIED_UPDATE).pull(row(after(15), **TIED_CHANGE))
    choices: dict[str, Choice] = {"forecast_start": Own(date(2027, 1, 1)), "forecast_end": Keep.THEIRS}
    with pytest.raises(NotResolvable, match="start after end"):
        story.tell(Resolved(choices, "bob", after(30)))
    with pytest.raises(NotResolvable, match="model: is not in conflict"):
        story.tell(Resolved({"model": Keep.MINE}, "bob", after(30)))


@pytest.mark.parametrize(
    ("policy", "value", "state"), [(Policy.PEMS, "Dozers", State.PRISTINE), (Policy.LOCAL, "Pumps", State.MODIFIED)]
)
def test_a_policy_settles_a_conflict_and_says_so(policy: Policy, value: str, state: State) -> None:
    """Nobody is asked; the log has both values."""
    story = in_conflict(Terms(policies={"category": policy}))
    assert (story["category"], story.record.state, story.record.conflicts) == (value, state, ())
    closed = story.effect(CloseConflict)
    assert (closed.how, closed.conflict.mine, closed.conflict.theirs) == (Settlement.POLICY, "Pumps", "Dozers")


def test_who_edited_is_told_by_field_where_that_is_known() -> None:
    """The record's last editor may have edited another field."""
    story = Story(category="Pumps").edit(2, "bob", model="336F").pull(row(after(15), category="Dozers"))
    (conflict,) = story.record.conflicts
    assert conflict.mine_side == Side("ann", after(1))
