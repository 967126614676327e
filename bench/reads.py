"""How quickly lists, questions and views are answered, beside a call and a query that do nothing.

A real `pfa serve` on PostgreSQL and Redis with generated records; the client is this process. The sides run in turns in
one run. "Warm" answers are in the process's cache, "cold" ones in none; pages of PostgreSQL are in its memory or in the
system's. Sides take answers as bytes where "decoded" is not said.

    python -m bench.reads [--records 1000000 --organizations 30] [--keep DIR] [--rounds 200] [--only lists,…]

With --keep the database is finished where it was left, and stays; with --only none nothing is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench.databases import Sizes, generated, sizes_of
from bench.editing import editing
from bench.serving import Floor, Ours, floor
from bench.timing import HEADING, Side, Times, interleaved, row
from pfa.v1.query_service_pb2 import AskResponse, InterpretRequest
from pfa.v1.record_service_pb2 import AggregateFunction, AggregateRecordsRequest, Aggregation, ListRecordsResponse
from pfa.v1.revision_pb2 import Consistency
from tests.acceptance.service import serving
from tests.servers.finding import redis_binaries
from tests.servers.processes import Workplace
from tests.servers.redis import running_redis

CATEGORY: Final = 'category = "{}" AND source = {}'
MODIFIED: Final = "sync_state = MODIFIED"
QUESTION: Final = "rentals in Silo {} over $5000"
VIEW: Final = "dor = BEO"
"""A third of the records: 20,000 of 60,000."""
NEW_VIEW: Final = "dor = BEO AND local_version < {}"
"""The same records, as a view that nobody has asked for."""
WINDOW: Final = "forecast_start < 2026-06-15 AND forecast_end >= 2026-06-01"
PAGE: Final = 1_000
SKIPPED: Final = 18_000
CATEGORIES: Final = ("Cranes", "Forklifts", "Generators", "Trucks", "Pumps", "Welders", "Excavators", "Dozers")
SILOS: Final = 12
CODES: Final = 12
"""Organizations that are asked in turn."""
CYCLE: Final = 48
"""Rounds after which every one was asked for everything: pages of PostgreSQL that are read are in its memory."""
LATEST: Final = Consistency(fresh=True)
ANY: Final = Consistency(minimize_latency=True)
EDITS_A_SECOND: Final = 10
ASKED_A_SECOND: Final = 25
STREAMERS: Final = 4


@dataclass(frozen=True, slots=True)
class Stage:
    """What is measured, and beside what."""

    url: str
    ours: Ours
    floor: Floor
    codes: Sequence[str]
    """The largest organizations, which are of one size."""
    rounds: int

    def code(self, number: int) -> str:
        """Return an organization for a round."""
        return self.codes[number % len(self.codes)]

    @property
    def floors(self) -> list[Side]:
        """The sides that do nothing."""
        return [Side("a bare call", lambda _: self.floor.call()), Side("SELECT 1", lambda _: self.floor.select())]

    def cold(self, name: str, run: Callable[[str, int], object]) -> Side:
        """Return a side that begins with its organization's caches empty."""
        return Side(name, lambda n: run(self.code(n), n), lambda n: self.ours.clear(self.code(n)))

    def warm(self, name: str, run: Callable[[str, int], object]) -> Side:
        """Return a side that asks one organization the same again and again."""
        return Side(name, lambda _: run(self.codes[0], 0))


