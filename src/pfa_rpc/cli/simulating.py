"""The command `pfa simulate-pems`: a PEMS on this machine, to try and test against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pfa_rpc.cli import simulator_options as given
from pfa_rpc.cli.errors import CommandError
from pfa_rpc.cli.exits import FAILURE, USAGE
from pfa_rpc.cli.options import AsJson, example

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pfa_rpc.simulator.running import Simulator
    from pfa_rpc.simulator.settings import Formats, Settings

SIMULATE_EXAMPLE: Final = (
    example(
        "pfa simulate-pems --export examples/pems_export.csv.gz --listen 127.0.0.1:8181",
        "pfa simulate-pems --records 60000 --organizations 3 --latency-per-row 0.0005 --rate-limit 10",
        "pfa simulate-pems --records 1000 --fault 'reply status=429 retry_after=2 service=grid times=3'",
        "pfa simulate-pems --records 1000 --fault 'drop when=after call=UPDATE probability=0.1'",
        "pfa simulate-pems --records 1000 --fault 'refuse pfa_id=70042'",
    )
    + """

\b
Faults: ACTION NAME=VALUE ...
  delay   seconds= per_row= when=     the answer comes later; the effect too, unless when=after
  reply   status= body= retry_after=  another answer, no effect; body=envelope for a sentence;
                                      retry_after=3, +3 (a date) or anything
  drop    when=before|after|within    the connection breaks before or after the effect, or within the answer
  drip    bytes_per_second=           the answer comes slowly
  move    edit= add= delete=          rows of the organization change before the call
  repeat  rows=                       rows of the page come twice
  expire                              the session ends; 401
  refuse  message=                    the write is refused for good
  edit    column= value= when=        somebody changes the record before the call, or right after its effect
Each takes service= (grid, screen), call= (HEAD, DATA, CACHE, COUNT, GET, UPDATE), organization=, pfa_id=, user=,
after= (calls that are spared first), times= and probability=. GET, POST and DELETE /simulator/faults do the same while
it runs; docs/simulator.md has the rest."""
)


def simulate_command(
    *,
    listen: given.Listen = "127.0.0.1:0",
    export: given.Export = None,
    records: given.Records = 1_000,
    organizations: given.Organizations = 1,
    seed: given.Seed = 1,
    tenant: given.Tenant = "DEMO",
    users: given.Users = None,
    api_keys: given.ApiKeys = None,
    tokens: given.Tokens = None,
    zone: given.Zone = "UTC",
    collation: given.Collation = "ignore-case",
    page_limit: given.PageLimit = 10_000,
    latency: given.Latency = 0.0,
    latency_per_row: given.LatencyPerRow = 0.0,
    rate_limit: given.RateLimit = None,
    faults: given.Faults = None,
    as_json: AsJson = False,
) -> None:
    """Run a PEMS on this machine, until it is told to stop.

    It answers the Grid Data service and the user-defined-screen service as PEMS does, warts included, and keeps a
    ledger of every write. Its address is the first line of the output. Only this machine can reach it. Nothing is kept
    when it stops.
    """
    from pfa_rpc.simulator.faults import fault_of
    from pfa_rpc.simulator.settings import Settings

    if records < organizations:
        raise CommandError("--records must be at least --organizations: each gets one or more", status=USAGE)
    settings = Settings(
        **_address(listen),
        **_access(users or (), api_keys or (), tokens or ()),
        tenant=tenant,
        export=export,
        records=records,
        organizations=organizations,
        seed=seed,
        formats=_formats(zone),
        sort_collation=collation,
        page_limit=page_limit,
        latency=latency,
        latency_per_row=latency_per_row,
        rate_limit=rate_limit,
        faults=tuple(map(fault_of, faults or ())),
    )
    _run(settings, as_json=as_json)


def _address(text: str) -> dict[str, Any]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65_535:
        raise CommandError(f"--listen takes HOST:PORT, such as 127.0.0.1:0, not {text!r}", status=USAGE)
    return {"host": host.strip("[]"), "port": int(port)}


def _access(users: Sequence[str], api_keys: Sequence[str], tokens: Sequence[str]) -> dict[str, Any]:
    """Return who may call, and how they sign in; what is not given is as a simulator has it."""
    from pfa_rpc.simulator.settings import DEFAULT_KEYS, DEFAULT_TOKENS, DEFAULT_USERS

    named = _named(users) or DEFAULT_USERS
    user = next(iter(named))
    return {
        "users": named,
        "api_keys": dict.fromkeys(api_keys, user) or DEFAULT_KEYS,
        "tokens": dict.fromkeys(tokens, user) or DEFAULT_TOKENS,
    }


def _formats(zone: str) -> Formats:
    from zoneinfo import ZoneInfo

    from pfa_rpc.simulator.settings import Formats

    try:
        return Formats(zone=ZoneInfo(zone))
    except (ValueError, OSError, KeyError):
        raise CommandError(f"--time-zone: there is no zone {zone!r}, such as America/Denver", status=USAGE) from None


def _named(texts: Sequence[str]) -> Mapping[str, str]:
    pairs = [text.partition(":") for text in texts]
    if not all(name and colon for name, colon, _ in pairs):
        raise CommandError("--user takes NAME:PASSWORD", status=USAGE)
    return {name: password for name, _, password in pairs}


def _run(settings: Settings, *, as_json: bool) -> None:
    import uvloop

    from pfa_rpc.simulator.running import Simulator

    simulator = Simulator(settings)
    try:
        uvloop.run(_serve(simulator, as_json=as_json))
    except OSError as error:
        raise CommandError(f"cannot listen on {settings.host}:{settings.port}: {error}", status=FAILURE) from error


async def _serve(simulator: Simulator, *, as_json: bool) -> None:
    import asyncio
    import signal

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await simulator.start()
    _tell(simulator, as_json=as_json)
    try:
        await stop.wait()
    finally:
        await simulator.close()


def _tell(simulator: Simulator, *, as_json: bool) -> None:
    """Print where it listens, and what it holds; as JSON in one line, since more never comes."""
    import json
    import sys

    from pfa_rpc.cli.render import Output

    settings, held = simulator.settings, simulator.rows.organizations
    output = Output(as_json=as_json)
    if as_json:
        print(json.dumps({"url": simulator.url, "tenant": settings.tenant, "organizations": held}))
    else:
        output.line(f"PEMS is at {simulator.url}, tenant {settings.tenant}; Ctrl-C stops it.")
        output.line(f"users: {', '.join(settings.users) or 'none'}; rows: {sum(held.values()):,}")
        for code, count in held.items():
            output.line(f"  {code}  {count:,}")
    sys.stdout.flush()
