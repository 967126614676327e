"""The core of the synchronization, event by event."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pfa_rpc.records.encode import Values
from pfa_rpc.records.tracking import marked_edited
from pfa_rpc.schema import MERGED_FIELDS
from pfa_rpc.sync.conflicts import NotResolvable
from pfa_rpc.sync.core import first_seen, step
from pfa_rpc.sync.effects import (
    Action,
    Audit,
    CloseConflict,
    Effect,
    Get,
    OpenConflict,
    Purpose,
    Retry,
    Settlement,
    Update,
)
from pfa_rpc.sync.events import (
    Acknowledged,
    Choice,
    Claim,
    Event,
    Failed,
    Keep,
    LeaseExpired,
    LocalEdit,
    Missing,
    OutcomeUnknown,
    Own,
    Pulled,
    Read,
    Refused,
    Rejected,
    RemoteObject,
    Resolved,
    RetryAsked,
    StaleLock,
)
from pfa_rpc.sync.mapping import PemsRow, digest_of, text_of
from pfa_rpc.sync.merge import TERMS, Policy, Terms, money_steps
from pfa_rpc.sync.sync_record import Phase, Presence, Side, State, SyncRecord
from pfa_rpc.sync.sync_rows import stored, sync_record

START = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
LEASE = timedelta(minutes=5)
BASE: Values = {field.name: None for field in MERGED_FIELDS} | {
    "category": "Cranes",
    "source": "rental",
    "dor": "beo",
    "is_actualized": False,
    "is_discontinued": False,
    "is_funds_transferable": False,
    "monthly_rate": 10_000_000,
    "forecast_start": date(2026, 3, 1),
    "forecast_end": date(2026, 6, 1),
}


def after(minutes: float) -> datetime:
    """Return a time so many minutes after the start."""
    return START + timedelta(minutes=minutes)


def row(stamp: datetime = START, *, by: str = "jsmith", **changes: Any) -> PemsRow:
    """Return a row of the grid: BASE with changes."""
    text = text_of(BASE | changes)
    return PemsRow("RIO", "78005", BASE | changes, stamp, by, text, digest_of(text))


def remote(lock: int = 7, **changes: Any) -> RemoteObject:
    """Return what a direct read finds: BASE with changes."""
    return RemoteObject(BASE | changes, str(lock), START, "jsmith")


class Story:
    """A record, and what happens to it; remembers the effects of the last event."""

    def __init__(self, terms: Terms = TERMS, **local: Any) -> None:
        self.terms = terms
        self.record: SyncRecord = first_seen(Pulled(row(), START))
        self.effects: tuple[Effect, ...] = ()
        if local:
            self.edit(1, **local)

    def tell(self, event: Event) -> Story:
        """Let an event happen."""
        self.record, self.effects = step(self.record, event, self.terms)
        return self

    def edit(self, minutes: float = 2, by: str = "ann", **updates: Any) -> Story:
        """Let somebody edit the record."""
        return self.tell(LocalEdit(updates, by, after(minutes)))

    def claim(self, push_id: str = "p1", minutes: float = 10) -> Story:
        """Let a worker claim the record."""
        return self.tell(Claim(push_id, after(minutes) + LEASE, after(minutes)))

    def read(self, found: RemoteObject | None, push_id: str | None = "p1", minutes: float = 11) -> Story:
        """Let a direct read come, which was begun half a minute before."""
        return self.tell(Read(found, after(minutes - 0.5), after(minutes), push_id))

    def send(self, push_id: str = "p1") -> Story:
        """Claim and read, so that an update is on its way."""
        return self.claim(push_id).read(remote(), push_id)

    def pull(self, pulled: PemsRow, minutes: float = 20, requested: float | None = None) -> Story:
        """Let a row come."""
        return self.tell(Pulled(pulled, after(minutes), after(minutes - 0.5 if requested is None else requested)))

    def __getitem__(self, name: str) -> Any:
        return self.record.values[name]

    def effect(self, kind: type[Any]) -> Any:
        """Return the one effect of a kind."""
        (found,) = [effect for effect in self.effects if isinstance(effect, kind)]
        return found

    def actions(self) -> set[Action]:
        """Return what goes into the log."""
        return {effect.action for effect in self.effects if isinstance(effect, Audit)}


# --- pushes ----------------------------------------------------------------------------------------------------------


def test_an_edit_goes_to_pems_and_both_sides_agree() -> None:
    """The whole way, with nothing in between."""
    story = Story(category="Pumps").claim()
    assert (story.record.state, story.effects) == (State.PENDING, (Get(Purpose.SEND, "p1"),))
    story.read(remote())
    assert story.effects == (Update("p1", {"category": "Pumps"}, "7"),)
    story.tell(Acknowledged("p1", "8", after(12), after(12)))
    assert story.actions() == {Action.ACKNOWLEDGED}
    assert (story.record.state, story["pems_version"], story["pems_stamp"]) == (State.PRISTINE, "8", after(12))
    assert (story["modified_by"], story["modified_fields"], story["last_synced_at"]) == ("ann", (), after(12))
    assert story.record.base == BASE | {"category": "Pumps"}


def test_edits_during_a_push_are_still_to_be_sent() -> None:
    """Of the field that is on its way, and of another."""
    story = Story(category="Pumps").send().edit(category="Dozers").edit(model="336F")
    assert story.record.state is State.PENDING
    story.tell(Acknowledged("p1", "8", after(12)))
    assert (story.record.state, story["modified_fields"]) == (State.MODIFIED, ("category", "model"))
    assert story.record.base["category"] == "Pumps"


@pytest.mark.parametrize(
    "event",
    [
        Acknowledged("p1", "8", after(12)),
        Refused("p1", "not valid", after(12)),
        StaleLock("p1", after(12)),
        Failed("p1", "busy", after(12), counts=True),
        OutcomeUnknown("p1", "timed out", after(12)),
        Read(None, after(12), after(12), "p1"),
        Rejected("bad date", after(12), "p1"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_comes_for_another_push_changes_nothing(event: Event) -> None:
    """The worker that it belongs to has lost its lease, or the same answer came twice."""
    taken_over = Story(category="Pumps").send().tell(LeaseExpired("p2", after(60), after(30)))
    before = taken_over.record
    assert taken_over.tell(event).record is before
    assert taken_over.effects == ()
    done = Story(category="Pumps").send().tell(Acknowledged("p1", "8", after(11)))
    before = done.record
    assert done.tell(event).record is before


def test_a_worker_that_lost_its_claim_sends_nothing() -> None:
    """It has read the object, but the record is another's by now."""
    story = Story(category="Pumps").claim().tell(LeaseExpired("p2", after(60), after(30)))
    assert (story.record.state, story.record.push) == (State.MODIFIED, None)
    assert story.read(remote()).effects == ()


