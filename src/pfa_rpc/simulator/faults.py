"""What goes wrong, and when: a `Fault` is an action, a `Match` of requests and how often; `Faults` holds those at work.

`fault_of` reads one from JSON or from words, such as `answer status=429 retry_after=3 service=grid times=2`.
"""

from __future__ import annotations

import itertools
import random
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from pfa_rpc.errors import InvalidRequest
from pfa_rpc.simulator.calls import Call
from pfa_rpc.simulator.columns import BY_ALIAS


@dataclass(frozen=True, slots=True)
class Delay:
    """The answer comes later."""

    seconds: float = 0.0
    per_row: float = 0.0
    """Seconds that each row of the answer takes besides."""
    when: Literal["before", "after"] = "before"
    """Whether the effect comes late too, perhaps after the client has given up, or the answer alone."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Another answer comes, and the call has no effect."""

    status: int = 500
    body: str | None = None
    """Text of the body; `envelope` for the usual one with a sentence; None: no body at all."""
    retry_after: str | None = None
    """Retry-After as it is to be sent: seconds, an HTTP date, or garbage. `+30` is the date in 30 seconds."""

    def __post_init__(self) -> None:
        if not 200 <= self.status <= 599:
            raise InvalidRequest.of("fault", f"status must be from 200 to 599, not {self.status}")
        if self.retry_after is not None and not (self.retry_after.isascii() and self.retry_after.isprintable()):
            raise InvalidRequest.of("fault", "retry_after can only be visible ASCII, as a header's value")


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection breaks: before the call has an effect, after it, or within the answer."""

    when: Literal["before", "after", "within"] = "before"


@dataclass(frozen=True, slots=True)
class Drip:
    """The answer comes slowly."""

    bytes_per_second: float = 1_000.0


@dataclass(frozen=True, slots=True)
class Move:
    """Before the call, people in PEMS change, add and delete rows of the organization that it names."""

    edit: int = 0
    add: int = 0
    delete: int = 0


@dataclass(frozen=True, slots=True)
class Repeat:
    """Rows of the page come twice."""

    rows: int = 1


@dataclass(frozen=True, slots=True)
class Expire:
    """The session of the call ends, and the call is refused with 401."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The write is refused for good; meant for one poison record, named by `pfa_id`."""

    message: str = "The value is not a valid value for the field PFS_F_CLASS."


@dataclass(frozen=True, slots=True)
class Edit:
    """Somebody in PEMS changes the row that the call is about, before the call or right after its effect."""

    column: str
    """Of the grid."""
    value: str
    """As the grid writes it."""
    when: Literal["before", "after"] = "before"

    def __post_init__(self) -> None:
        if self.column not in BY_ALIAS:
            raise InvalidRequest.of("fault", f"there is no column {self.column!r}, such as pfs_f_area")


@dataclass(frozen=True, slots=True)
class Run:
    """A function of the test runs, before the call or right after its effect. Has no words."""

    function: Callable[[Call], object]
    when: Literal["before", "after"] = "before"


Action = Delay | Reply | Drop | Drip | Move | Repeat | Expire | Refuse | Edit | Run
ACTIONS: Final[Mapping[str, type[Action]]] = {
    kind.__name__.lower(): kind for kind in get_args(Action) if kind is not Run
}
"""Actions by the word that names them."""


