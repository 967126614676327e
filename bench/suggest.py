"""How long suggestions take while a question is typed, with a vocabulary of 20,000 values, beside reading it.

Every question is typed letter by letter; after each letter, suggestions are asked for at its end. The first time
nothing is remembered of the words before; later they were seen, as they were when the letter before was typed.

    python -m bench.suggest [--values 20000] [--runs 5]
"""

from __future__ import annotations

import argparse
import statistics
import time

from bench.interpret import QUESTIONS, TODAY, enlarged
from nlq.pipeline import Language
from pfa_rpc.schema import SCHEMA

TARGET = 1e-3


def typed(language: Language, question: str) -> list[float]:
    """Return the seconds of the suggestions after each letter of a question."""
    spent = []
    for caret in range(len(question) + 1):
        began = time.perf_counter()
        language.suggest(question[:caret], caret)
        spent.append(time.perf_counter() - began)
    return spent


def read(language: Language, question: str, runs: int) -> float:
    """Return the median seconds of reading a question."""
    spent = []
    for _ in range(runs):
        began = time.perf_counter()
        language.interpret(question, TODAY)
        spent.append(time.perf_counter() - began)
    return statistics.median(spent)


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--values", type=int, default=20_000, help="values of the vocabulary (default 20,000)")
    parser.add_argument("--runs", type=int, default=5, help="times that each question is typed (default 5)")
    options = parser.parse_args()
    values = enlarged(options.values)
    language = Language(SCHEMA, values)
    began = time.perf_counter()
    language.suggest("", 0)
    print(f"vocabulary of {len(values):,} values; the first suggestion in {(time.perf_counter() - began) * 1e3:.0f} ms")
    print(f"the target for a median is {TARGET * 1e6:.0f} µs; a letter costs, in µs:")
    print(f"{'first time':>11}{'median':>8}{'p99':>7}{'target / median':>17}{'reading':>9}  question")
    everything: list[float] = []
    for question in QUESTIONS:
        first = statistics.median(typed(language, question))
        spent = sorted(second for _ in range(options.runs) for second in typed(language, question))
        everything += spent
        median, p99 = statistics.median(spent), spent[int(len(spent) * 0.99)]
        reading = read(language, question, 50)
        row = f"{first * 1e6:>11.0f}{median * 1e6:>8.0f}{p99 * 1e6:>7.0f}{TARGET / median:>17.1f}{reading * 1e6:>9.0f}"
        print(f"{row}  {question}")
    print(f"all letters: median {statistics.median(everything) * 1e6:.0f} µs")


if __name__ == "__main__":
    main()