def test_a_lease_that_runs_is_not_taken_over() -> None:
    """Nor can the record be claimed twice."""
    story = Story(category="Pumps").send()
    before = story.record
    assert story.tell(LeaseExpired("p2", after(60), after(12))).record is before
    assert story.claim("p3", 12).record is before


def test_a_read_that_finds_changes_is_merged_before_the_update() -> None:
    """What both sides changed is a conflict and is not sent; the rest is."""
    story = Story(category="Pumps", model="336F").claim()
    story.read(remote(category="Dozers", description="new"))
    assert story.effect(Update).values == {"model": "336F"}
    conflict = story.effect(OpenConflict).conflict
    assert (conflict.base, conflict.mine, conflict.theirs) == ("Cranes", "Pumps", "Dozers")
    assert (conflict.mine_side, conflict.theirs_side) == (Side("ann", after(1)), Side("jsmith", START))
    assert (story["category"], story["description"]) == ("Pumps", "new")
    story.tell(Acknowledged("p1", "8", after(12)))
    assert (story.record.state, story.record.is_held) == (State.MODIFIED, True)
    assert story.claim("p2", 30).effects == ()


def test_an_update_that_pems_has_made_already_is_not_sent() -> None:
    """Both sides came to the same value."""
    story = Story(category="Pumps").claim().read(remote(8, category="Pumps"))
    assert (story.effects, story.record.state) == ((), State.PRISTINE)


@pytest.mark.parametrize(
    "event", [OutcomeUnknown("p1", "timed out", after(12)), LeaseExpired("p1", after(60), after(30))]
)
def test_an_update_without_an_answer_is_read_back(event: Event) -> None:
    """Never just sent again; made, it counts as acknowledged."""
    story = Story(category="Pumps").send().tell(event)
    assert Get(Purpose.READ_BACK, "p1") in story.effects
    assert (story.record.state, story.record.push and story.record.push.phase) == (State.PENDING, Phase.UNKNOWN)
    story.read(remote(8, category="Pumps", description="new"), minutes=40)
    assert Action.FOUND_APPLIED in story.actions()
    assert (story.record.state, story["description"], story["sync_retry_count"]) == (State.PRISTINE, "new", 0)


