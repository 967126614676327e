"""From a request to its answer: `Exchange` understands a call, lets faults at it, and asks a service."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from email.utils import format_datetime
from typing import Any, Final

from pfa_rpc.simulator.access import check_headers, user_of
from pfa_rpc.simulator.calls import Answer, Call, Refused
from pfa_rpc.simulator.columns import SCREEN_ID
from pfa_rpc.simulator.faults import Action, Delay, Drip, Drop, Edit, Expire, Faults, Move, Refuse, Repeat, Reply, Run
from pfa_rpc.simulator.grid import ACTIONS, GridService
from pfa_rpc.simulator.http_server import Dropped, Request
from pfa_rpc.simulator.installation import Installation
from pfa_rpc.simulator.people import People
from pfa_rpc.simulator.rate import RateLimit
from pfa_rpc.simulator.screen import ScreenService, pairs_of, text_of
from pfa_rpc.simulator.sessions import COOKIE, Sessions
from pfa_rpc.simulator.settings import GRID_PATH, SCREEN_PATH

_ENVELOPE: Final = "envelope"
_WITHIN: Final = 0.5


class Exchange:
    """Answers the calls of an installation."""

    def __init__(self, installation: Installation) -> None:
        settings = installation.settings
        self._installation = installation
        self.sessions = Sessions(installation.clock, settings.session_seconds)
        self.grid = GridService(installation, self.sessions)
        self.screen = ScreenService(installation)
        self.faults = Faults(settings.seed)
        self.people = People(installation, settings.seed)
        self.requests: Counter[str] = Counter()
        """Calls by service and action, such as "grid DATA", whatever they were answered."""
        self.statuses: Counter[int] = Counter()
        """Answers by status; 0 for broken connections."""
        self._rate = RateLimit(settings.rate_limit)
        for fault in settings.faults:
            self.faults.add(fault)

    async def answer(self, request: Request) -> Answer:
        """Answer a request. Raises Dropped where the connection is to be broken."""
        try:
            answer = await self._answer(request)
        except Dropped:
            self.statuses[0] += 1
            raise
        self.statuses[answer.status] += 1
        answer.headers["date"] = format_datetime(self._installation.clock.now(), usegmt=True)
        return answer

    async def _answer(self, request: Request) -> Answer:
        try:
            call = understood(request)
        except Refused as refused:
            return refused.answer()
        self.requests[f"{call.service} {call.action}".rstrip()] += 1
        call.user = self._user(call)
        actions = self.faults.firing(call)
        answer = await self._before(call, actions) or self._served(call, request.method)
        await self._after(call, answer, actions)
        return answer

    def _user(self, call: Call) -> str:
        """Return who calls, or an empty text; whether they may is asked later."""
        try:
            return user_of(call.headers, self._installation.settings)
        except Refused:
            return ""

    async def _before(self, call: Call, actions: list[Action]) -> Answer | None:
        """Let faults at a call before it has an effect; return the answer that comes instead of its own."""
        await _sleep(self._installation.settings.latency + _seconds(actions, "before"))
        for action in actions:
            match action:
                case Drop(when="before"):
                    raise Dropped
                case Reply():
                    return self._reply(action)
                case Expire():
                    self.sessions.end(call.headers)
                    expired = Refused("The session has expired.", "SESSION", status=401).answer()
                    expired.headers["set-cookie"] = f"{COOKIE}=; Path=/; Max-Age=0"
                    return expired
                case Refuse() if call.action == "UPDATE":
                    return Refused(action.message, "POISON").answer()
                case Move():
                    self.people.work(call.organization, action)
                case Edit(when="before") | Run(when="before"):
                    self._meddle(call, action)
                case Repeat():
                    call.repeat_rows += action.rows
                case _:
                    pass
        seconds = self._rate.wait()
        return self._reply(Reply(429, _ENVELOPE, str(seconds))) if seconds else None

    def _served(self, call: Call, method: str) -> Answer:
        """Return the answer of a service; nothing in here waits."""
        try:
            if call.service == "other":
                return Answer(404, b"<html><body>Not Found</body></html>", {"content-type": "text/html"})
            if method != "POST":
                return Answer(405, b"", {"allow": "POST"})
            call.user = user_of(call.headers, self._installation.settings)
            check_headers(call, self._installation.settings)
            return self.grid.answer(call) if call.service == "grid" else self.screen.answer(call)
        except Refused as refused:
            return refused.answer()

    def _meddle(self, call: Call, action: Edit | Run) -> None:
        """Change something in PEMS while a call is under way."""
        if isinstance(action, Run):
            action.function(call)
        elif self._installation.rows.find(call.organization, call.pfa_id):
            values = self._installation.typed({action.column: action.value})
            self._installation.change(call.organization, call.pfa_id, values, by="maria")

    async def _after(self, call: Call, answer: Answer, actions: list[Action]) -> None:
        """Let faults at an answer whose effect has happened."""
        for action in actions:
            if isinstance(action, (Edit, Run)) and action.when == "after":
                self._meddle(call, action)
        per_row = self._installation.settings.latency_per_row
        per_row += sum(action.per_row for action in actions if isinstance(action, Delay))
        await _sleep(per_row * answer.rows + _seconds(actions, "after"))
        for action in actions:
            match action:
                case Drop(when="after"):
                    raise Dropped
                case Drop(when="within"):
                    answer.sent_share = _WITHIN
                case Drip():
                    answer.bytes_per_second = action.bytes_per_second
                case _:
                    pass

    def _reply(self, reply: Reply) -> Answer:
        if reply.body == _ENVELOPE:
            answer = Refused(_SENTENCES.get(reply.status, "The request failed."), "FAULT", reply.status).answer()
        elif reply.body is None:
            answer = Answer(reply.status, b"", {})
        else:
            answer = Answer(reply.status, reply.body.encode(), {"content-type": "text/plain; charset=utf-8"})
        if reply.retry_after is not None:
            answer.headers["retry-after"] = self._retry_after(reply.retry_after)
        return answer

    def _retry_after(self, text: str) -> str:
        if not text.startswith("+"):
            return text
        try:
            moment = self._installation.clock.now() + timedelta(seconds=float(text))
        except ValueError:
            return text
        return format_datetime(moment, usegmt=True)


def _seconds(actions: Iterable[Action], when: str) -> float:
    return sum(action.seconds for action in actions if isinstance(action, Delay) and action.when == when)


async def _sleep(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)


_SENTENCES: Final = {
    401: "Authentication failed. The user or the password is not valid.",
    429: "Too many requests.",
    500: "An unexpected error occurred.",
    503: "The service is not available.",
}


def understood(request: Request) -> Call:
    """Return a request as a call. Raises Refused for a body that cannot be read."""
    path = request.target.partition("?")[0].rstrip("/")
    service = {GRID_PATH: "grid", SCREEN_PATH: "screen"}.get(path, "other")
    body = _body(request) if service != "other" and request.method == "POST" else {}
    call = Call(service, "", request.headers.get("organization", ""), "", request.headers, body)
    if service == "grid":
        call.action = ACTIONS.get(str(body.get("REQUEST_TYPE")), "")
    elif service == "screen" and body:
        call.action = str(body.get("USERDEFINEDSERVICEACTION") or "").upper()
        call.pfa_id = text_of(pairs_of(body).get(SCREEN_ID))
    return call


def _body(request: Request) -> Mapping[str, Any]:
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Refused("The request could not be read.", "REQUEST")
    return body
