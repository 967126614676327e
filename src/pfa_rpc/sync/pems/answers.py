"""From the answer to a request to its content, or to the error that it stands for: `result_of` and `failure_of`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from pfa_rpc.sync.cells import shown
from pfa_rpc.sync.pems.errors import (
    Away,
    CredentialsRefused,
    MalformedAnswer,
    NotAuthorized,
    NotValid,
    ObjectNotFound,
    PemsError,
    PermanentFailure,
    SessionExpired,
    StaleLock,
    TooManyRequests,
    Transient,
)

_SHOWN: Final = 300
"""Characters of PEMS' sentence that are repeated."""
_KINDS: Final[tuple[tuple[type[PemsError], tuple[str, ...]], ...]] = (
    (StaleLock, ("modified by another user", "reload the record")),
    (SessionExpired, ("session has expired", "session expired", "invalid session")),
    (NotAuthorized, ("not authorized", "authorization failed", "permission", "insufficient privilege")),
    (ObjectNotFound, ("record not found", "not found", "does not exist", "no longer exists", "could not be found")),
)
"""Words of PEMS' sentences and what they mean; a sentence without any is about a value that is not valid."""


def result_of(frame: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what an envelope holds under Result.ResultData. Raises PemsError where it holds an error, or nothing."""
    if frame.get("ErrorAlert"):
        raise alerted(frame)
    result = frame.get("Result")
    found = result.get("ResultData") if isinstance(result, Mapping) else None
    if not isinstance(found, Mapping):
        raise MalformedAnswer("PEMS answered without a result and without an error")
    return found


def failure_of(status: int, body: bytes, *, retry_after: float | None = None) -> PemsError:
    """Return the error that an answer with another status than 200 stands for."""
    frame = _envelope(body)
    said = sentence_of(frame)
    if status == 429:
        return TooManyRequests(f"PEMS has too many requests to answer{_quoted(said)}", retry_after=retry_after)
    if status == 503:
        return Away(f"PEMS is not available (status 503){_quoted(said)}", retry_after=retry_after)
    if status >= 500:
        return Transient(f"PEMS failed with status {status}{_quoted(said)}", retry_after=retry_after)
    if status == 401:
        expired = "session" in said.lower()
        return SessionExpired(f"PEMS has ended the session{_quoted(said)}") if expired else CredentialsRefused()
    if said:
        return alerted(frame)
    if status == 403:
        return NotAuthorized(f"PEMS does not let its user do this (status {status})")
    if status == 404:
        return PermanentFailure("PEMS has no such service at this address (status 404); correct PFA_PEMS_BASE_URL")
    if 300 <= status < 400:
        return PermanentFailure(f"PEMS redirects elsewhere (status {status}); correct PFA_PEMS_BASE_URL")
    return MalformedAnswer(f"PEMS answered with status {status} and no sentence")


def alerted(frame: Mapping[str, Any]) -> PemsError:
    """Return the error that the ErrorAlert of an envelope stands for."""
    said = sentence_of(frame)
    folded = said.lower()
    for kind, words in _KINDS:
        if any(word in folded for word in words):
            return kind(f"PEMS says: {said}")
    return NotValid(f"PEMS says: {said or 'the request failed'}")


def sentence_of(frame: Mapping[str, Any]) -> str:
    """Return the sentences of the ErrorAlert of an envelope, or an empty text."""
    alerts = frame.get("ErrorAlert")
    found = alerts if isinstance(alerts, list) else [alerts]
    messages = [str(alert.get("Message") or "").strip() for alert in found if isinstance(alert, Mapping)]
    return shown(" ".join(message for message in messages if message)[:_SHOWN])


def _envelope(body: bytes) -> Mapping[str, Any]:
    try:
        frame = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return frame if isinstance(frame, dict) else {}


def _quoted(said: str) -> str:
    return f": {said}" if said else ""
