"""The core of the synchronization: what becomes of an edit on its way to PEMS."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pfa_rpc.sync.core import first_seen, step
from pfa_rpc.sync.effects import (
    Action,
    Get,
    OpenConflict,
    Purpose,
    Retry,
    Update,
)
from pfa_rpc.sync.events import (
    Acknowledged,
    Event,
    Failed,
    LeaseExpired,
    OutcomeUnknown,
    Pulled,
    Read,
    Refused,
    Rejected,
    RetryAsked,
    StaleLock,
)
from pfa_rpc.sync.merge import Policy, Terms
from pfa_rpc.sync.precision import money_steps
from pfa_rpc.sync.sync_record import Phase, Side, State
from tests.unit.sync.story import BASE, START, Story, after, remote, row


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
    story.edit(13, category="Dozers").read(remote(), minutes=14)
    assert story.effect(Update) == Update("p1", {"category": "Pumps"}, "7")
    story.tell(Acknowledged("p1", "8", after(15)))
    assert (story["category"], story.record.state) == ("Dozers", State.MODIFIED)


def test_an_update_that_may_still_arrive_waits_for_its_next_attempt_under_its_push() -> None:
    """Longer each time, and as long as PEMS asks; it is read back again before it is sent again."""
    story, waits = Story(category="Pumps").send(), []
    for attempt, asked in enumerate((None, timedelta(minutes=3))):
        now, push_id = 100 * (attempt + 1), f"p{attempt + 1}"
        story.tell(OutcomeUnknown(push_id, "PEMS failed with status 500", after(now), retry_after=asked))
        story.read(remote(), push_id, minutes=now + 0.1)
        waits.append(story.effect(Retry).at - after(now))
        assert (story.record.state, story.record.push and story.record.push.phase) == (State.PENDING, Phase.UNKNOWN)
        assert story.tell(LeaseExpired("early", after(999), after(now + 0.2))).effects == ()
        again = f"p{attempt + 2}"
        story.tell(LeaseExpired(again, after(now + 60), after(now + 5)))
        assert story.effects == (Get(Purpose.READ_BACK, again),)
        assert story.read(remote(), again, minutes=now + 5.1).effect(Update) == Update(
            again, {"category": "Pumps"}, "7"
        )
    assert waits == [timedelta(seconds=30), timedelta(minutes=3)]


def test_an_update_that_was_certainly_not_made_waits_for_its_next_attempt_too() -> None:
    story = Story(category="Pumps").send().tell(OutcomeUnknown("p1", "PEMS failed with status 500", after(12)))
    story.read(remote(8, description="new"), minutes=12.1)
    assert (story.record.state, story.record.push) == (State.MODIFIED, None)
    assert story.effect(Retry).at == after(12.5)
    assert story.claim("p2", 12.2).effects == ()
    assert story.claim("p3", 13).effects == (Get(Purpose.SEND, "p3"),)


def test_one_change_since_by_somebody_else_tells_that_the_update_was_not_made() -> None:
    """The lock counts updates: the one that was made is not ours."""
    story = Story(category="Pumps").send().tell(OutcomeUnknown("p1", "timed out", after(12)))
    story.read(remote(8, description="new"), minutes=14)
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
        story.tell(OutcomeUnknown("p1", "timed out", after(12))).read(remote(), minutes=14)
    assert story.record.state is State.ERROR
    story.tell(RetryAsked("bob", after(50))).claim("p2", 51)
    assert story.effects == (Get(Purpose.READ_BACK, "p2"),)
    assert story.read(remote(8, category="Pumps"), "p2", 52).record.state is State.PRISTINE


def test_a_row_tells_that_a_forgotten_update_is_to_be_looked_up() -> None:
    """The record is in error, and what became of its last update is not known: a direct read tells, not the row."""
    story = Story(category="Pumps").send()
    for _ in range(3):
        story.tell(OutcomeUnknown("p1", "timed out", after(12))).read(remote(), minutes=14)
    story.tell(Pulled(row(after(13), category="Pumps"), after(20), after(19)))
    assert (story.record.state, story.effects) == (State.ERROR, (Get(Purpose.PULL),))
    assert story.read(remote(8, category="Pumps"), None, 21).record.state is State.PRISTINE


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
    story.read(remote(8, description="new"), minutes=14)
    assert story.effect(Update) == Update("p1", {"category": "Pumps"}, "8")
    story.tell(StaleLock("p1", after(30)))
    assert (story.record.state, story["sync_retry_count"]) == (State.MODIFIED, 0)
    assert story.effect(Retry).at > after(30)


def test_amounts_are_compared_as_finely_as_pems_keeps_them() -> None:
    """What PEMS shows more finely than it keeps is no change, and no conflict."""
    story = Story(Terms(steps=money_steps(2)), monthly_rate=12_345_700).send()
    story.tell(OutcomeUnknown("p1", "timed out", after(12))).read(remote(8, monthly_rate=12_345_704))
    assert (story.record.state, story["monthly_rate"], story.record.conflicts) == (State.PRISTINE, 12_345_704, ())


FINE = 10_000_012
"""An amount that PEMS would round to that of BASE."""


def test_an_edit_that_pems_would_round_is_refused_and_stays() -> None:
    """Also where PEMS would round it to what it has, so that nobody takes it for written."""
    story = Story(Terms(steps=money_steps(2)), monthly_rate=FINE).claim()
    assert (story.record.state, story["monthly_rate"], story.record.push) == (State.ERROR, FINE, None)
    assert "at most 2 decimals" in story["sync_error_message"]
    story.edit(20, monthly_rate=10_000_100).send("p2")
    assert story.effect(Update).values == {"monthly_rate": 10_000_100}


def test_a_row_that_comes_before_the_push_does_not_round_an_edit() -> None:
    story = Story(Terms(steps=money_steps(2)), monthly_rate=FINE).pull(row(after(5), description="new"), 6)
    assert (story.record.state, story["monthly_rate"], story["description"]) == (State.MODIFIED, FINE, "new")
    story.pull(row(after(7), monthly_rate=20_000_000), 8)
    assert (story["monthly_rate"], [one.field for one in story.record.conflicts]) == (FINE, ["monthly_rate"])


def test_an_edit_during_a_push_is_not_rounded_to_what_was_sent() -> None:
    story = Story(Terms(steps=money_steps(2)), monthly_rate=12_345_700).send().edit(11, monthly_rate=12_345_678)
    story.tell(Acknowledged("p1", "8", after(12)))
    assert (story.record.state, story["monthly_rate"]) == (State.MODIFIED, 12_345_678)


def test_an_amount_that_is_finer_here_is_no_conflict() -> None:
    """PEMS changed another field; its own spelling of the amount is taken."""
    record = first_seen(Pulled(row(monthly_rate=10_000_049), START))
    terms = Terms(steps=money_steps(2))
    after_, _ = step(record, Pulled(row(after(5), description="new"), after(6)), terms)
    assert (after_.state, after_.values["monthly_rate"], after_.conflicts) == (State.PRISTINE, 10_000_000, ())