@dataclass(frozen=True, slots=True)
class Match:
    """Which calls a fault is for; what is None matches any."""

    service: Literal["grid", "screen"] | None = None
    call: Literal["HEAD", "DATA", "CACHE", "COUNT", "GET", "UPDATE"] | None = None
    organization: str | None = None
    pfa_id: str | None = None
    user: str | None = None

    def matches(self, call: Call) -> bool:
        """Tell whether a call is one of those."""
        seen = (call.service, call.action, call.organization, call.pfa_id, call.user)
        wanted = (self.service, self.call, self.organization, self.pfa_id, self.user)
        return all(want is None or want == have for want, have in zip(wanted, seen, strict=True))


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong."""

    action: Action
    match: Match = Match()
    after: int = 0
    """How many matching calls are spared first."""
    times: int | None = None
    """How often it happens; None: without end."""
    probability: float = 1.0
    """Chance of each matching call, once `after` have passed."""


@dataclass(slots=True)
class Running:
    """A fault at work."""

    id: int
    fault: Fault
    seen: int = 0
    """Matching calls so far."""
    fired: int = 0
    """How often it happened."""


class Faults:
    """The faults at work, in the order of their coming. The same seed and calls give the same faults."""

    def __init__(self, seed: int = 0) -> None:
        self._rng = random.Random(f"faults/{seed}")
        self._ids = itertools.count(1)
        self._running: dict[int, Running] = {}

    def __iter__(self) -> Iterator[Running]:
        return iter(list(self._running.values()))

    def add(self, action: Fault | Action | str, match: Match | None = None, **how: Any) -> Running:
        """Let something go wrong from now on; tells how often it did. Words are read as `fault_of` does."""
        if isinstance(action, str):
            action = fault_of(action)
        fault = action if isinstance(action, Fault) else Fault(action)
        changes = how | ({"match": match} if match else {})
        running = Running(next(self._ids), replace(fault, **changes))
        self._running[running.id] = running
        return running

    def remove(self, number: int) -> None:
        """End a fault. KeyError where there is none of this number."""
        del self._running[number]

    def clear(self) -> None:
        """End every fault."""
        self._running.clear()

    def firing(self, call: Call) -> list[Action]:
        """Return what goes wrong with a call, and count it."""
        return [running.fault.action for running in self if running.fault.match.matches(call) and self._fires(running)]

    def _fires(self, running: Running) -> bool:
        fault = running.fault
        running.seen += 1
        if running.seen <= fault.after or (fault.times is not None and running.fired >= fault.times):
            return False
        if fault.probability < 1 and self._rng.random() >= fault.probability:
            return False
        running.fired += 1
        return True


def fault_of(described: str | Mapping[str, Any]) -> Fault:
    """Return the fault that words or JSON describe: an action, and names of its fields, of Match and of Fault.

    Raises InvalidRequest.
    """
    given = dict(_words(described) if isinstance(described, str) else described)
    kind = ACTIONS.get(str(given.pop("action", "")))
    if kind is None:
        raise InvalidRequest.of("fault", f"the action must be one of {', '.join(ACTIONS)}")
    needed = [field.name for field in fields(kind) if field.default is MISSING and field.name not in given]
    if needed:
        raise InvalidRequest.of("fault", f"{kind.__name__.lower()} needs {', '.join(needed)}")
    action, match, how = kind(**_taken(kind, given)), Match(**_taken(Match, given)), _taken(Fault, given)
    if given:
        known = [field.name for owner in (kind, Match, Fault) for field in fields(owner)]
        known = [name for name in known if name not in ("action", "match")]
        raise InvalidRequest.of("fault", f"{', '.join(given)}: {kind.__name__.lower()} takes {', '.join(known)}")
    return Fault(action, match, **how)


def described(running: Running) -> dict[str, Any]:
    """Return a fault at work as JSON, in the form that `fault_of` reads, with its number and what it did."""
    fault = running.fault
    parts = {**asdict(fault.action), **asdict(fault.match)}
    parts |= {"after": fault.after, "times": fault.times, "probability": fault.probability}
    shown = {name: repr(value) if callable(value) else value for name, value in parts.items() if value is not None}
    counts = {"id": running.id, "seen": running.seen, "fired": running.fired}
    return counts | {"action": type(fault.action).__name__.lower()} | shown


def _words(text: str) -> dict[str, Any]:
    try:
        action, *others = shlex.split(text)
    except ValueError:
        raise InvalidRequest.of("fault", f"{text!r} cannot be read") from None
    found: dict[str, Any] = {"action": action}
    for word in others:
        name, equals, value = word.partition("=")
        if not equals:
            raise InvalidRequest.of("fault", f"{word!r} is not NAME=VALUE")
        found[name] = value
    return found


def _taken(kind: type, given: dict[str, Any]) -> dict[str, Any]:
    """Take the fields of a class out of what was given, each as the type that it has there."""
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind) if field.name in given and field.name not in ("action", "match")]
    return {name: _typed(name, given.pop(name), hints[name]) for name in names}


def _typed(name: str, value: Any, hint: Any) -> Any:
    kind = next(kind for kind in (get_args(hint) or (hint,)) if kind is not type(None))
    choices = get_args(hint if get_origin(hint) is Literal else kind)
    if choices:
        if value not in choices:
            raise InvalidRequest.of("fault", f"{name} must be one of {', '.join(choices)}, not {value!r}")
        return value
    try:
        return kind(value)
    except (TypeError, ValueError):
        raise InvalidRequest.of("fault", f"{name} must be a number, not {value!r}") from None