def test_an_update_that_was_not_made_is_sent_again_as_it_was() -> None:
    """While the lock is the same, only one of the two can be made; a later edit waits for the next push."""
    story = Story(category="Pumps").send().tell(OutcomeUnknown("p1", "timed out", after(12)))
    story.edit(13, category="Dozers").read(remote())
    assert story.effect(Update) == Update("p1", {"category": "Pumps"}, "7")
    story.tell(Acknowledged("p1", "8", after(14)))
    assert (story["category"], story.record.state) == ("Dozers", State.MODIFIED)


def test_one_change_since_by_somebody_else_tells_that_the_update_was_not_made() -> None:
    """The lock counts updates: the one that was made is not ours."""
    story = Story(category="Pumps").send().tell(OutcomeUnknown("p1", "timed out", after(12)))
    story.read(remote(8, description="new"))
    assert story.effect(Update) == Update("p1", {"category": "Pumps"}, "8")


@pytest.mark.parametrize("policies", [{}, {"category": Policy.LOCAL}])
def test_after_an_ambiguous_outcome_pems_wins_and_mine_is_kept_as_a_conflict(policies: dict[str, Policy]) -> None:
    """Somebody may have seen my value in PEMS and changed it; no policy may undo that."""
    story = Story(Terms(policies=policies), category="Pumps").send()
    story.tell(OutcomeUnknown("p1", "timed out", after(12))).read(remote(9, category="Dozers"))
    conflict = story.effect(OpenConflict).conflict
    assert (conflict.mine, conflict.theirs, conflict.ambiguous) == ("Pumps", "Dozers", True)
    assert (story["category"], story.record.state, story["modified_fields"]) == ("Dozers", State.PRISTINE, ())
    assert Action.AMBIGUOUS in story.actions()
    assert story.claim("p2", 30).effects == ()


def test_an_edit_during_an_ambiguous_push_is_shown() -> None:
    """It was never sent, so that it is a conflict like any other."""
    story = Story(category="Pumps").send().edit(category="Loaders")
    story.tell(OutcomeUnknown("p1", "timed out", after(12))).read(remote(9, category="Dozers"))
    conflict = story.effect(OpenConflict).conflict
    assert (conflict.mine, conflict.theirs, conflict.ambiguous) == ("Loaders", "Dozers", False)
    assert story["category"] == "Loaders"


def test_three_attempts_that_count_make_an_error() -> None:
    """With a message for people; each waits longer than the one before."""
    story, waits = Story(category="Pumps"), []
    for attempt in range(3):
        now = 100 * (attempt + 1)
        story.claim(f"p{attempt}", now).tell(Failed(f"p{attempt}", "PEMS answers 500", after(now), counts=True))
        waits += [effect.at - after(now) for effect in story.effects if isinstance(effect, Retry)]
    assert (story.record.state, story["sync_retry_count"]) == (State.ERROR, 3)
    assert story["sync_error_message"] == "PEMS answers 500"
    assert waits == [timedelta(seconds=30), timedelta(seconds=60)]
    assert story.claim("p9", 999).effects == ()


def test_too_many_requests_use_up_no_attempt() -> None:
    """However often PEMS asks to wait; it is waited as long as it says, within limits."""
    story = Story(category="Pumps")
    for attempt in range(5):
        now, push_id = 100 * (attempt + 1), f"p{attempt}"
        story.claim(push_id, now)
        story.tell(Failed(push_id, "429", after(now), counts=False, retry_after=timedelta(minutes=2)))
        assert story.effect(Retry).at == after(now + 2)
        assert story.claim("early", now + 1).effects == ()
    assert (story.record.state, story["sync_retry_count"]) == (State.MODIFIED, 0)
    story.claim("p9", 900).tell(Failed("p9", "429", after(900), counts=False, retry_after=timedelta(days=9)))
    assert story.effect(Retry).at == after(915)


def test_a_read_back_that_fails_is_tried_until_it_succeeds() -> None:
    """Not to know is no reason to give up: another worker reads PEMS again when the time has come."""
    story = Story(category="Pumps").send().tell(OutcomeUnknown("p1", "timed out", after(11)))
    for attempt in range(5):
        story.tell(Failed("p1", "timed out", after(12), counts=True))
        assert story.record.state is State.PENDING
        assert story.tell(LeaseExpired("p1", after(99), after(40 + attempt))).effects == (Get(Purpose.READ_BACK, "p1"),)
    assert story.read(remote(8, category="Pumps"), minutes=50).record.state is State.PRISTINE


