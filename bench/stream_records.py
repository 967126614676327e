"""StreamRecords of one organization, beside a naive server over the same database.

The naive server reads the columns of each record and builds its message from them; ours joins the payloads that were
encoded when the records were written. Both stream the 8,778 records of RIO from the example, in batches of about 500,
to one client, which counts bytes (and, in a second pair of columns, decodes them). Each server is a process of its
own; runs alternate.

    python -m bench.stream_records [--runs 15]
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import grpc
import sqlalchemy as sa
import uvloop
from google.protobuf.message import Message

from pfa.v1.record_service_pb2 import StreamRecordsRequest, StreamRecordsResponse
from pfa_rpc.records.encode import to_message
from pfa_rpc.schema import FIELDS
from pfa_rpc.server import log
from pfa_rpc.server.application import running
from pfa_rpc.server.settings import Settings
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.tables import records
from pfa_rpc.sync.export_file import ExportFile
from pfa_rpc.sync.importing import import_file

EXAMPLE = Path(__file__).parents[1] / "examples" / "pems_export.csv.gz"
METHOD = "/pfa.v1.RecordService/StreamRecords"
BATCH = 500


async def stream_naively(database: Database, request: StreamRecordsRequest) -> AsyncIterator[StreamRecordsResponse]:
    """Stream the records of an organization, each message built from the columns of its row."""
    names = [field.name for field in FIELDS]
    after = -1
    while True:
        async with database.reading() as connection:
            query = (
                sa.select(*(records.c[field.column] for field in FIELDS), records.c.position)
                .where(records.c.organization_id == request.organization_id, records.c.position > after)
                .order_by(records.c.position)
                .limit(BATCH)
            )
            rows = (await connection.execute(query)).all()
        if not rows:
            return
        yield StreamRecordsResponse(records=[to_message(dict(zip(names, row, strict=False)), "USD") for row in rows])
        after = rows[-1].position


def serve_naively(url: str, pipe: Connection) -> None:
    """Run the naive server until the pipe says stop."""

    async def main() -> None:
        database = Database(url)
        server = grpc.aio.server()

        async def stream_records(
            request: StreamRecordsRequest, _context: object
        ) -> AsyncIterator[StreamRecordsResponse]:
            async for batch in stream_naively(database, request):
                yield batch

        handler = grpc.unary_stream_rpc_method_handler(
            stream_records,
            request_deserializer=StreamRecordsRequest.FromString,
            response_serializer=StreamRecordsResponse.SerializeToString,
        )
        service, method = METHOD.strip("/").split("/")
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        pipe.send(f"127.0.0.1:{port}")
        await asyncio.to_thread(pipe.recv)
        await server.stop(None)

    uvloop.run(main())


def serve_ours(url: str, pipe: Connection) -> None:
    """Run our server until the pipe says stop."""

    async def main() -> None:
        settings = Settings.load(database_url=url, listen="127.0.0.1:0", log_level="error")
        log.configure(settings)
        async with running(settings) as up:
            pipe.send(up.target)
            await asyncio.to_thread(pipe.recv)

    uvloop.run(main())


async def prepare(url: str, folder: Path) -> None:
    """Import the example."""
    database = Database(url)
    await migrate(database)
    with ExportFile.open(EXAMPLE) as export:
        await import_file(
            database, export, organizations=["RIO", "RIO2", "CAPE", "DELTA", "BAY-7"], rejected=folder / "rejected.csv"
        )
    await database.close()


def stream(channel: grpc.Channel, decode: Callable[[bytes], Any] | None) -> tuple[float, int, int]:
    """Return the seconds, bytes and messages of one stream."""
    call = channel.unary_stream(METHOD, StreamRecordsRequest.SerializeToString, decode or (lambda raw: raw))
    request = StreamRecordsRequest(organization_id="RIO")
    began, size, count = time.perf_counter(), 0, 0
    for message in call(request, timeout=60):
        count += 1
        size += len(message) if isinstance(message, bytes) else message.ByteSize()
    return time.perf_counter() - began, size, count


def count_records(channel: grpc.Channel) -> int:
    """Return how many records a server streams."""
    call = channel.unary_stream(METHOD, StreamRecordsRequest.SerializeToString, StreamRecordsResponse.FromString)
    return sum(len(batch.records) for batch in call(StreamRecordsRequest(organization_id="RIO")))


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15, help="streams from each server (default 15)")
    runs = parser.parse_args().runs
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name:
        url = f"sqlite:///{name}/pfa.sqlite3"
        asyncio.run(prepare(url, Path(name)))
        channels, pipes, processes = {}, [], []
        for side, target in (("ours", serve_ours), ("naive", serve_naively)):
            here, there = spawn.Pipe()
            process = spawn.Process(target=target, args=(url, there), daemon=True)
            process.start()
            channels[side] = grpc.insecure_channel(here.recv(), options=[("grpc.max_receive_message_length", -1)])
            pipes.append(here)
            processes.append(process)
        report(channels, runs)
        for channel in channels.values():
            channel.close()
        for pipe, process in zip(pipes, processes, strict=True):
            pipe.send("stop")
            process.join(10)


def report(channels: dict[str, grpc.Channel], runs: int) -> None:
    """Time both servers in turn, and print medians and ratios."""
    total = {side: count_records(channel) for side, channel in channels.items()}
    assert len(set(total.values())) == 1, total
    print(f"StreamRecords of {total['ours']:,} records in batches of about {BATCH}, SQLite")
    print(f"median of {runs} alternating runs")
    print(f"{'client':<10}{'side':<8}{'ms':>9}{'records/s':>13}{'MB':>7}{'naive / ours':>16}")
    decoders: list[tuple[str, Callable[[bytes], Message] | None]] = [
        ("bytes", None),
        ("decoded", StreamRecordsResponse.FromString),
    ]
    for label, decode in decoders:
        timed: dict[str, list[float]] = {side: [] for side in channels}
        sizes = {}
        for run in range(runs + 1):
            for side, channel in channels.items():
                seconds, sizes[side], _ = stream(channel, decode)
                if run:  # the first pair warms up
                    timed[side].append(seconds)
        medians = {side: statistics.median(times) for side, times in timed.items()}
        ratios = sorted(naive / ours for naive, ours in zip(timed["naive"], timed["ours"], strict=True))
        for side, seconds in medians.items():
            ratio = f"{statistics.median(ratios):.1f}" if side == "ours" else ""
            rate = total[side] / seconds
            print(f"{label:<10}{side:<8}{seconds * 1000:>9.1f}{rate:>13,.0f}{sizes[side] / 1e6:>7.1f}{ratio:>16}")


if __name__ == "__main__":
    main()
