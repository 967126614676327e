"""What an error of PEMS means for the record whose push met it: `failure_event`, `is_away`, `ends_run`."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from pfa_rpc.sync.effects import Get, Update
from pfa_rpc.sync.events import Event, Failed, OutcomeUnknown, Read, Refused, StaleLock
from pfa_rpc.sync.pems import errors

_AWAY = (errors.TooManyRequests, errors.Resting, errors.SessionExpired, errors.Away)
"""PEMS, or what is before it, took no notice of what was asked: no attempt is used up."""
_REFUSED_AT_THE_DOOR = (errors.TooManyRequests, errors.Resting, errors.SessionExpired)
"""Of an update too it is certain that it was not made."""
_OF_RECORD = (errors.NotAuthorized, errors.NotValid, errors.TooFine, errors.NotOnScreen)
"""PEMS refuses this record, and would again."""


def is_away(error: errors.PemsError) -> bool:
    """Tell whether PEMS did not look at what it was asked."""
    return isinstance(error, _AWAY)


def ends_run(error: errors.PemsError) -> bool:
    """Tell whether every other request would be refused as well: credentials, the address, a grid that is another."""
    return isinstance(error, errors.PermanentFailure) and not isinstance(error, (*_OF_RECORD, errors.ObjectNotFound))


def failure_event(effect: Get | Update, error: errors.PemsError, at: datetime) -> Event | None:
    """Return what an error says to the core; None where nothing is to be remembered, since a mark is there already."""
    push_id = effect.push_id
    if push_id is None:
        return None
    if isinstance(effect, Update) and (event := _of_update(push_id, error, at)) is not None:
        return event
    if isinstance(error, _OF_RECORD):
        return Refused(push_id, error.message, at)
    counts = not (is_away(error) or ends_run(error))
    return Failed(push_id, error.message, at, counts, _asked(error), random.random())


def _of_update(push_id: str, error: errors.PemsError, at: datetime) -> Event | None:
    """Return what only an error of an update says."""
    if isinstance(error, errors.ObjectNotFound):
        return Read(None, at, at, push_id)
    if isinstance(error, errors.StaleLock):
        return StaleLock(push_id, at)
    if isinstance(error, _REFUSED_AT_THE_DOOR) or not isinstance(error, errors.Transient | errors.UnknownOutcome):
        return None
    # A status such as 500 or 503 does not tell whether PEMS failed before or after it wrote.
    return OutcomeUnknown(push_id, error.message, at, not is_away(error), _asked(error), random.random())


def _asked(error: errors.PemsError) -> timedelta | None:
    """Return how long PEMS asks to wait."""
    seconds = getattr(error, "retry_after", None)
    return None if seconds is None else timedelta(seconds=seconds)