def category_of(number: int) -> str:
    """Return a filter by category and source."""
    return CATEGORY.format(CATEGORIES[number % len(CATEGORIES)], ("RENTAL", "PURCHASE")[number // 8 % 2])


def question_of(number: int) -> str:
    """Return a question with three filters."""
    return QUESTION.format(1 + number % SILOS)


# --- each a table ----------------------------------------------------------------------------------------------------


def lists(stage: Stage) -> None:
    """Lists and questions, warm and cold."""
    ours = stage.ours

    def listed(code: str, number: int, **more: Any) -> object:
        return ours.list_records(code, filter=category_of(number), page_size=100, **more)

    def modified(code: str, _number: int, page_size: int = 100) -> object:
        return ours.list_records(code, filter=MODIFIED, page_size=page_size)

    def asked(code: str, number: int, decode: Callable[[bytes], Any] = bytes, most: int = 100) -> object:
        return ours.ask(code, question_of(number), decode, max_records=most)

    warm: dict[str, Callable[..., object]] = {
        "organization + category + source, 100 records": listed,
        "  decoded": partial(listed, decode=ListRecordsResponse.FromString),
        "modified records of an organization, first 100": modified,
        "  all of them": partial(modified, page_size=PAGE),
        "question with three filters, first 100": asked,
        "  decoded, as every message is": partial(asked, decode=AskResponse.FromString),
        "  first 1,000": partial(asked, most=PAGE),
    }
    cold = {name: run for name, run in warm.items() if not name.startswith(" ")}
    first, second, third = cold
    for heat, runs, limits in (
        ("warm", warm, {first: 3, second: 3, third: 3}),
        ("cold", cold, {first: 8, third: 10}),
    ):
        sides = [stage.warm(name, run) if heat == "warm" else stage.cold(name, run) for name, run in runs.items()]
        times = interleaved([*stage.floors, *sides], stage.rounds, warm_up=CYCLE)
        show(f"{heat}; u = a bare call", times, times["a bare call"].p50, limits)


def skips(stage: Stage) -> None:
    """The rows at the end of a sorted view beside its first. Pages are cold; the first jump reads the view's order."""
    ours = stage.ours
    for order in ("monthly_rate desc", "forecast_start, pfa_id", "manufacturer"):

        def page(skip: int, code: str, number: int, order: str = order, view: str = VIEW) -> object:
            filter_ = view.format(number + 5_000)
            return ours.list_records(code, filter=filter_, order_by=order, skip=skip, page_size=100)

        first, last = f"row 1 by {order}", f"row {SKIPPED:,} by {order}"
        sides = [
            *stage.floors,
            stage.cold(first, partial(page, 0)),
            stage.cold(f"row {SKIPPED:,}, the first jump in a view", partial(page, SKIPPED, view=NEW_VIEW)),
            stage.cold(last, partial(page, SKIPPED)),
        ]
        times = interleaved(sides, max(stage.rounds // 4, 1), warm_up=CODES)
        show(f"u = {first}", times, times[first].p50, {last: 2})


def modes(stage: Stage) -> None:
    """What `fresh` adds to `minimize_latency`."""
    ours = stage.ours

    def listed(need: Consistency, code: str, number: int) -> object:
        return ours.list_records(code, filter=category_of(number), page_size=100, consistency=need)

    sides = [
        *stage.floors,
        stage.warm("minimize_latency", partial(listed, ANY)),
        stage.warm("fresh", partial(listed, LATEST)),
    ]
    times = interleaved(sides, 2 * stage.rounds, warm_up=10)
    select = times["SELECT 1"].p50
    show("u = SELECT 1", times, select)
    added = (times["fresh"].p50 - times["minimize_latency"].p50) / select
    print(f"fresh adds {added:.2f} SELECT 1   at most 1.2: {'yes' if added <= 1.2 else 'NO'}")


def edited(stage: Stage) -> None:
    """A question with three filters while its organization is edited."""
    code, times, hits = stage.codes[0], {"fresh": Times(), "minimize_latency": Times()}, dict[str, int]()
    with editing(stage.url, code, EDITS_A_SECOND):
        began = time.perf_counter()
        for number in range(2 * stage.rounds):
            name, need = ("fresh", LATEST) if number % 2 else ("minimize_latency", ANY)
            time.sleep(max(0.0, began + number / (2 * ASKED_A_SECOND) - time.perf_counter()))
            started = time.perf_counter()
            answer = stage.ours.ask(code, question_of(0), consistency=need, max_records=100)
            times[name].seconds.append(time.perf_counter() - started)
            hits[name] = hits.get(name, 0) + answer[-1].records.HasField("age")
    print(f"question with three filters, {ASKED_A_SECOND} a second in each mode")
    print(HEADING.removesuffix("p50 / u") + "hit rate")
    for name, taken in times.items():
        print(f"{name:<58}{taken.p50:>9.2f}{taken.p99:>9.2f}{hits[name] / len(taken.seconds):>9.0%}")


def decision(stage: Stage) -> None:
    """What the decision promises in milliseconds, alone and while others stream."""
    promised: dict[str, tuple[float, float]] = {
        "organization + category": (10, 30),
        "modified records": (5, 15),
        "three-filter question": (30, 60),
        "timeline window of 1,000 records": (100, 200),
    }
    ours = stage.ours
    runs: list[Callable[[str, int], object]] = [
        lambda code, _: ours.list_records(code, filter='category = "Cranes"', page_size=100),
        lambda code, _: ours.list_records(code, filter=MODIFIED, page_size=PAGE),
        lambda code, number: ours.ask(code, question_of(number), bytes, max_records=100),
        lambda code, _: ours.list_records(code, filter=WINDOW, page_size=PAGE),
    ]
    sides = [*stage.floors, *(stage.warm(name, run) for name, run in zip(promised, runs, strict=True))]
    alone = interleaved(sides, stage.rounds, warm_up=5)
    with streaming(stage, STREAMERS):
        busy = interleaved(sides, stage.rounds, warm_up=5)
    print(f"{'':<36}{'p50':>8}{'p99':>8}{'promised':>12}{'':<5}{'p50':>8}{'p99':>8}  while {STREAMERS} clients stream")
    for name, taken in alone.items():
        p50, p99 = promised.get(name, (0, 0))
        told = f"{p50:g}/{p99:g}" if p50 else ""
        kept = "" if not p50 else "yes" if taken.p50 <= p50 and taken.p99 <= p99 else "NO"
        slower = busy[name].p99 / taken.p99
        print(
            f"{name:<36}{taken.p50:>8.2f}{taken.p99:>8.2f}{told:>12}{kept:>4} "
            f"{busy[name].p50:>8.2f}{busy[name].p99:>8.2f}  p99 x {slower:.1f}"
        )


def opening(stage: Stage) -> None:
    """What a client asks first of an organization that no cache knows: totals, vocabulary, the first records."""
    ours = stage.ours
    costs = ("plan_cost", "forecast_cost", "actual_cost")
    totals = [
        Aggregation(function=AggregateFunction.AGGREGATE_FUNCTION_COUNT),
        *(Aggregation(function=AggregateFunction.AGGREGATE_FUNCTION_SUM, field=name) for name in costs),
    ]
    times = {"totals": Times(), "vocabulary": Times(), f"first {PAGE:,} sorted": Times(), "opened": Times()}
    for code in stage.codes:
        ours.clear(code)
        steps: list[Callable[[], object]] = [
            partial(
                ours.unary,
                "RecordService/AggregateRecords",
                AggregateRecordsRequest(organization_id=code, aggregations=totals),
            ),
            partial(
                ours.unary,
                "QueryService/Interpret",
                InterpretRequest(organization_id=code, question="how many cranes are there"),
            ),
            partial(ours.list_records, code, order_by="forecast_start", page_size=PAGE, include_total_size=True),
        ]
        began = last = time.perf_counter()
        for name, step in zip(times, steps, strict=False):
            step()
            times[name].seconds.append(time.perf_counter() - last)
            last = time.perf_counter()
        times["opened"].seconds.append(last - began)
    print(f"opening one of the {len(stage.codes)} largest organizations, cold, one question after the other")
    print(HEADING.removesuffix("p50 / u"))
    for name, taken in times.items():
        print(f"{name:<58}{taken.p50:>9.0f}{taken.p99:>9.0f}")
    print(f"opened in less than 2 s: {'yes' if times['opened'].p99 < 2_000 else 'NO'}")


TABLES: Final[dict[str, Callable[[Stage], None]]] = {
    "opening": opening,  # the first: afterwards languages are prepared
    "lists": lists,
    "skips": skips,
    "modes": modes,
    "edited": edited,
    "decision": decision,
}


def show(units: str, times: dict[str, Times], unit: float, limits: Mapping[str, float] | None = None) -> None:
    """Print a table."""
    print(f"{HEADING}   {units}")
    for name, taken in times.items():
        print(row(name, taken, unit, (limits or {}).get(name)))


@contextmanager
def streaming(stage: Stage, clients: int) -> Iterator[None]:
    """Let clients stream whole organizations, one after the other, while the body runs."""
    over = threading.Event()
    streamed = [0] * clients

    def stream(client: int) -> None:
        number = client
        while not over.is_set():
            stage.ours.stream_records(stage.code(number))
            streamed[client] += 1
            number += clients

    threads = [threading.Thread(target=stream, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
        print(f"{sum(streamed)} organizations were streamed meanwhile")


# --- the stage -------------------------------------------------------------------------------------------------------


@contextmanager
def stage_of(sizes: Sizes, rounds: int) -> Iterator[Stage]:
    """Give the servers and a client."""
    with ExitStack() as stack:
        place = stack.enter_context(Workplace())
        url = stack.enter_context(generated(place, sizes))
        redis = stack.enter_context(running_redis(place, redis_binaries()))
        folder = place.new_folder("serve")
        service = stack.enter_context(serving(Path(folder), database_url=url, redis_url=redis.url))
        ours = Ours(service.address)
        stack.callback(ours.close)
        found = ours.organizations(currency="USD")  # questions speak of $
        largest = max(found.values())
        codes = [code for code, size in found.items() if size == largest][:CODES]
        print(
            f"{sizes.records:,} records in {sizes.organizations} organizations; {len(codes)} of {largest:,} are asked"
        )
        answer = ours.ask(codes[0], question_of(0), max_records=100)
        assert answer[-1].records.records, answer[0]  # read, and looked up
        yield Stage(url, ours, stack.enter_context(floor(url)), codes, rounds)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    Sizes.add_to(parser)
    parser.add_argument("--rounds", type=int, default=200, help="how often each side runs (default 200)")
    parser.add_argument("--only", default=",".join(TABLES), help=f"tables, of {', '.join(TABLES)}")
    options = parser.parse_args()
    with stage_of(Sizes.of(options), options.rounds) as stage:
        for name in [name for name in TABLES if name in options.only.split(",")]:
            print(f"\n== {name}: {TABLES[name].__doc__}", flush=True)
            TABLES[name](stage)
        for name, size in asyncio.run(sizes_of(stage.url)).items():
            print(f"{name:<10}{size:>18,.0f} bytes")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")


if __name__ == "__main__":
    main()
