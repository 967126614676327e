"""The core of the synchronization: what holds of a record whatever happens to it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pfa_rpc.records.rules import broken_rules
from pfa_rpc.records.tracking import differing
from pfa_rpc.sync.conflicts import NotResolvable
from pfa_rpc.sync.core import step
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
    Resolved,
    RetryAsked,
    StaleLock,
)
from pfa_rpc.sync.merge import Policy, Terms
from pfa_rpc.sync.precision import money_steps
from pfa_rpc.sync.sync_record import State, SyncRecord
from pfa_rpc.sync.sync_rows import stored, sync_record
from tests.unit.sync.story import BASE, START, Story, after, remote, row

DAYS = st.sampled_from([date(2026, 1, 1), date(2026, 4, 1), date(2026, 8, 1)])
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "category": st.sampled_from(["Cranes", "Pumps", "Dozers"]),
        "monthly_rate": st.sampled_from([10_000_000, 10_000_049, 20_000_000]),
        "forecast_start": DAYS,
        "forecast_end": DAYS,
        "is_discontinued": st.booleans(),
        "is_funds_transferable": st.booleans(),
    },
)
GOOD_CHANGES = CHANGES.filter(lambda changes: not broken_rules(BASE | changes))
PUSHES = st.sampled_from(["p1", "p2"])
CHOICES: st.SearchStrategy[Choice] = st.sampled_from([Keep.MINE, Keep.THEIRS, Own("Loaders")])
TERMS = [
    Terms(),
    Terms(steps=money_steps(2)),
    Terms(policies={"category": Policy.PEMS, "monthly_rate": Policy.LOCAL}),
]


@lru_cache
def events(minutes: float) -> st.SearchStrategy[Event]:
    """Return the events that may come at a time."""
    at, ago = after(minutes), st.sampled_from([0.1, 1.5, 3.5])
    lease = at + timedelta(minutes=2)
    stamps = st.sampled_from([START, after(minutes // 3)])
    found = st.one_of(st.none(), st.builds(lambda lock, c: remote(lock, **c), st.integers(7, 10), GOOD_CHANGES))
    return st.one_of(
        st.builds(lambda updates: LocalEdit(updates, "ann", at), CHANGES),
        st.builds(lambda push: Claim(push, lease, at), PUSHES),
        st.builds(lambda f, a, push: Read(f, at - timedelta(minutes=a), at, push), found, ago, PUSHES | st.none()),
        st.builds(lambda push: Rejected("bad date", at, push), PUSHES | st.none()),
        st.builds(lambda push, stamp: Acknowledged(push, "8", at, stamp), PUSHES, stamps),
        st.builds(lambda push: Refused(push, "not valid", at), PUSHES),
        st.builds(lambda push: StaleLock(push, at), PUSHES),
        st.builds(lambda push, counts: Failed(push, "busy", at, counts=counts), PUSHES, st.booleans()),
        st.builds(lambda push: OutcomeUnknown(push, "timed out", at), PUSHES),
        st.builds(lambda push: LeaseExpired(push, lease, at), PUSHES),
        st.builds(lambda s, c, a: Pulled(row(s, **c), at, at - timedelta(minutes=a)), stamps, GOOD_CHANGES, ago),
        st.just(Missing(at)),
        st.builds(lambda c: Resolved({"category": c}, "bob", at), CHOICES),
        st.just(RetryAsked("bob", at)),
    )


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), terms=st.sampled_from(TERMS))
def test_a_record_stays_in_order_whatever_happens(data: st.DataObject, terms: Terms) -> None:
    """Its state is that of its values, its rules hold, and its rows give it back."""
    record = Story().record
    for minutes in range(1, data.draw(st.integers(1, 15), "events")):
        event: Any = data.draw(events(minutes), "event")
        if isinstance(event, LocalEdit) and broken_rules(record.values | event.updates):
            continue
        before = record
        with suppress(NotResolvable):
            record, _ = step(record, event, terms)
        _check(record)
        assert record.values["local_version"] - before.values["local_version"] in (0, 1)
        saved, kept = stored(record)
        assert sync_record(saved, kept) == replace(record, editors={})


def _check(record: SyncRecord) -> None:
    values, names = record.values, differing(record.values, record.base)
    assert values["modified_fields"] == names
    assert not broken_rules(values)
    assert (record.state is State.PENDING) == record.is_leased
    if record.state is State.PRISTINE:
        assert (names, values["sync_error_message"], values["sync_retry_count"]) == ((), None, 0)
    apart = {name for name in differing(values, record.remote) if values[name] != record.base[name]}
    for conflict in record.conflicts:
        assert values[conflict.field] == conflict.shown
        assert record.remote[conflict.field] == conflict.theirs
        assert conflict.ambiguous or conflict.field in apart | set(differing(record.base, record.remote))
    unlike = differing(record.base, record.remote)
    open_fields = {conflict.field for conflict in record.conflicts}
    assert not unlike or open_fields, "PEMS' values are not agreed on, and nobody is asked"
