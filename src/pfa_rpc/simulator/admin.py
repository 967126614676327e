"""What tests and people do to a simulator over HTTP, under /simulator: `Admin` answers these requests.

GET    /simulator            what it holds, what it was asked, its time
GET    /simulator/ledger     every applied write; ?since=SEQUENCE gives the later ones
GET    /simulator/faults     the faults at work; POST adds one, DELETE ends all, or that of ?id=NUMBER
GET    /simulator/rows       ?organization=CODE&pfa_id=ID: a row; POST adds one, PATCH changes, DELETE takes it away
POST   /simulator/clock      {"now": ISO time} sets it, {"advance": SECONDS} moves it, {"stopped": true} holds it
DELETE /simulator/sessions   ends every session
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pfa_rpc.errors import InvalidRequest, PfaError
from pfa_rpc.simulator.calls import Answer
from pfa_rpc.simulator.columns import ID, ORGANIZATION
from pfa_rpc.simulator.exchange import Exchange
from pfa_rpc.simulator.faults import described, fault_of
from pfa_rpc.simulator.http_server import Request
from pfa_rpc.simulator.installation import Installation
from pfa_rpc.simulator.ledger import Entry
from pfa_rpc.simulator.rows import Image
from pfa_rpc.simulator.values import NotValid

_Handler = Callable[[Mapping[str, str], Mapping[str, Any]], Any]
_STATUSES = {"NOT_FOUND": 404, "ALREADY_EXISTS": 409}


class Admin:
    """Answers the requests under /simulator."""

    def __init__(self, installation: Installation, exchange: Exchange) -> None:
        self._installation = installation
        self._exchange = exchange
        self._handlers: dict[tuple[str, str], _Handler] = {
            ("GET", ""): self._overview,
            ("GET", "ledger"): self._ledger,
            ("GET", "faults"): self._faults,
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._end_faults,
            ("GET", "rows"): self._row,
            ("POST", "rows"): self._add_row,
            ("PATCH", "rows"): self._change_row,
            ("DELETE", "rows"): self._delete_row,
            ("POST", "clock"): self._set_clock,
            ("DELETE", "sessions"): self._end_sessions,
        }

    def answer(self, request: Request) -> Answer:
        """Answer a request; faults of its form become 400 with a sentence."""
        parts = urlsplit(request.target)
        name = parts.path.removeprefix("/simulator").strip("/")
        handler = self._handlers.get((request.method, name))
        if handler is None:
            return _json({"error": f"there is no {request.method} {parts.path}"}, 404)
        try:
            body = json.loads(request.body or b"{}")
            if not isinstance(body, dict):
                raise InvalidRequest("the body must be an object")
            return _json(handler(dict(parse_qsl(parts.query)), body))
        except PfaError as error:
            return _json({"error": error.message}, _STATUSES.get(error.status, 400))
        except (KeyError, ValueError, NotValid) as error:
            return _json({"error": f"{type(error).__name__}: {error}"}, 400)

    def _overview(self, _query: Mapping[str, str], _body: Mapping[str, Any]) -> Any:
        return {
            "tenant": self._installation.settings.tenant,
            "now": self._installation.clock.now(),
            "organizations": self._installation.rows.organizations,
            "requests": self._exchange.requests,
            "statuses": {str(status): count for status, count in self._exchange.statuses.items()},
            "sessions": len(self._exchange.sessions),
            "writes": len(self._installation.ledger),
        }

    def _ledger(self, query: Mapping[str, str], _body: Mapping[str, Any]) -> Any:
        return {"entries": [_entry(entry) for entry in self._installation.ledger.since(int(query.get("since", 0)))]}

    def _faults(self, _query: Mapping[str, str], _body: Mapping[str, Any]) -> Any:
        return {"faults": [described(running) for running in self._exchange.faults]}

    def _add_fault(self, _query: Mapping[str, str], body: Mapping[str, Any]) -> Any:
        return described(self._exchange.faults.add(fault_of(body)))

    def _end_faults(self, query: Mapping[str, str], _body: Mapping[str, Any]) -> Any:
        if "id" in query:
            self._exchange.faults.remove(int(query["id"]))
        else:
            self._exchange.faults.clear()
        return self._faults({}, {})

    def _row(self, query: Mapping[str, str], _body: Mapping[str, Any]) -> Any:
        return _shown(self._installation.rows.get(query["organization"], query["pfa_id"]))

    def _add_row(self, query: Mapping[str, str], body: Mapping[str, Any]) -> Any:
        values = self._installation.typed(body)
        values |= {ORGANIZATION: query["organization"], ID: query["pfa_id"]}
        return _shown(self._installation.add(values, by=query.get("by", "okafor")))

    def _change_row(self, query: Mapping[str, str], body: Mapping[str, Any]) -> Any:
        values = self._installation.typed(body)
        key = query["organization"], query["pfa_id"]
        return _shown(self._installation.change(*key, values, by=query.get("by", "okafor")))

    def _delete_row(self, query: Mapping[str, str], _body: Mapping[str, Any]) -> Any:
        key = query["organization"], query["pfa_id"]
        return _shown(self._installation.delete(*key, by=query.get("by", "okafor")))

    def _set_clock(self, _query: Mapping[str, str], body: Mapping[str, Any]) -> Any:
        clock = self._installation.clock
        if "now" in body:
            moment = datetime.fromisoformat(body["now"])
            clock.set(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        clock.advance(timedelta(seconds=float(body.get("advance", 0))))
        if "stopped" in body:
            (clock.stop if body["stopped"] else clock.run)()
        return {"now": clock.now()}

    def _end_sessions(self, _query: Mapping[str, str], _body: Mapping[str, Any]) -> Any:
        self._exchange.sessions.end()
        return {}


def _shown(image: Image) -> dict[str, Any]:
    return {"recordid": image.recordid, "values": dict(image.values)}


def _entry(entry: Entry) -> dict[str, Any]:
    names = ("sequence", "at", "origin", "effect", "organization", "pfa_id", "by", "recordid", "request")
    values = {"before": dict(entry.before), "after": dict(entry.after)}
    return {name: getattr(entry, name) for name in names} | values


def _json(document: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(document, default=_plain).encode())


def _plain(value: Any) -> str:
    return str(value) if isinstance(value, Decimal) else _iso(value)


def _iso(value: date) -> str:
    return value.isoformat()
