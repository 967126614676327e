"""How long the reading of a question takes, beside a bare unary gRPC call on the same machine.

The vocabulary is that of the example export. Each question is read again and again, without any memory of the reading
before. A bare call is an empty request to an empty handler in the same process.

    python -m bench.interpret [--runs 2000]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import grpc
import uvloop

from nlq.pipeline import Language
from nlq.vocabulary import Vocabulary
from pfa_rpc.schema import BY_NAME, SCHEMA
from pfa_rpc.sync.export_file import ExportFile

EXAMPLE = Path(__file__).parents[1] / "examples" / "pems_export.csv.gz"
TODAY = date(2026, 3, 11)
TARGET = 500e-6
QUESTIONS = [
    "rentals in Silo 4 over $5000",
    "rentals",
    "how many cranes are in Silo 9?",
    "top 10 rentals by monthly rate",
    "BEO cranes or forklifts, not discontinued, with a monthly rate between 5k and 10k",
    "average purchase price for each manufacturer",
    "catepillar excavaters in silo 4",
    "idle purple cranes with nice paint",
]


def vocabulary() -> Vocabulary:
    """Return the values of the example's named fields."""
    uses: Counter[tuple[str, str]] = Counter()
    with ExportFile.open(EXAMPLE) as export:
        places = {
            field.name: place
            for place, alias in enumerate(export.header.cells)
            for field in BY_NAME.values()
            if field.named and field.pems == alias
        }
        for _, cells in export.rows():
            uses.update((name, cells[place].strip()) for name, place in places.items() if cells[place].strip())
    return Vocabulary((name, value, count) for (name, value), count in uses.items())


def times(work: Callable[[], object], runs: int) -> list[float]:
    """Return the seconds of each run, in order of size."""
    measured = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        measured.append(time.perf_counter() - began)
    return sorted(measured)


async def bare_call(runs: int) -> float:
    """Return the median seconds of a unary call that does nothing."""

    async def nothing(request: bytes, _context: object) -> bytes:
        return request

    server = grpc.aio.server()
    handlers: dict[str, Any] = {"Nothing": grpc.unary_unary_rpc_method_handler(nothing)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Bare", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    measured = []
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call: Any = channel.unary_unary("/bench.Bare/Nothing")
        for _ in range(runs):
            began = time.perf_counter()
            await call(b"")
            measured.append(time.perf_counter() - began)
    await server.stop(None)
    return statistics.median(measured)


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2_000, help="readings of each question (default 2,000)")
    runs = parser.parse_args().runs
    values = vocabulary()
    began = time.perf_counter()
    language = Language(SCHEMA, values)
    first = time.perf_counter() - began
    again = times(lambda: Language(SCHEMA, values), 5)[2]
    call = uvloop.run(bare_call(500))
    print(f"vocabulary of {len(values):,} values; prepared in {first * 1e3:.0f} ms, again in {again * 1e3:.0f} ms")
    print(f"a bare unary call takes {call * 1e6:.0f} µs; the target for a reading is {TARGET * 1e6:.0f} µs")
    print(f"{'median µs':>10}{'p99 µs':>9}{'target / median':>17}{'bare call / median':>20}  question")
    for question in QUESTIONS:
        for _ in range(50):
            language.interpret(question, TODAY)
        measured = times(lambda text=question: language.interpret(text, TODAY), runs)  # type: ignore[misc]
        median, p99 = statistics.median(measured), measured[int(runs * 0.99)]
        ratios = f"{TARGET / median:>17.1f}{call / median:>20.1f}"
        print(f"{median * 1e6:>10.0f}{p99 * 1e6:>9.0f}{ratios}  {question}")


if __name__ == "__main__":
    main()
