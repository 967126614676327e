"""The core of the synchronization: rows that come, records that vanish, and what is kept of both."""

from __future__ import annotations

from dataclasses import replace

from pfa_rpc.records.tracking import marked_edited
from pfa_rpc.sync.core import first_seen, step
from pfa_rpc.sync.effects import (
    Action,
    Get,
    Purpose,
)
from pfa_rpc.sync.events import (
    Acknowledged,
    Missing,
    OutcomeUnknown,
    Pulled,
    Read,
    Rejected,
)
from pfa_rpc.sync.sync_record import Presence, State
from pfa_rpc.sync.sync_rows import stored, sync_record
from tests.unit.sync.story import BASE, START, Story, after, remote, row


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


def test_a_row_that_pems_was_changed_back_to_is_not_dropped_during_a_push() -> None:
    """It is the row that was seen last, within the same minute; but what is on its way was made in between."""
    story = Story(category="Pumps").send().pull(row(START), 12)
    assert story.record.repull == after(12)
    story.tell(Acknowledged("p1", "8", after(13), START)).tell(Read(remote(9), after(13.5), after(14)))
    assert (story["category"], story.record.state) == ("Cranes", State.PRISTINE)


def test_a_direct_read_that_was_begun_before_a_row_came_is_not_believed() -> None:
    """The row has brought the record up to date, although it changed nothing."""
    story = Story(category="Pumps").send().pull(row(START), 12).tell(Acknowledged("p1", "8", after(13), START))
    story.pull(row(START, category="Pumps"), 15)
    assert story.record.repull is None
    story.tell(Read(remote(9, category="Dozers"), after(14), after(16)))
    assert (story["category"], story.effects) == ("Pumps", (Get(Purpose.PULL),))


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
