"""Looks for questions that the language cannot take: random ones, for so many seconds, each held against the laws.

The laws: no exception but the one for a text that is none; each word in one piece; the filter text means the query;
the sentence, asked as a question, gives the same query, that of a question which goes on from another one, too; the
amount and date readers take the text; a reading takes no longer than its length allows; and processes with other hash
seeds read the same. What breaks one is made as short as it can be and printed. What is said again and again takes work
in proportion: random pairs of words, or all words alone.

    python -m bench.fuzz_language [--seconds 20] [--seed 1] [--show 20] [--words]
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from bench.random_questions import all_words, pairs, questions
from nlq.amounts.durations import read_duration, read_duration_text
from nlq.amounts.money import read_money, read_money_text
from nlq.amounts.numbers import read_number, read_number_text, read_percent
from nlq.amounts.ordinals import read_ordinal, read_ordinal_text
from nlq.dates import read_date_text
from nlq.errors import QuestionError
from nlq.interpretation import Interpretation
from nlq.normalize import tokenize
from nlq.query import Query
from nlq.range_texts import read_range_text
from tests.unit.nlq.cases import ROOT, TODAY, check_laws, language
from tests.unit.nlq.work import MOST_GROWTH, growth

SLOWEST: Final = 0.1
"""Seconds that a question of full length may take: 50 times its median, since the machine has other work too."""
TEXT_READERS: Final[tuple[Callable[[str], object], ...]] = (
    read_number_text,
    read_money_text,
    read_ordinal_text,
    read_duration_text,
    read_range_text,
    lambda text: read_date_text(text, TODAY),
)
HASH_SEEDS: Final = ("0", "1", "4242")
PAIRS: Final = 40
"""Random pairs of words that are said again and again."""
COMPARED: Final = 3_000
"""Questions that are read again under each hash seed."""
FOLLOWED: Final = ", as a follow-up"
"""What is said of a law that a question breaks behind another one."""
HEADS: Final = ("", "move the pumps", "how many")
"""What stands before a piece that is said again and again."""


@dataclass(slots=True)
class Findings:
    """What was found: the law that was broken → the shortest question that breaks it, and the one before it."""

    counts: Counter[str] = field(default_factory=Counter)
    shortest: dict[str, tuple[str, str]] = field(default_factory=dict)

    def add(self, law: str, question: str, before: str = "") -> None:
        """Count a question that breaks a law behind another, and keep both where it is the shortest of its kind."""
        self.counts[law] += 1
        if law not in self.shortest or len(question) < len(self.shortest[law][0]):
            self.shortest[law] = question, before


def broken(question: str, context: Query | None = None) -> str | None:
    """Return the law that a question breaks, None where it obeys them all."""
    try:
        _check_readers(question)
        began = time.process_time()
        reading = language().interpret(question, TODAY, context)
        if time.process_time() - began > SLOWEST and _is_slow(question, context):
            return "takes too long"
        check_laws(question, reading, language())
    except QuestionError:
        return None
    except Exception as error:
        return _law_of(error)
    return None


def _check_readers(question: str) -> None:
    """Let the readers of amounts and dates read a text, as a whole and from each of its tokens."""
    for reader in TEXT_READERS:
        reader(question)
    tokens = tokenize(question[:300])
    for index in range(len(tokens)):
        for read in (read_number, read_money, read_ordinal, read_duration):
            reading = read(tokens, index)
            assert reading is None or index < reading.end <= len(tokens), f"{read.__name__} ends outside of the text"
        percent = read_percent(tokens, index)
        assert percent is None or index < percent[0] <= len(tokens), "read_percent ends outside of the text"


def _is_slow(question: str, context: Query | None) -> bool:
    """Return whether a question takes too long three times in a row."""
    seconds = []
    for _ in range(3):
        began = time.process_time()
        language().interpret(question, TODAY, context)
        seconds.append(time.process_time() - began)
    return min(seconds) > SLOWEST


def _law_of(error: Exception) -> str:
    """Return what went wrong, and where: the last place of our own, without what hangs on the question."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if str(ROOT) in frame.filename]
    if isinstance(error, AssertionError) and frames and frames[-1].line:
        return f"{frames[-1].name}: {frames[-1].line.strip()}"
    place = f"{frames[-1].filename.removeprefix(str(ROOT))}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} at {place}: {str(error)[:60]}"


