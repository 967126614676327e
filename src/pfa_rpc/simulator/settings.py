"""What an installation of PEMS is like: `Settings`, each field with its sentence; how it writes values: `Formats`."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Final, Literal

from pfa_rpc.errors import InvalidRequest
from pfa_rpc.simulator.collations import COLLATIONS
from pfa_rpc.simulator.faults import Fault

PAGE_LIMIT: Final = 10_000
"""Most rows of an answer, whatever was asked for."""
GRID_PATH: Final = "/axis/restservices/griddata"
SCREEN_PATH: Final = "/axis/restservices/userdefinedscreenservices"

DEFAULT_USERS: Final[Mapping[str, str]] = {"pfa": "pfa-demo"}
DEFAULT_KEYS: Final[Mapping[str, str]] = {"demo-key": "pfa"}
DEFAULT_TOKENS: Final[Mapping[str, str]] = {"demo-token": "pfa"}


@dataclass(frozen=True, slots=True)
class Formats:
    """How an installation writes values as text."""

    zone: tzinfo = UTC
    """Zone of the stamps."""
    date: str = "%m/%d/%Y"
    """Form of a date, as strftime takes it; a stamp adds a space and HH:MM."""
    true: str = "+"
    """A flag that is set."""
    false: str = "-"
    """A flag that is not."""
    thousands: str = ","
    """What stands between thousands."""
    point: str = "."
    """What stands before decimals."""


@dataclass(frozen=True, slots=True)
class Settings:
    """An installation of PEMS. Names that are not given are those of a new installation."""

    host: str = "127.0.0.1"
    """Address to listen on; loopback only."""
    port: int = 0
    """Port to listen on, 0 for any that is free."""
    tenant: str = "DEMO"
    """The tenant that every call must name."""
    users: Mapping[str, str] = field(default_factory=lambda: DEFAULT_USERS)
    """Passwords by user, for HTTP Basic."""
    api_keys: Mapping[str, str] = field(default_factory=lambda: DEFAULT_KEYS)
    """Users by key, for X-API-Key."""
    tokens: Mapping[str, str] = field(default_factory=lambda: DEFAULT_TOKENS)
    """Users by token, for Bearer."""
    organizations_of: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Organizations that a user may see; every one, for a user who is not named here."""
    readers: frozenset[str] = frozenset()
    """Users who may read and not write."""

    export: Path | None = None
    """The export whose rows the installation holds."""
    records: int = 0
    """How many rows to invent, where there is no export."""
    organizations: int = 1
    """How many organizations share the invented rows."""
    seed: int = 1
    """Another seed gives other rows, and other chances of faults."""

    grid_name: str = "CUPFAG"
    grid_id: int = 100541
    screen_name: str = "CUPFA2"
    formats: Formats = Formats()
    screen_flags: tuple[str, str] = ("true", "false")
    """How the screen service writes flags, the set one first; it reads every known way."""
    decimals: int = 2
    """Decimals that money is rounded to when it is written."""
    sort_collation: str = "ignore-case"
    """How text is ordered: a name of `collations.COLLATIONS`."""
    filter_collation: str | None = None
    """How text is compared by filters, where that is not how it is ordered (installations with this fault exist)."""
    stamp_seconds: bool = False
    """Whether stamps are kept to the second; else to the minute."""
    page_limit: int = PAGE_LIMIT
    """Most rows of an answer, whatever was asked for."""
    version_column: str | None = None
    """Column of the grid that shows the update counter; most installations show none."""
    hidden_columns: frozenset[str] = frozenset()
    """Columns that the grid does not show."""
    extra_columns: tuple[str, ...] = ()
    """Columns of the grid, without values, that nobody knows."""
    null_cells: bool = True
    """Whether a missing value is sent as null; else its cell is left out."""
    json_form: Literal["compact", "spaced", "reordered"] = "compact"
    """How rows are written: without spaces; with spaces and only ASCII; or with the members of objects in reverse."""
    empty_page: Literal["list", "missing", "null"] = "list"
    """What an answer without rows has for them: an empty list, no ROW, or DATA null."""
    session_seconds: float = 600.0
    """How long a session lives without being used."""
    keep_results: bool = True
    """Whether a session keeps the rest of a result, for LIST.DATA_ONLY.CACHE."""

    latency: float = 0.0
    """Seconds that every call takes."""
    latency_per_row: float = 0.0
    """Seconds that each row of an answer takes."""
    rate_limit: float | None = None
    """Requests a second that are allowed; more are answered 429. None: any number."""
    faults: tuple[Fault, ...] = ()
    """Faults from the start."""

    def __post_init__(self) -> None:
        for name in ("sort_collation", "filter_collation"):
            value = getattr(self, name)
            if value is not None and value not in COLLATIONS:
                raise InvalidRequest.of(name, f"{value!r} is none of {', '.join(COLLATIONS)}")
        if not is_loopback(self.host):
            raise InvalidRequest.of("host", f"{self.host!r} is not a loopback address, such as 127.0.0.1")


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
