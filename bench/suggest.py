"""How long suggestions take at every place of a question, with a vocabulary of 20,000 values, beside reading it.

The questions are those of `bench.interpret`. Each is typed letter by letter, suggestions being asked for behind each;
and, once it is there as a whole, the caret goes through it from its beginning to its end: then suggestions have to fit
what stands behind the caret, too. The first time nothing is remembered of the words before; later they were seen, as
they were when the letter before was typed.

    python -m bench.suggest [--values 20000] [--runs 5] [--processor]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

from bench.interpret import FOLLOW_UPS, MORE, QUESTIONS, TODAY, enlarged, seconds
from nlq.pipeline import Language
from pfa_rpc.schema import SCHEMA

TARGET = 1e-3
ASKED = [*QUESTIONS, *MORE, *(question for _, question in FOLLOW_UPS)]
Clock = Callable[[], float]


def typed(language: Language, question: str, clock: Clock) -> list[float]:
    """Return the seconds of the suggestions behind each letter of a question, and before the first."""
    carets = range(len(question) + 1)
    return [seconds(partial(language.suggest, question[:caret], caret), clock) for caret in carets]


def inside(language: Language, question: str, clock: Clock) -> list[float]:
    """Return the seconds of the suggestions at each caret of a whole question."""
    return [seconds(partial(language.suggest, question, caret), clock) for caret in range(len(question) + 1)]


def read(language: Language, question: str, runs: int, clock: Clock) -> list[float]:
    """Return the seconds of reading a question."""
    return [seconds(partial(language.interpret, question, TODAY), clock) for _ in range(runs)]


def micros(measured: list[float]) -> str:
    """Return the median and the 99th percentile in microseconds."""
    ordered = sorted(measured)
    return f"{statistics.median(ordered) * 1e6:>8.0f}{ordered[int(len(ordered) * 0.99)] * 1e6:>7.0f}"


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--values", type=int, default=20_000, help="values of the vocabulary (default 20,000)")
    parser.add_argument("--runs", type=int, default=5, help="times that suggestions are asked for (default 5)")
    parser.add_argument("--processor", action="store_true", help="count processor time, where others keep it busy")
    options = parser.parse_args()
    clock = time.thread_time if options.processor else time.perf_counter
    values = enlarged(options.values)
    language = Language(SCHEMA, values)
    first = seconds(partial(language.suggest, "", 0), clock)
    print(f"vocabulary of {len(values):,} values; the first suggestion in {first * 1e3:.0f} ms")
    print(f"the target for a median is {TARGET * 1e6:.0f} µs; median and p99 of suggestions, in µs:")
    print(f"{'typed, first':>15}{'again':>15}{'inside, first':>15}{'again':>15}{'reading':>15}")
    columns: list[list[float]] = [[] for _ in range(5)]
    for question in ASKED:
        row = []
        for each in (typed, inside):
            row.append(each(language, question, clock))
            row.append([spent for _ in range(options.runs) for spent in each(language, question, clock)])
        row.append(read(language, question, 10 * options.runs, clock))
        print(f"{''.join(map(micros, row))}  {question}")
        for column, spent in zip(columns, row, strict=True):
            column.extend(spent)
    print(f"{''.join(map(micros, columns))}  all of the {len(columns[0]):,} places")


if __name__ == "__main__":
    main()