def test_updates_without_answers_end_in_an_error_that_remembers_them() -> None:
    """Asked for again, PEMS is read first."""
    story = Story(category="Pumps").send()
    for _ in range(3):
        story.tell(OutcomeUnknown("p1", "timed out", after(12))).read(remote())
    assert story.record.state is State.ERROR
    story.tell(RetryAsked("bob", after(50))).claim("p2", 51)
    assert story.effects == (Get(Purpose.READ_BACK, "p2"),)
    assert story.read(remote(8, category="Pumps"), "p2", 52).record.state is State.PRISTINE


def test_a_refusal_is_final_until_somebody_edits_or_asks() -> None:
    """An edit makes the record modified again, and forgets the failures."""
    story = Story(category="Pumps").send().tell(Refused("p1", "The value is not valid", after(12)))
    assert (story.record.state, story["sync_error_message"]) == (State.ERROR, "The value is not valid")
    assert story.claim("p2", 30).effects == ()
    edited = story.edit(40, category="Dozers")
    assert (edited.record.state, edited["sync_error_message"]) == (State.MODIFIED, None)
    assert edited.claim("p3", 50).effects == (Get(Purpose.SEND, "p3"),)


def test_a_stale_lock_is_read_again() -> None:
    """Without using up an attempt; but not for longer than the lease."""
    story = Story(category="Pumps").send().tell(StaleLock("p1", after(12)))
    assert story.effects == (Get(Purpose.SEND, "p1"),)
    story.read(remote(8, description="new"))
    assert story.effect(Update) == Update("p1", {"category": "Pumps"}, "8")
    story.tell(StaleLock("p1", after(30)))
    assert (story.record.state, story["sync_retry_count"]) == (State.MODIFIED, 0)
    assert story.effect(Retry).at > after(30)


# --- pulls -----------------------------------------------------------------------------------------------------------


def test_a_pull_of_a_pending_record_is_looked_at_again() -> None:
    """Neither merged nor forgotten: the wish outlives a crash, and a reading that was begun before it."""
    story = Story(category="Pumps").send().pull(row(after(11), description="new"), 12)
    assert (story.record.repull, story.record.values["description"]) == (after(12), None)
    story.tell(Acknowledged("p1", "8", after(13)))
    assert Get(Purpose.PULL) in story.effects
    story.tell(Read(remote(8, category="Pumps"), after(13.2), after(14)))
    assert story.record.repull is None
    late = Story(category="Pumps").claim().pull(row(after(11), description="new"), 12)
    late.tell(Read(remote(), after(10.5), after(13), "p1"))
    assert late.record.repull == after(12)


def test_a_page_that_was_asked_for_before_the_acknowledgement_is_not_believed() -> None:
    """It shows what PEMS held before, under a stamp of the same minute."""
    story = Story(category="Pumps").send().tell(Acknowledged("p1", "8", after(12), START))
    story.pull(row(START), 13, requested=11)
    assert (story["category"], story.effects) == ("Pumps", (Get(Purpose.PULL),))
    story.tell(Read(remote(8, category="Pumps"), after(13.5), after(14)))
    assert (story["category"], story.record.repull) == ("Pumps", None)


def test_a_row_that_cannot_be_taken_in_marks_the_record() -> None:
    """It keeps its last good values, counts as seen, and takes the next good row, even an equal one."""
    story = Story().tell(Rejected("forecast start is not a date", after(5)))
    assert (story.record.rejected, story.record.state) == ("forecast start is not a date", State.PRISTINE)
    assert story.actions() == {Action.REJECTED}
    assert story.tell(Rejected("forecast start is not a date", after(6))).effects == ()
    assert story.pull(row()).record.rejected is None


def test_an_object_that_cannot_be_taken_in_is_not_written_over() -> None:
    """The push ends in an error; a good row lets it go on."""
    story = Story(category="Pumps").claim().tell(Rejected("unknown source", after(11), "p1"))
    assert (story.record.state, story.record.push) == (State.ERROR, None)
    assert "unknown source" in story["sync_error_message"]
    assert story.pull(row(after(15), description="new")).record.state is State.MODIFIED


