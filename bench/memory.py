"""What reads take of memory: the server's while many clients stream, Redis' for the records that it keeps.

A real `pfa serve` with its default settings; its resident memory is read from /proc while clients of this process
stream whole organizations as bytes. Then WarmCache fills an empty Redis.

    python -m bench.memory [--records 1000000 --organizations 30] [--keep DIR] [--clients 20] [--streamed 1000000]
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import re
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from bench.databases import Sizes, generated, sizes_of
from bench.serving import Ours
from pfa.v1.cache_service_pb2 import WarmCacheRequest, WarmCacheResponse
from tests.acceptance.service import Service, serving
from tests.servers.finding import redis_binaries
from tests.servers.processes import Workplace
from tests.servers.redis import Redis, running_redis

MIB: Final = 1 << 20
MOST_RESIDENT: Final = 400
"""MB that the server may take."""
REDIS_RECORDS: Final = 500_000
MOST_REDIS: Final = 250
"""MB that Redis may take for them."""
SAMPLE_SECONDS: Final = 0.1
PASSES: Final = 3


def resident(pid: int) -> float:
    """Return the resident memory of a process, in MB."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def processor_seconds(pid: int) -> float:
    """Return the seconds of processor time that a process has used, to a hundredth."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


class Sampler:
    """Reads a process's memory now and then."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self.samples: list[float] = []

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            self.samples.append(resident(self._pid))


def stream_together(address: str, codes: Sequence[str], sizes: dict[str, int], clients: int, records: int) -> int:
    """Let clients, each with a connection of its own, stream organizations until that many records are under way."""
    lock, turn, asked = threading.Lock(), itertools.cycle(codes), 0

    def work(_client: int) -> int:
        nonlocal asked
        ours, streamed = Ours(address), 0
        while True:
            with lock:
                if asked >= records:
                    break
                code = next(turn)
                asked += sizes[code]
            ours.stream_records(code)
            streamed += sizes[code]
        ours.close()
        return streamed

    with ThreadPoolExecutor(clients) as threads:
        return sum(threads.map(work, range(clients)))


def sizes_at(service: Service) -> dict[str, int]:
    """Return code → number of records."""
    ours = Ours(service.address)
    try:
        return ours.organizations()
    finally:
        ours.close()


def server_memory(service: Service, codes: Sequence[str], sizes: dict[str, int], clients: int, records: int) -> None:
    """Print the server's memory over some passes."""
    pid = service.process.pid
    print(f"server's resident memory while {clients} clients stream {records:,} records, in MB, sampled at tenths")
    print(f"at its start {resident(pid):.0f}")
    most = 0.0
    for number in range(1, PASSES + 1):
        began = time.perf_counter()
        with Sampler(pid) as sampler:
            streamed = stream_together(service.address, codes, sizes, clients, records)
        seconds = time.perf_counter() - began
        samples = sampler.samples or [resident(pid)]
        tenths = [samples[len(samples) * place // 10] for place in range(10)] + [samples[-1]]
        most = max(most, *samples)
        shown = " ".join(f"{sample:.0f}" for sample in tenths)
        print(
            f"pass {number}: {streamed:,} records, {streamed / seconds:,.0f} a second: {shown}; most {max(samples):.0f}"
        )
    print(f"at most {MOST_RESIDENT}: {'yes' if most <= MOST_RESIDENT else 'NO'}")


def redis_memory(service: Service, redis: Redis, sizes: dict[str, int]) -> None:
    """Print what Redis takes for half a million records."""
    ours = Ours(service.address)
    with redis.client() as client:
        client.flushall()
        before = int(client.info("memory")["used_memory"])
        kept = 0
        for code, size in sizes.items():
            if kept + size > REDIS_RECORDS:
                continue
            request = WarmCacheRequest(organization_id=code, max_chunks=20_000)
            answer = ours.unary("CacheService/WarmCache", request, WarmCacheResponse.FromString)
            assert answer.chunks_cached + answer.chunks_filled == answer.chunks
            kept += size
        used = (int(client.info("memory")["used_memory"]) - before) / MIB
    ours.close()
    per = used * REDIS_RECORDS / kept
    print(f"Redis for {kept:,} records: {used:.0f} MB, {used * MIB / kept:.0f} bytes a record, answers included")
    print(f"for {REDIS_RECORDS:,}: {per:.0f} MB, at most {MOST_REDIS}: {'yes' if per <= MOST_REDIS else 'NO'}")


def main() -> None:
    """Print both, and what PostgreSQL takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    Sizes.add_to(parser)
    parser.add_argument("--clients", type=int, default=20, help="that stream at once (default 20)")
    parser.add_argument("--streamed", type=int, default=1_000_000, help="records that a pass streams")
    options = parser.parse_args()
    with ExitStack() as stack:
        place = stack.enter_context(Workplace())
        url = stack.enter_context(generated(place, Sizes.of(options)))
        redis = stack.enter_context(running_redis(place, redis_binaries()))
        for name, redis_url in (("without Redis", ""), ("with Redis", redis.url)):
            with serving(place.new_folder("serve"), database_url=url, redis_url=redis_url) as service:
                sizes = sizes_at(service)
                print(f"\n== {name}")
                server_memory(service, list(sizes), sizes, options.clients, options.streamed)
        # Without a cache of its own the server asks Redis, and fills it.
        own = {"database_url": url, "redis_url": redis.url, "cache_process_bytes": "0"}
        with serving(place.new_folder("serve"), **own) as service:
            redis_memory(service, redis, sizes_at(service))
        for name, size in asyncio.run(sizes_of(url)).items():
            print(f"{name:<10}{size:>18,.0f} bytes")


if __name__ == "__main__":
    main()
