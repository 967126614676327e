"""Local edits reach PEMS once, whatever happens on the way, and nothing that PEMS has is lost by it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest

from pfa_rpc.simulator.faults import Delay, Drop, Match, Refuse, Reply
from pfa_rpc.simulator.faults import Run as RunFunction
from pfa_rpc.store.syncing.runs import RunState
from tests.integration.store.conftest import make_migrated
from tests.integration.sync.pushing_site import ROWS, PushSite, pushing_site
from tests.servers.stock import Stock

UPDATE = Match(call="UPDATE")
GET = Match(call="GET")


@pytest.fixture
async def site(database_kind: str, stock: Stock, tmp_path: Path) -> AsyncIterator[PushSite]:
    """A PEMS of 30 rows, all of them pulled."""
    with stock.copy(database_kind, tmp_path, make_migrated) as (url, _):
        async with pushing_site(url) as site:
            yield site


async def test_an_edit_reaches_pems_and_the_record_is_in_step_again(site: PushSite) -> None:
    first = site.ids()[0]
    await site.edit(first, model="LOCAL")
    run = await site.go()
    assert (run.state, run.message, run.counts.pushed, run.counts.failed) == (RunState.SUCCEEDED, "", 1, 0)
    assert site.remote(first, "pfs_f_model") == "LOCAL"
    record = await site.values(first)
    assert (record["sync_state"], record["modified_fields"], record["modified_by"]) == ("pristine", (), "anna")
    assert await site.actions() == ["acknowledged"]
    requests = site.simulator.requests["screen GET"], site.simulator.requests["screen UPDATE"]
    assert requests == (1, 1)


async def test_what_was_pushed_comes_back_with_the_next_pull_and_changes_nothing(site: PushSite) -> None:
    first = site.ids()[0]
    await site.edit(first, model="LOCAL", monthly_rate=1_234_5600, source="rental")
    await site.both()
    version = (await site.values(first))["local_version"]
    await site.both()
    record = await site.values(first)
    assert (record["sync_state"], record["local_version"]) == ("pristine", version)
    assert len(site.writes(first)) == 1


async def test_many_edits_are_claimed_and_acknowledged_together(site: PushSite) -> None:
    for pfa_id in site.ids():
        await site.edit(pfa_id, model=f"M-{pfa_id}")
    before = await site.revision()
    run = await site.go()
    assert run.counts.pushed == ROWS
    assert await site.states() == {}
    assert await site.revision() - before == 3  # claimed, merged, acknowledged
    assert all(site.remote(pfa_id, "pfs_f_model") == f"M-{pfa_id}" for pfa_id in site.ids())


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_edit_of_the_same_field_during_the_push_survives_it_and_is_pushed_next(
    site: PushSite, when: Literal["before", "after"]
) -> None:
    first = site.ids()[0]
    await site.edit(first, model="ONE")
    site.simulator.faults.add(RunFunction(lambda _: site.later(first, model="TWO"), when=when), UPDATE, times=1)
    site.simulator.faults.add(Delay(0.3, when="after"), UPDATE, times=1)
    run = await site.go()
    assert run.counts.pushed == 2
    assert [entry.after["pfs_f_model"] for entry in site.writes(first)] == ["ONE", "TWO"]
    assert (await site.values(first))["model"] == "TWO"
    assert await site.states() == {}


async def test_two_edits_of_other_fields_during_one_push_survive_it(site: PushSite) -> None:
    first = site.ids()[0]
    await site.edit(first, model="ONE")
    site.simulator.faults.add(RunFunction(lambda _: site.later(first, area_silo="Silo 77")), UPDATE, times=1)
    site.simulator.faults.add(RunFunction(lambda _: site.later(first, manufacturer="ACME")), UPDATE, times=1)
    site.simulator.faults.add(Delay(0.3, when="after"), UPDATE, times=1)
    await site.go()
    record = await site.values(first)
    assert (record["model"], record["area_silo"], record["manufacturer"]) == ("ONE", "Silo 77", "ACME")
    assert await site.states() == {}
    assert [len(entry.after) for entry in site.writes(first)] == [1, 2]


async def test_changes_of_other_fields_on_both_sides_are_merged_without_a_question(site: PushSite) -> None:
    first = site.ids()[0]
    await site.edit(first, model="MINE")
    site.simulator.edit(first, {"pfs_f_area": "Silo 88"})
    await site.go()
    record = await site.values(first)
    assert (record["model"], record["area_silo"]) == ("MINE", "Silo 88")
    assert (site.remote(first, "pfs_f_model"), site.remote(first, "pfs_f_area")) == ("MINE", "Silo 88")
    assert await site.conflicts() == []


async def test_a_field_changed_on_both_sides_is_a_conflict_and_the_other_edits_are_pushed(site: PushSite) -> None:
    first = site.ids()[0]
    await site.edit(first, model="MINE", area_silo="Silo 88")
    site.simulator.edit(first, {"pfs_f_model": "THEIRS"})
    run = await site.go()
    assert (run.state, run.counts.conflicts, run.counts.pushed) == (RunState.SUCCEEDED, 1, 1)
    assert (site.remote(first, "pfs_f_model"), site.remote(first, "pfs_f_area")) == ("THEIRS", "Silo 88")
    (conflict,) = await site.conflicts()
    assert (conflict.field, conflict.mine_by, conflict.theirs_by) == ("model", "anna", "okafor")
    record = await site.values(first)
    assert (record["model"], record["sync_state"]) == ("MINE", "modified")
    again = await site.go()
    assert (again.counts.pushed, len(site.writes(first))) == (0, 1)


async def test_the_same_value_on_both_sides_is_no_conflict_and_is_not_written_again(site: PushSite) -> None:
    first = site.ids()[0]
    await site.edit(first, model="SAME")
    site.simulator.edit(first, {"pfs_f_model": "SAME"})
    await site.go()
    assert (await site.conflicts(), await site.states(), site.writes(first)) == ([], {}, [])


async def test_fields_that_are_not_mapped_and_not_edited_survive_the_replacing_update(site: PushSite) -> None:
    first = site.ids()[0]
    before = dict(site.simulator.row(first).values)
    await site.edit(first, model="LOCAL", contract=None)
    await site.go()
    after = dict(site.simulator.row(first).values)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed <= {"pfs_f_model", "pfs_p_projcode", "pfs_lastmodified", "pfs_lastmodifiedby"}
    assert after["pfs_p_projcode"] is None


async def test_a_stale_recordid_is_read_again_merged_and_sent(site: PushSite) -> None:
    first = site.ids()[0]
    await site.edit(first, model="MINE")
    change = RunFunction(lambda call: site.simulator.edit(first, {"pfs_f_area": "Silo 5"}))
    site.simulator.faults.add(change, UPDATE, times=1)
    run = await site.go()
    assert run.counts.pushed == 1
    assert (site.remote(first, "pfs_f_model"), site.remote(first, "pfs_f_area")) == ("MINE", "Silo 5")
    record = await site.values(first)
    assert (record["area_silo"], record["sync_retry_count"]) == ("Silo 5", 0)
    assert site.simulator.requests["screen UPDATE"] == 2


@pytest.mark.parametrize("when", ["before", "after", "within"])
async def test_a_lost_answer_is_read_back_and_the_value_is_written_once(
    site: PushSite, when: Literal["before", "after", "within"]
) -> None:
    first = site.ids()[0]
    await site.edit(first, model="ONCE")
    site.simulator.faults.add(Drop(when), UPDATE, times=1)
    run = await site.go()
    assert run.counts.pushed == 1
    assert len(site.writes(first)) == 1
    assert site.remote(first, "pfs_f_model") == "ONCE"
    assert await site.states() == {}


async def test_a_lost_answer_and_then_an_edit_in_pems_is_decided_by_a_person(site: PushSite) -> None:
    first = site.ids()[0]
    await site.edit(first, model="MINE")
    site.simulator.faults.add(Drop("after"), UPDATE, times=1)
    change = RunFunction(lambda call: site.simulator.edit(first, {"pfs_f_model": "THEIRS"}))
    site.simulator.faults.add(change, GET, after=1, times=1)
    await site.go()
    assert (await site.values(first))["model"] == "THEIRS"
    assert site.remote(first, "pfs_f_model") == "THEIRS"
    (conflict,) = await site.conflicts()
    assert (conflict.field, conflict.ambiguous) == ("model", True)
    assert len(site.writes(first)) == 1


async def test_one_record_that_fails_does_not_hold_the_others_of_its_batch(site: PushSite) -> None:
    poison, *others = site.ids()[:5]
    for pfa_id in (poison, *others):
        await site.edit(pfa_id, model="NEW")
    site.simulator.faults.add(Refuse(), Match(call="UPDATE", pfa_id=poison))
    run = await site.go()
    assert (run.state, run.counts.pushed, run.counts.failed) == (RunState.SUCCEEDED, 4, 1)
    assert await site.states() == {poison: "sync_error"}
    message = (await site.values(poison))["sync_error_message"]
    assert "not a valid value for the field PFS_F_CLASS" in message
    sent = site.simulator.requests["screen UPDATE"]
    await site.go()
    assert site.simulator.requests["screen UPDATE"] == sent  # it is not tried again unasked


async def test_an_edit_of_a_record_in_error_sends_it_again(site: PushSite) -> None:
    first = site.ids()[0]
    await site.edit(first, model="BAD")
    site.simulator.faults.add(Refuse(), UPDATE, times=1)
    await site.go()
    await site.edit(first, model="GOOD")
    await site.go()
    assert (site.remote(first, "pfs_f_model"), await site.states()) == ("GOOD", {})


async def test_three_attempts_that_count_end_in_an_error(site: PushSite) -> None:
    first = site.ids()[0]
    await site.edit(first, model="NEVER")
    site.simulator.faults.add(Reply(500), UPDATE)
    run = await site.go()
    assert run.counts.failed == 1
    record = await site.values(first)
    assert (record["sync_state"], record["sync_retry_count"]) == ("sync_error", 3)
    assert record["sync_error_message"]
    assert (record["model"], site.writes(first)) == ("NEVER", [])


@pytest.mark.parametrize(
    "reply",
    [
        Reply(429, retry_after="0"),
        Reply(429, retry_after="+1"),
        Reply(429, retry_after="soon"),
        Reply(429),
        Reply(503, body="envelope"),
        Reply(503, retry_after="0"),
        Reply(503),
    ],
    ids=str,
)
@pytest.mark.parametrize("call", ["GET", "UPDATE"])
async def test_what_passes_is_waited_for_and_uses_up_no_attempt(
    site: PushSite, reply: Reply, call: Literal["GET", "UPDATE"]
) -> None:
    first = site.ids()[0]
    await site.edit(first, model="PATIENT")
    site.simulator.faults.add(reply, Match(service="screen", call=call), times=2)
    run = await site.go()
    assert (run.state, run.counts.pushed) == (RunState.SUCCEEDED, 1)
    assert (len(site.writes(first)), await site.states()) == (1, {})


async def test_while_pems_is_away_the_run_ends_and_no_attempt_is_used_up(site: PushSite) -> None:
    for pfa_id in site.ids()[:3]:
        await site.edit(pfa_id, model="AWAY")
    site.simulator.faults.add(Reply(503), Match(service="screen"))
    run = await site.go()
    assert (run.state, run.reason) == (RunState.FAILED, "PEMS_UNAVAILABLE")
    record = await site.values(site.ids()[0])
    assert (record["sync_state"], record["sync_retry_count"]) == ("modified", 0)
    site.simulator.faults.clear()
    run = await site.go(runner=site.make_runner())
    assert (run.state, run.counts.pushed) == (RunState.SUCCEEDED, 3)


async def test_while_pems_can_be_read_and_not_written_to_the_run_ends_too(site: PushSite) -> None:
    first = site.ids()[0]
    await site.edit(first, model="AWAY")
    site.simulator.faults.add(Reply(503), UPDATE)
    run = await site.go()
    assert (run.state, run.reason) == (RunState.FAILED, "PEMS_UNAVAILABLE")
    assert (await site.values(first))["sync_retry_count"] == 0
    assert site.simulator.requests["screen UPDATE"] == 3
    site.simulator.faults.clear()
    run = await site.go(runner=site.make_runner())
    assert (run.state, run.counts.pushed, len(site.writes(first))) == (RunState.SUCCEEDED, 1, 1)


async def test_an_update_that_failed_is_sent_again_after_growing_waits(site: PushSite) -> None:
    first = site.ids()[0]
    await site.edit(first, model="NEVER")
    sent: list[float] = []
    site.simulator.faults.add(RunFunction(lambda _: sent.append(time.monotonic())), UPDATE)
    site.simulator.faults.add(Reply(500), UPDATE)
    run = await site.go(runner=site.make_runner(first_delay=timedelta(seconds=0.4)))
    assert run.counts.failed == 1
    waits = [later - earlier for earlier, later in pairwise(sent)]
    assert len(waits) == 2
    assert waits[0] >= 0.4
    assert waits[1] >= 0.8
    message = (await site.values(first))["sync_error_message"]
    assert message == "PEMS failed or did not answer 3 times, and has not taken the changes"


async def test_credentials_that_are_refused_end_the_run_and_no_record_is_blamed(site: PushSite) -> None:
    await site.edit(site.ids()[0], model="NEW")
    site.simulator.faults.add(Reply(401), Match(service="screen"))
    run = await site.go()
    assert (run.state, run.reason) == (RunState.FAILED, "PEMS_REFUSED")
    assert list((await site.states()).values()) == ["modified"]


async def test_a_local_edit_of_a_record_gone_from_pems_is_kept_and_marked(site: PushSite) -> None:
    first = site.ids()[0]
    await site.edit(first, model="KEPT")
    site.simulator.delete(first)
    await site.go()
    record = await site.values(first)
    assert (record["sync_state"], record["model"]) == ("sync_error", "KEPT")
    assert "does not have this record any more" in record["sync_error_message"]


async def test_an_amount_finer_than_pems_keeps_is_refused_before_anything_is_sent(site: PushSite) -> None:
    first = site.ids()[0]
    await site.edit(first, source="rental", monthly_rate=1_234_5678)
    await site.go()
    record = await site.values(first)
    assert (record["sync_state"], record["monthly_rate"]) == ("sync_error", 1_234_5678)
    assert record["sync_error_message"] == "monthly rate is finer than PEMS keeps: enter it with at most 2 decimals"
    assert site.simulator.requests["screen UPDATE"] == 0


async def test_dates_are_pushed_as_days(site: PushSite) -> None:
    first = site.ids()[0]
    await site.edit(first, forecast_start=date(2027, 3, 1), forecast_end=date(2027, 5, 31))
    await site.go()
    assert site.remote(first, "pfs_f_startdate") == date(2027, 3, 1)
    assert site.remote(first, "pfs_f_enddate") == date(2027, 5, 31)


async def test_a_lease_that_ran_out_is_taken_over_and_what_was_sent_is_read_back(site: PushSite) -> None:
    first = site.ids()[0]
    await site.edit(first, model="ONCE")
    hung = site.make_runner(lease=0.5)
    site.simulator.faults.add(Delay(1.5, when="after"), UPDATE, times=1)
    await site.stop_in_mid_update(hung)
    assert await site.states() == {first: "pending_sync"}
    run = await site.go(runner=site.make_runner(patience=timedelta(seconds=5)))
    assert (run.state, run.counts.pushed) == (RunState.SUCCEEDED, 1)
    assert (len(site.writes(first)), await site.states()) == (1, {})
