"""Where Redis is: `Target.parse` reads its URL, without the driver.

    redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]
    redis+sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT],…/SERVICE[/DATABASE]
    redis+cluster://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT],…

With `rediss` in place of `redis` the connection is TLS. Options: `ca=PATH` for certificates of one's own, and for
Sentinels that ask for them `sentinel_username=` and `sentinel_password=`. Characters such as @ and / are written %40
and %2F in names and passwords.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

FORMS: Final = (
    "redis://HOST:PORT/DATABASE, redis+sentinel://HOST:PORT,HOST:PORT/SERVICE or redis+cluster://HOST:PORT,HOST:PORT"
)
REDIS_PORT: Final = 6379
SENTINEL_PORT: Final = 26379
_OPTIONS: Final = ("ca", "sentinel_username", "sentinel_password")


class Topology(enum.StrEnum):
    """What stands behind a URL."""

    SINGLE = ""
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class Target:
    """Where Redis is, and how to be let in."""

    topology: Topology
    tls: bool
    nodes: tuple[tuple[str, int], ...]
    """Hosts and ports; of the Sentinels, or of some nodes of a cluster, one that answers is enough."""
    username: str | None = field(repr=False)
    password: str | None = field(repr=False)
    database: int
    service: str
    """What the Sentinels call it."""
    options: dict[str, str] = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> Target:
        """Return what a URL says. Raises ValueError with what would be right, and nothing of the URL's secrets."""
        parts = urlsplit(url.strip())
        topology, tls = _scheme(parts.scheme)
        userinfo, _, hosts = parts.netloc.rpartition("@")
        username, _, password = userinfo.partition(":")
        service, database = _path(topology, parts)
        default_port = SENTINEL_PORT if topology is Topology.SENTINEL else REDIS_PORT
        nodes = tuple(_node(host, default_port) for host in hosts.split(","))
        if topology is Topology.SINGLE and len(nodes) > 1:
            raise ValueError("redis:// takes one HOST:PORT; write redis+sentinel:// or redis+cluster:// for several")
        return cls(
            topology=topology,
            tls=tls,
            nodes=nodes,
            username=unquote(username) or None,
            password=unquote(password) or None,
            database=database,
            service=service,
            options=_options(parts.query),
        )

    def __str__(self) -> str:
        """Return what may be shown and logged: without user and password."""
        scheme = "rediss" if self.tls else "redis"
        kind = f"+{self.topology}" if self.topology else ""
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.nodes)
        service = f"/{self.service}" if self.service else ""
        return f"{scheme}{kind}://{hosts}{service}" + (f"/{self.database}" if self.database else "")


def _scheme(scheme: str) -> tuple[Topology, bool]:
    base, _, kind = scheme.partition("+")
    if base not in {"redis", "rediss"} or kind not in list(Topology):
        raise ValueError(f"write {FORMS}; with rediss in place of redis for TLS")
    return Topology(kind), base == "rediss"


def _path(topology: Topology, parts: SplitResult) -> tuple[str, int]:
    """Return service and database."""
    words = [unquote(word) for word in parts.path.split("/")[1:] if word]
    service = ""
    if topology is Topology.SENTINEL:
        if not words:
            raise ValueError("redis+sentinel:// needs the service's name: redis+sentinel://HOST:PORT,HOST:PORT/SERVICE")
        service = words.pop(0)
    if topology is Topology.CLUSTER and words:
        raise ValueError("a cluster has database 0 only; leave out what follows the hosts")
    database = words.pop(0) if words else "0"
    if words or not (database.isascii() and database.isdigit()):
        raise ValueError(f"the database is a number, such as 0; write {FORMS}")
    return service, int(database)


def _node(text: str, default_port: int) -> tuple[str, int]:
    host, colon, port = text.strip().rpartition(":")
    if not colon or port.endswith("]"):  # a name, or an IPv6 address, by itself
        host, port = text.strip(), str(default_port)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("write an IPv6 address in brackets: [::1]:6379")
    if not host or any(character.isspace() for character in host):
        raise ValueError(f"a host is missing; write {FORMS}")
    if not (port.isascii() and port.isdigit()) or not 0 < int(port) <= 65_535:
        raise ValueError("a port is a number from 1 to 65535")
    return host, int(port)


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options:
        if name not in _OPTIONS:
            raise ValueError(f"{name[:50]!r} is no option of a URL of Redis; known are {', '.join(_OPTIONS)}")
    return options