# --- what vanishes ---------------------------------------------------------------------------------------------------


def test_a_record_is_believed_gone_when_a_sweep_and_a_read_say_so() -> None:
    """One witness is not enough; the record is kept."""
    story = Story().tell(Missing(after(5)))
    assert (story.record.presence, story.effects) == (Presence.MISSING, (Get(Purpose.CONFIRM),))
    assert story.read(remote(), None, 6).record.presence is Presence.PRESENT
    story.tell(Missing(after(7))).read(None, None, 8)
    assert (story.record.presence, story.record.state) == (Presence.DELETED, State.PRISTINE)
    assert story.actions() == {Action.DELETED}
    assert story.tell(Missing(after(9))).effects == ()


def test_a_record_with_edits_that_is_gone_is_an_error() -> None:
    """Neither made anew nor removed; when it returns, its edits are sent."""
    story = Story(category="Pumps").claim().read(None)
    assert (story.record.presence, story.record.state, story["category"]) == (Presence.UNFOUND, State.ERROR, "Pumps")
    story.tell(Missing(after(12)))
    assert (story.record.presence, story.record.state) == (Presence.DELETED, State.ERROR)
    story.pull(row(after(15), description="new"))
    assert (story.record.presence, story.record.state) == (Presence.PRESENT, State.MODIFIED)
    assert (story["category"], story["description"]) == ("Pumps", "new")
    assert Action.RETURNED in story.actions()


def test_a_record_that_was_made_here_is_not_missed() -> None:
    """PEMS never had it."""
    record = first_seen(Pulled(row(), START))
    made_here = replace(record, values=record.values | {"last_synced_at": None}, seen_digest=None)
    assert step(made_here, Missing(after(5))) == (made_here, ())


# --- conflicts -------------------------------------------------------------------------------------------------------


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


# --- amounts ---------------------------------------------------------------------------------------------------------


def test_amounts_are_compared_as_finely_as_pems_keeps_them() -> None:
    """What PEMS rounds is no change, no conflict, and agreed on once it was sent."""
    story = Story(Terms(steps=money_steps(2)), monthly_rate=12_345_678)
    assert story.send().effect(Update).values == {"monthly_rate": 12_345_700}
    story.tell(Acknowledged("p1", "8", after(12)))
    assert (story.record.state, story["monthly_rate"]) == (State.PRISTINE, 12_345_700)
    lost = Story(Terms(steps=money_steps(2)), monthly_rate=12_345_678).send()
    lost.tell(OutcomeUnknown("p1", "timed out", after(12))).read(remote(8, monthly_rate=12_345_700))
    assert (lost.record.state, lost["monthly_rate"], lost.record.conflicts) == (State.PRISTINE, 12_345_700, ())


def test_an_amount_that_is_finer_here_is_no_conflict() -> None:
    """PEMS changed another field; its own spelling of the amount is taken."""
    record = first_seen(Pulled(row(monthly_rate=10_000_049), START))
    terms = Terms(steps=money_steps(2))
    after_, _ = step(record, Pulled(row(after(5), description="new"), after(6)), terms)
    assert (after_.state, after_.values["monthly_rate"], after_.conflicts) == (State.PRISTINE, 10_000_000, ())


# --- what is stored --------------------------------------------------------------------------------------------------


def test_a_record_goes_into_its_rows_and_back() -> None:
    """At every point of a push, with conflicts and marks; who edited each field is found elsewhere."""
    story = Story(category="Pumps", model="336F").claim().read(remote(category="Dozers"))
    story.tell(OutcomeUnknown("p1", "timed out", after(12))).pull(row(after(15), description="new"), 16)
    saved, kept = stored(story.record)
    assert kept is not None
    assert sync_record(saved, kept) == replace(story.record, editors={})


def test_a_record_about_which_there_is_nothing_to_remember_has_no_row() -> None:
    """Nor has one that is only modified."""
    assert stored(Story().record)[1] is None
    saved, kept = stored(Story(category="Pumps").record)
    assert (kept, saved.base) == (None, BASE)
    assert stored(Story().record)[0].base is None


def test_an_edit_marks_a_record_as_every_other_way_in_does() -> None:
    """The rules of editing are the same wherever they are applied."""
    before = Story().record
    values, _ = marked_edited(before.values, None, before.values | {"category": "Pumps"}, "ann", after(2))
    assert Story().edit(category="Pumps").record.values == values
    assert Story().edit(category="Cranes").record == before
