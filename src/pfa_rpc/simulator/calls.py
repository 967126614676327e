"""What a call is, and what it is answered: `Call`, `Answer`, and `Refused`, which becomes an envelope."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

JSON: Final = "application/json"


@dataclass(slots=True)
class Call:
    """A request to one of the services, as far as it could be understood."""

    service: str
    """"grid", "screen", or "other"."""
    action: str
    """HEAD, DATA, CACHE, COUNT; GET, UPDATE; empty where it is none of these."""
    organization: str
    """Of the header, empty where there is none."""
    pfa_id: str
    """That the screen service is asked for; empty for the grid."""
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    user: str = ""
    """Who calls, once that is known."""
    repeat_rows: int = 0
    """How many rows of a page are to be sent twice."""


@dataclass(slots=True)
class Answer:
    """What is sent back, and how."""

    status: int = 200
    body: bytes = field(default=b"", repr=False)
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": JSON})
    rows: int = 0
    """Rows of the grid that it holds."""
    bytes_per_second: float | None = None
    """How slowly the body goes out; None: as fast as it can."""
    sent_share: float = 1.0
    """Share of the body that goes out before the connection breaks."""


class Refused(Exception):
    """The call is answered by an envelope without a result."""

    def __init__(self, message: str, name: str = "", status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.name = name
        self.status = status

    def answer(self) -> Answer:
        """Return the envelope."""
        return enveloped(None, [{"Message": self.message, "Name": self.name}], status=self.status)


def enveloped(
    result: Mapping[str, Any] | None, alerts: Sequence[Mapping[str, str]] = (), *, status: int = 200
) -> Answer:
    """Return the envelope that both services answer with."""
    return Answer(status, json.dumps({"Result": result, "ErrorAlert": list(alerts)}).encode())


def number_in(found: Mapping[str, Any], name: str, default: int) -> int:
    """Return a whole number of a request, or the default where there is none. Raises Refused."""
    value = found.get(name)
    try:
        return default if value is None else int(value)
    except (TypeError, ValueError, OverflowError):
        raise Refused(f"{name} is not a number.", name) from None