def shortened(question: str, law: str, before: str = "", *, seconds: float = 5) -> str:
    """Return a shorter question that breaks the same law behind the same question.

    Words are left out while it still does; of one word, letters.
    """
    end = time.perf_counter() + seconds
    context = _query_of(before) if before else None
    joint = " " if " " in question.strip() else ""
    parts = question.split(" ") if joint else list(question)
    size = max(len(parts) // 2, 1)
    while size and time.perf_counter() < end:
        at = 0
        while at < len(parts) and time.perf_counter() < end:
            rest = parts[:at] + parts[at + size :]
            if rest and broken(joint.join(rest), context) == law:
                parts = rest
            else:
                at += size
        size //= 2
    return joint.join(parts)


def read_randomly(seed: int, seconds: float) -> tuple[int, Findings, list[str]]:
    """Read random questions for so many seconds, each third also behind one that was understood before it.

    Returns how many were read, what was found, and the first `COMPARED` of the questions.
    """
    findings = Findings()
    kept: list[str] = []
    count = 0
    before = ""
    context: Query | None = None
    end = time.perf_counter() + seconds
    for question in questions(seed):
        if time.perf_counter() > end:
            break
        count += 1
        law = broken(question)
        if law is not None:
            findings.add(law, question)
            continue
        if context is not None and count % 3 == 0 and (law := broken(question, context)) is not None:
            findings.add(f"{law}{FOLLOWED}", question, before)
        if len(kept) < COMPARED and len(question) < 500:
            kept.append(question)
        query = _query_of(question)
        before, context = (question, query) if query is not None else (before, context)
    return count, findings, kept


def _query_of(question: str) -> Query | None:
    """Return the query of a question that was understood, None of others."""
    try:
        reading = language().interpret(question, TODAY)
    except QuestionError:
        return None
    return reading.query if reading.complete else None


def digest(question: str) -> str:
    """Return a short digest of all of a reading."""
    try:
        reading: Interpretation | str = language().interpret(question, TODAY)
    except QuestionError as error:
        reading = str(error)
    return hashlib.sha256(repr(reading).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def different(asked: list[str]) -> Iterable[str]:
    """Yield the questions that processes with other hash seeds read otherwise."""
    here = [digest(question) for question in asked]
    for seed in HASH_SEEDS:
        process = subprocess.run(
            [sys.executable, "-m", "bench.fuzz_language", "--digests"],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        there = json.loads(process.stdout)
        yield from (question for question, one, other in zip(asked, here, there, strict=True) if one != other)


def growing(pieces: Iterable[str]) -> Iterable[str]:
    """Yield the pieces whose repetition takes more work than in proportion to its length."""
    before = language().interpret("rentals in Silo 4 over $5000 by monthly rate", TODAY).query
    for piece in pieces:
        for head, context in (*((head, None) for head in HEADS), ("", before)):
            with contextlib.suppress(QuestionError):  # signs alone are no question
                times = growth(piece, head, context)
                if times > MOST_GROWTH:
                    behind = " behind another question" if context is not None else ""
                    yield f"{head} {piece!r}{behind}: {times:.1f} times the work for 4 times the text"


def main() -> None:
    """Fuzz, and print what was found; exit 1 where anything was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20, help="how long to go on (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="where the random questions begin (default %(default)s)")
    parser.add_argument("--show", type=int, default=20, help="most kinds of findings to print (default %(default)s)")
    parser.add_argument("--words", action="store_true", help="say every word again and again, for many minutes")
    parser.add_argument("--digests", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.digests:
        sys.stdout.write(json.dumps([digest(question) for question in json.load(sys.stdin)]))
        return
    count, findings, kept = read_randomly(options.seed, options.seconds)
    for question in different(kept):
        findings.add("a fresh process with another hash seed reads it otherwise", question)
    for piece in growing(all_words() if options.words else pairs(options.seed, PAIRS)):
        print(piece, flush=True)
        findings.add("work grows faster than length", piece)
    print(f"{count:,} questions; {len(kept):,} with {len(HASH_SEEDS)} hash seeds each; {len(findings.counts)} findings")
    for law, times in findings.counts.most_common(options.show):
        question, before = findings.shortest[law]
        behind = f"\n         behind {before!r}" if before else ""
        print(f"{times:>6} × {law}\n         {shortened(question, law.removesuffix(FOLLOWED), before)!r}{behind}")
    sys.exit(1 if findings.counts else 0)


if __name__ == "__main__":
    main()
