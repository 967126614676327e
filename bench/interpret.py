"""How long the reading of a question takes with a vocabulary of 20,000 values, beside a bare unary gRPC call.

The vocabulary is that of the example export, with machines added. Questions are of all kinds: figures, dates, changes,
words not understood, and some that go on from another. Each is read once, when nothing of it is remembered, and then
in turn with the others. No reading is remembered as a whole, but the conditions that it is made of are, with their
text and their words: so a thousand questions more are read, of other values and amounts and no two alike, each once. A
reading is all that the answer of Interpret shows: query, filter text, sentence, pieces, defaults and alternatives. A
bare call is an empty request to an empty handler in the same process.

    python -m bench.interpret [--runs 200] [--values 20000] [--processor]
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import uvloop

from nlq.phrases.tables import tables
from nlq.pipeline import Language
from nlq.vocabulary import Vocabulary
from pfa_rpc.schema import BY_NAME, SCHEMA
from pfa_rpc.sync.export_file import ExportFile

EXAMPLE = Path(__file__).parents[1] / "examples" / "pems_export.csv.gz"
TODAY = date(2026, 3, 11)
MEDIAN_TARGET, P99_TARGET, START_TARGET = 200e-6, 1e-3, 300e-3
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
MORE = [
    "show me all generators",
    "everything in Silo 12",
    "which cranes are discontinued?",
    "equipment without a contract",
    "rentals ending before March 2026",
    "forklifts starting next month",
    "purchases over 100k in yard A",
    "cranes and forklifts in silos 2, 4 and 7",
    "pumps that are not rented",
    "what arrives in the next 30 days?",
    "the most expensive crane",
    "total forecast cost by area",
    "monthly rate of rentals by category, highest first",
    "number of different models",
    "rentals over budget",
    "actual cost more than 10% above plan cost",
    "lasting longer than six months",
    "areas with more than 10 cranes",
    "what percentage of cranes are rentals?",
    "EQ-100042",
    "are there any light towers in Silo 3?",
    "changed by jsmith last week",
    "transferable records, oldest first",
    "forecast end between June 1 and June 30, 2026",
    "around 5k a month",
    "neither rented nor discontinued",
    "extend all rentals in Silo 4 by two weeks",
    "set the monthly rate of forklifts to $4,500",
    "move the cranes of Silo 2 to Silo 3",
    "delete all rentals",
]
FOLLOW_UPS = [
    ("rentals in Silo 4", "only the cranes"),
    ("total forecast cost by area", "and by category?"),
    ("cranes in Silo 4 over $5000", "what about Silo 5?"),
    ("rentals ending next month", "push those by a week"),
]
FORMS = [
    "{category} in {area} over ${amount}",
    "how many {category} are in {area}?",
    "{manufacturer} {category}, not discontinued, with a monthly rate between {count}k and {more}k",
    "total forecast cost of {category} by area",
    "rentals ending before {month} {year}",
    "top {count} {category} by monthly rate",
    "{category} or {manufacturer} in {area}",
    "which {category} are from {manufacturer}?",
    "average purchase price of {manufacturer} in {area}",
    "areas with more than {count} {category}",
]
NAMED = {"area": "area_silo", "category": "category", "manufacturer": "manufacturer"}
"""Place in a form → the field whose values stand there."""
MONTHS = ("January", "March", "June", "October")
NEW_QUESTIONS = 1000


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


def enlarged(size: int) -> Vocabulary:
    """Return the example's values, with machines added to a number of values."""
    terms = [(term.field, term.spelling, 1) for term in vocabulary()]
    added = [("equipment", f"EQ-{number:05}", 1) for number in range(100_000, 100_000 + size)]
    return Vocabulary([*terms, *added[: max(0, size - len(terms))]])


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Return how long something takes by a clock."""
    began = clock()
    work()
    return clock() - began


def readings(values: Vocabulary, runs: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    """Return the seconds of each reading of the questions, the first one of all first."""
    prepared = Language(SCHEMA, values)
    contexts = {question: prepared.interpret(before, TODAY).query for before, question in FOLLOW_UPS}
    asked = [*QUESTIONS, *MORE, *contexts]
    language = Language(SCHEMA, values)
    language.interpret("5 of all xyzzy", TODAY)
    gc.freeze()  # the values stay: looking through all of them for garbage would be counted as reading
    measured: dict[str, list[float]] = {question: [] for question in asked}
    for _ in range(runs + 1):
        for question in asked:
            context = contexts.get(question)
            measured[question].append(seconds(partial(language.interpret, question, TODAY, context), clock))
    return measured


def new_questions(values: Vocabulary) -> list[str]:
    """Return questions of a few forms, no two alike, about values drawn from a vocabulary."""
    draw = random.Random(1)
    named: dict[str, list[str]] = {}
    for term in values:
        named.setdefault(term.field, []).append(term.spelling)
    found: dict[str, None] = {}
    while len(found) < NEW_QUESTIONS:
        count = draw.randint(2, 60)
        said = {field: draw.choice(named[name]) for field, name in NAMED.items()}
        question = draw.choice(FORMS).format(
            **said,
            amount=f"{draw.randint(10, 990) * 10:,}",
            count=count,
            more=count + draw.randint(1, 40),
            month=draw.choice(MONTHS),
            year=draw.randint(2024, 2031),
        )
        found[question] = None
    return list(found)


def readings_of_new(values: Vocabulary, clock: Callable[[], float]) -> list[float]:
    """Return the seconds of each reading of questions that are asked once."""
    language = Language(SCHEMA, values)
    for question in (*QUESTIONS, *MORE):
        language.interpret(question, TODAY)
    asked = new_questions(values)
    gc.freeze()
    return [seconds(partial(language.interpret, question, TODAY), clock) for question in asked]


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


def row(name: str, measured: list[float]) -> str:
    """Return the median and the 99th percentile in microseconds."""
    ordered = sorted(measured)
    return f"{statistics.median(ordered) * 1e6:>10.0f}{ordered[int(len(ordered) * 0.99)] * 1e6:>9.0f}  {name}"


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200, help="readings of each question (default 200)")
    parser.add_argument("--values", type=int, default=20_000, help="values of the vocabulary (default 20,000)")
    parser.add_argument("--processor", action="store_true", help="count processor time, where others keep it busy")
    options = parser.parse_args()
    values = enlarged(options.values)
    start = seconds(tables)
    first, again = seconds(lambda: Language(SCHEMA, values)), seconds(lambda: Language(SCHEMA, values))
    call = uvloop.run(bare_call(500))
    clock = time.thread_time if options.processor else time.perf_counter
    measured = readings(values, options.runs, clock)
    later = {question: spent[1:] for question, spent in measured.items()}
    print(f"the parser starts in {start * 1e3:.0f} ms (at most {START_TARGET * 1e3:.0f})")
    print(f"vocabulary of {len(values):,} values, prepared in {first * 1e3:.0f} ms, again in {again * 1e3:.0f} ms")
    print(f"{'median µs':>10}{'p99 µs':>9}")
    print(f"{call * 1e6:>10.0f}{'':9}  a bare unary call")
    print(f"{MEDIAN_TARGET * 1e6:>10.0f}{P99_TARGET * 1e6:>9.0f}  at most")
    print(row(f"all {len(measured)} questions, asked for the first time", [spent[0] for spent in measured.values()]))
    print(row(f"{NEW_QUESTIONS:,} questions of other values, each asked once", readings_of_new(values, clock)))
    print(row("all questions, asked again", [spent for each in later.values() for spent in each]))
    for question, spent in later.items():
        print(row(question, spent))


if __name__ == "__main__":
    main()
