"""StreamRecords of 60,000 records from PostgreSQL and Redis, beside a naive server and the database's own export.

Our server streams the records warm in the process, warm in Redis only, and from the database alone; the naive server
reads the columns of each row by asyncpg and builds its message; psql copies the payloads out as text, which is what
the database itself can do. Each server is a process of its own; one client on the same machine counts bytes, and in a
second pass decodes records. Runs alternate. In the end one record is edited before every other stream. Real PostgreSQL
and Redis are started as for the tests.

    python -m bench.stream_cached [--runs 7] [--records 60000]
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import shutil
import statistics
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import asyncpg
import grpc
import uvloop
from google.protobuf.field_mask_pb2 import FieldMask

from pfa.v1.mutation_pb2 import MutateRecordsRequest, MutateRecordsResponse, Mutation, MutationOperation
from pfa.v1.record_pb2 import Record
from pfa.v1.record_service_pb2 import StreamRecordsRequest, StreamRecordsResponse
from pfa_rpc.records.encode import to_message
from pfa_rpc.schema import FIELDS
from pfa_rpc.server import log
from pfa_rpc.server.application import running
from pfa_rpc.server.settings import Settings
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.organizations import list_organizations
from pfa_rpc.store.upkeep.generating import generate
from tests.servers.finding import postgresql_binaries, redis_binaries
from tests.servers.postgresql import running_postgresql
from tests.servers.processes import Workplace
from tests.servers.redis import running_redis

METHOD = "/pfa.v1.RecordService/StreamRecords"
MUTATE = "/pfa.v1.RecordService/MutateRecords"
NOTHING = "/bench.Naive/Nothing"
BATCH = 500
SLOWER = 1.2
"""How many times as long a stream may take after an edit."""
OURS = ("process", "redis", "database")


def serve_ours(options: dict[str, Any], pipe: Connection) -> None:
    """Run our server until the pipe says stop."""

    async def main() -> None:
        settings = Settings.load(listen="127.0.0.1:0", log_level="error", **options)
        log.configure(settings)
        async with running(settings) as up:
            pipe.send(up.target)
            await asyncio.to_thread(pipe.recv)

    uvloop.run(main())


def serve_naively(url: str, pipe: Connection) -> None:
    """Run the naive server, which also has a call that does nothing, until the pipe says stop."""
    names = [field.name for field in FIELDS]
    columns = ", ".join(field.column for field in FIELDS)
    query = f"SELECT {columns}, position FROM records WHERE organization_id = $1 AND position > $2 ORDER BY position LIMIT $3"  # noqa: S608, E501 (names of columns)

    async def main() -> None:
        pool = await asyncpg.create_pool(url, min_size=2, max_size=2)

        async def stream_records(
            request: StreamRecordsRequest, _context: object
        ) -> AsyncIterator[StreamRecordsResponse]:
            after = -1
            while rows := await pool.fetch(query, request.organization_id, after, BATCH):
                messages = [to_message(dict(zip(names, row, strict=False)), "USD") for row in rows]
                yield StreamRecordsResponse(records=messages)
                after = rows[-1]["position"]

        async def nothing(request: bytes, _context: object) -> bytes:
            return request

        server = grpc.aio.server()
        stream_handler = grpc.unary_stream_rpc_method_handler(
            stream_records,
            request_deserializer=StreamRecordsRequest.FromString,
            response_serializer=StreamRecordsResponse.SerializeToString,
        )
        for path, handler in ((METHOD, stream_handler), (NOTHING, grpc.unary_unary_rpc_method_handler(nothing))):
            service, method = path.strip("/").split("/")
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        pipe.send(f"127.0.0.1:{port}")
        await asyncio.to_thread(pipe.recv)
        await server.stop(None)
        await pool.close()

    uvloop.run(main())


async def prepare(url: str, records: int) -> str:
    """Generate one organization; return its code."""
    database = Database(url)
    await migrate(database)
    await generate(url, records=records, organizations=1, seed=1)
    async with database.reading() as connection:
        [organization] = await list_organizations(connection, limit=2)
    await database.close()
    return organization.organization_id


def stream(channel: grpc.Channel, code: str, decode: Callable[[bytes], Any] | None = None) -> float:
    """Return the seconds of one stream."""
    call = channel.unary_stream(METHOD, StreamRecordsRequest.SerializeToString, decode or (lambda raw: raw))
    began = time.perf_counter()
    for _ in call(StreamRecordsRequest(organization_id=code), timeout=120):
        pass
    return time.perf_counter() - began


def after_edits(channel: grpc.Channel, code: str, runs: int) -> tuple[float, float]:
    """Return the median seconds of streams after none and after one edit of a record, in turns."""
    first: Any = channel.unary_stream(METHOD, StreamRecordsRequest.SerializeToString, StreamRecordsResponse.FromString)
    messages = first(StreamRecordsRequest(organization_id=code))
    record_id = next(messages).records[0].id
    messages.cancel()
    mutate: Any = channel.unary_unary(MUTATE, MutateRecordsRequest.SerializeToString, MutateRecordsResponse.FromString)
    before, after = [], []
    for number in range(runs):
        stream(channel, code)
        before.append(stream(channel, code))
        mutation = Mutation(
            operation=MutationOperation.MUTATION_OPERATION_UPDATE,
            record=Record(id=record_id, model=f"model {number}"),
            update_mask=FieldMask(paths=["model"]),
        )
        mutate(MutateRecordsRequest(organization_id=code, mutations=[mutation]), timeout=120)
        after.append(stream(channel, code))
    return statistics.median(before), statistics.median(after)


def first_message(channel: grpc.Channel, code: str, runs: int) -> float:
    """Return the median seconds to the first message of a stream, of streams one after another that end there."""
    call: Any = channel.unary_stream(METHOD, StreamRecordsRequest.SerializeToString, lambda raw: raw)
    measured = []
    for _ in range(runs):
        began = time.perf_counter()
        messages = call(StreamRecordsRequest(organization_id=code), timeout=120)
        next(messages)
        measured.append(time.perf_counter() - began)
        messages.cancel()
    return statistics.median(measured)


def copy(url: str, code: str) -> float:
    """Return the seconds that psql takes to copy the payloads out as text."""
    statement = f"COPY (SELECT payload FROM records WHERE organization_id = '{code}' ORDER BY position) TO STDOUT"  # noqa: S608 (a code that we generated)
    began = time.perf_counter()
    subprocess.run(["psql", "-q", url, "-c", statement], stdout=subprocess.DEVNULL, check=True, timeout=120)
    return time.perf_counter() - began


def unary(channel: grpc.Channel, runs: int = 200) -> float:
    """Return the median seconds of a call that does nothing."""
    call: Any = channel.unary_unary(NOTHING)
    measured = []
    for _ in range(runs):
        began = time.perf_counter()
        call(b"")
        measured.append(time.perf_counter() - began)
    return statistics.median(measured)


@contextmanager
def servers(url: str, redis_url: str) -> Iterator[dict[str, grpc.Channel]]:
    """Give a channel to each server."""
    spawn = multiprocessing.get_context("spawn")
    ours: dict[str, dict[str, Any]] = {
        "process": {"database_url": url},
        "redis": {"database_url": url, "redis_url": redis_url, "cache_process_bytes": 0},
        "database": {"database_url": url, "cache_process_bytes": 0},
    }
    targets: dict[str, Callable[[Connection], None]] = {
        **{name: partial(serve_ours, options) for name, options in ours.items()},
        "naive": partial(serve_naively, url),
    }
    running_servers = []
    channels = {}
    for name, target in targets.items():
        here, there = spawn.Pipe()
        process = spawn.Process(target=target, args=(there,), daemon=True)
        process.start()
        channels[name] = grpc.insecure_channel(here.recv(), options=[("grpc.max_receive_message_length", -1)])
        running_servers.append((here, process))
    yield channels
    for channel in channels.values():
        channel.close()
    for here, process in running_servers:
        here.send("stop")
        process.join(10)


def report(channels: dict[str, grpc.Channel], url: str, code: str, records: int, runs: int) -> None:
    """Time every side in turn, and print medians and ratios."""
    sides: dict[str, Callable[[], float]] = {name: partial(stream, channels[name], code) for name in channels}
    if shutil.which("psql"):
        sides["psql COPY"] = partial(copy, url, code)
    sides |= {
        f"{name}, decoded": partial(stream, channels[name], code, StreamRecordsResponse.FromString)
        for name in ("process", "naive")
    }
    timed: dict[str, list[float]] = {name: [] for name in sides}
    for run in range(runs + 1):
        for name, side in sides.items():
            measured = side()
            if run:  # the first round warms up
                timed[name].append(measured)
    call = unary(channels["naive"])
    firsts = {name: first_message(channels[name], code, 10 if name == "naive" else 100) / call for name in channels}
    medians = {name: statistics.median(times) for name, times in timed.items()}
    print(f"{records:,} records of one organization, median of {runs} alternating runs")
    print(f"a bare call takes {call * 1e3:.2f} ms; `first`: to the first message, of streams in a row, in such calls")
    print(f"{'side':<18}{'ms':>8}{'records/s':>12}{'naive / side':>14}{'COPY / side':>13}{'first':>8}")
    for name, seconds in medians.items():
        naive = medians["naive, decoded" if name.endswith("decoded") else "naive"] / seconds
        copied = f"{medians['psql COPY'] / seconds:.1f}" if "psql COPY" in medians else "-"
        first = f"{firsts[name]:.1f}" if name in firsts else "-"
        print(f"{name:<18}{seconds * 1e3:>8.0f}{records / seconds:>12,.0f}{naive:>14.1f}{copied:>13}{first:>8}")
    for name in ("process", "redis"):
        before, after = after_edits(channels[name], code, runs)
        said = "yes" if after <= SLOWER * before else "NO"
        print(
            f"{name}: {before * 1e3:.0f} ms, after an edit {after * 1e3:.0f} ms, {after / before:.2f} times"
            f"   at most {SLOWER}: {said}"
        )


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7, help="streams from each side (default 7)")
    parser.add_argument("--records", type=int, default=60_000, help="records of the organization (default 60,000)")
    options = parser.parse_args()
    with (
        Workplace() as place,
        running_postgresql(place, postgresql_binaries()) as postgresql,
        running_redis(place, redis_binaries()) as redis,
    ):
        code = asyncio.run(prepare(postgresql.url(), options.records))
        with servers(postgresql.url(), redis.url) as channels:
            report(channels, postgresql.url(), code, options.records, options.runs)


if __name__ == "__main__":
    main()
