"""Sessions, and the rest of a result that each keeps: `Sessions` opens, finds and ends them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.cookies import CookieError, SimpleCookie
from typing import Final

from pfa_rpc.simulator.clock import Clock
from pfa_rpc.simulator.rows import Image

COOKIE: Final = "JSESSIONID"
_MOST: Final = 50


@dataclass(slots=True)
class Session:
    """What the server remembers of a client."""

    id: str
    user: str
    used_at: datetime
    result: Sequence[Image] | None = None
    """The rows that its last query found, as they were then."""


class Sessions:
    """The sessions that live."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._lifetime = timedelta(seconds=seconds)
        self._sessions: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def find(self, headers: Mapping[str, str], user: str) -> Session | None:
        """Return the session that a call belongs to, if it lives."""
        session = self._sessions.get(session_id(headers))
        if session is None or session.user != user:
            return None
        now = self._clock.now()
        if now - session.used_at > self._lifetime:
            del self._sessions[session.id]
            return None
        session.used_at = now
        return session

    def open(self, user: str) -> Session:
        """Open a session; the oldest ends where there are too many."""
        if len(self._sessions) >= _MOST:
            del self._sessions[next(iter(self._sessions))]
        session = Session(secrets.token_hex(16), user, self._clock.now())
        self._sessions[session.id] = session
        return session

    def end(self, headers: Mapping[str, str] | None = None) -> None:
        """End the session that a call belongs to, or all."""
        if headers is None:
            self._sessions.clear()
        else:
            self._sessions.pop(session_id(headers), None)


def session_id(headers: Mapping[str, str]) -> str:
    """Return the session that a call names, or an empty text."""
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""
