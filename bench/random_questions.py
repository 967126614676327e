"""Random questions: jumbled words, phrases of a small grammar, worn texts, and text of no language at all.

Gives `questions`, an endless stream that hangs on its seed alone, and the words of which they are made: `all_words` and
`pairs`. Some questions are sensible, most are not, and all of them may be typed by somebody.
"""

from __future__ import annotations

import random
import sys
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

from nlq.amounts.comparisons import ABOUT, COMPARISONS, SUFFIXES
from nlq.amounts.currencies import CENTS, MARKS, NAMES
from nlq.amounts.durations import UNITS
from nlq.amounts.number_words import NUMBER_WORDS, ORDINALS
from nlq.tagging import fillers, words
from pfa_rpc.schema import FIELDS
from tests.unit.nlq.cases import ROOT, cases, vocabulary

LONG: Final = 10_000
"""Characters of the longest texts; more than a question may have."""

_TIMES: Final = ("day", "days", "weeks", "month", "months", "quarter", "years", "hours", "fortnight")
_MONTHS: Final = ("January", "feb", "March", "June", "Sept", "December")
_JOINTS: Final = (*[" "] * 4, "  ", "-", ", ", ". ", "/", "", "\t", " - ", "\u00a0", "'", "’s ", " (", ") ")
_SIGNS: Final = tuple("\"'“”()[?!%$€&+~#@*|\\;")
_CONDITIONS: Final = (
    *("cranes", "pumps", "JLG", "Caterpillar", "600AJ", "8K", "in Silo 4", "in Silos 4 and 7", "rentals", "purchases"),
    *("over $5k", "under 9k", "between 2k and 4k", "rate over 3k", "around 5k", "5k a month", "plan cost above 10k"),
    *("forecast cost over plan cost", "forecast end after plan end", "same start as planned", "10 % over plan cost"),
    *("starting in March", "ending before June", "on site in May", "on site now", "since March", "by June 30", "today"),
    *("after 2027 by 2025", "plan end in 2026", "forecast end on Feb 30", "at least 2 years", "longer than 3 months"),
    *(
        "discontinued",
        "not discontinued",
        "actualized",
        "transferable",
        "including discontinued",
        "over budget",
        "late",
    ),
    *("without a contract", "with a contract", "no actual end", "with equipment", "never synced", "with a sync error"),
    *("modified by maria", "modified last week", "modified in PEMS by pat", "failed to sync", "in conflict", "pending"),
    *("whose rate was changed", "whose area was not changed", "deleted in PEMS", "local version over 2", "purple"),
    *(
        "not in Silo 4",
        "not cranes",
        "except JLG",
        "neither cranes nor pumps",
        "excluding Silo 7",
        "EQ-2087",
        "Unknown",
    ),
)
"""Conditions of every kind, each as somebody says it."""
_JOINING: Final = (*(" ",) * 3, *(" and ",) * 2, *(" or ",) * 2, *(", ",) * 2, ", and ", ", or ", " but ", " that are ")
"""What stands between conditions."""
_ASKING: Final = (
    *("",) * 4,
    *("how many ", "total cost of ", "show ", "top 5 ", "average rate by area of ", "areas with more than 3 "),
    *("are there any ", "who changed ", "changes to ", "percentage of ", "the most expensive ", "push ", "move "),
)
"""What stands before them."""
_ENDING: Final = (*("",) * 5, " by area", " sorted by rate", " by 2 weeks", " to plan", " per month", " first 5")
"""What stands behind them."""
_NESTED: Final = ("not ", "(", '"', "except ", "of ", "either ", "neither ", "between ", "by ", "and ", "or ", "-", "$")


@cache
def _phrases() -> tuple[str, ...]:
    """Return the phrases that the language knows, amounts and dates aside."""
    known = [phrase for phrases in words.PHRASES.values() for phrase in phrases]
    known += [phrase for phrases in (*COMPARISONS.values(), *SUFFIXES.values()) for phrase in phrases[:24]]
    known += [*ABOUT, *fillers.FILLERS, *fillers.UNREAD]
    for field in FIELDS:
        known += [*field.words, *field.true_words, *field.false_words]
        known += [word for value in field.values for word in (value.label, *value.words)]
    return tuple(known)


@cache
def _values() -> tuple[str, ...]:
    """Return the values that a question can name."""
    return tuple(term.spelling for term in vocabulary())


@cache
def _fields() -> tuple[str, ...]:
    """Return the names of fields."""
    return tuple(word for field in FIELDS for word in field.words)


@cache
def _known_questions() -> tuple[str, ...]:
    """Return questions that are read well, of the fixtures."""
    names = ("questions", "command_questions", "followups", "dates", "figures", "ranges", "durations", "money_texts")
    present = [name for name in names if (ROOT / "tests" / "fixtures" / f"{name}.txt").exists()]
    return tuple(row[0] for name in present for row in cases(f"{name}.txt", 1))


def all_words() -> tuple[str, ...]:
    """Return the phrases, values and amounts that questions are made of, and each of their words."""
    said = (*_phrases(), *_values(), *_fields(), *_amount_words(), *_TIMES, *_MONTHS, *_SIGNS)
    return tuple(dict.fromkeys((*said, *(word for phrase in said for word in phrase.split()))))


def pairs(seed: int, count: int) -> Iterator[str]:
    """Yield random pairs of words. The same seed gives the same pairs."""
    draw, words_known = random.Random(seed), all_words()
    for _ in range(count):
        yield f"{draw.choice(words_known)} {draw.choice(words_known)}"


def number(draw: random.Random) -> str:
    """Return a number or an amount of money in one of the ways to write it."""
    value = draw.choice((draw.randrange(13), draw.randrange(100), draw.randrange(20_000), draw.randrange(10**7)))
    kind = draw.randrange(12)
    if kind < 3:
        return (f"{value}", f"{value:,}", f"{value / 100:.2f}")[kind]
    if kind < 6:
        return (f"${value:,}", f"{value % 500}k", f"{draw.choice(sorted(MARKS))} {value}")[kind - 3]
    if kind < 8:
        return f"{value} {draw.choice((*NAMES, 'percent', '%', 'grand', 'million'))}"
    joints = (" ",) if draw.random() < 0.7 else _JOINTS
    return "".join(draw.choice(_amount_words()) + draw.choice(joints) for _ in range(draw.randint(1, 6)))


@cache
def _amount_words() -> tuple[str, ...]:
    """Return the words and signs that amounts, places and durations are made of."""
    signs = (
        "and",
        "of",
        "a",
        "dot",
        "minus",
        "5",
        "12",
        "1.5",
        "000",
        "1,000",
        "1/2",
        "-",
        "–",
        ",",
        ".",
        "/",
        "^",
        "e",
        "+",
    )
    return tuple(sorted({*NUMBER_WORDS, *ORDINALS, *MARKS, *NAMES, *CENTS, *UNITS, *signs}))


def date_phrase(draw: random.Random) -> str:
    """Return a date or a duration in one of the ways to say it."""
    day, month, year = draw.randint(0, 32), draw.randint(0, 13), draw.choice((24, 1999, 2025, 2026, 2027, 9999))
    simple = (
        f"{year}-{month:02}-{day:02}",
        f"{month}/{day}/{year}",
        f"{draw.choice(_MONTHS)} {day}",
        f"{day} {draw.choice(_MONTHS)} {year}",
        f"Q{draw.randint(0, 5)} {year}",
        f"week {draw.randint(0, 54)}",
        f"{draw.choice(('next', 'last', 'this', 'the past', 'coming'))} {draw.choice(_TIMES)}",
        f"{number(draw)} {draw.choice(_TIMES)} {draw.choice(('ago', 'from now', 'before today', ''))}",
        f"the {draw.choice(tuple(ORDINALS))} of {draw.choice(_MONTHS)}",
        draw.choice(("today", "yesterday", "tomorrow", "end of year", "mid March", "monday", "the weekend")),
    )
    one = draw.choice(simple)
    joint = draw.choice(("", "", "since ", "before ", "after ", "until ", "by ", "in ", "on ", "within "))
    return f"between {one} and {draw.choice(simple)}" if draw.random() < 0.15 else joint + one


def condition(draw: random.Random) -> str:
    """Return a condition: on values, an amount, dates or a state."""
    kind = draw.randrange(8)
    field = draw.choice(_fields())
    if kind < 2:
        return f"{draw.choice(('in', 'not in', 'from', 'with', 'without', 'of'))} {draw.choice(_values())}"
    if kind == 2:
        return (
            f"{draw.choice(_values())}, {draw.choice(_values())} {draw.choice(('or', 'and'))} {draw.choice(_values())}"
        )
    if kind == 3:
        return f"{field} {draw.choice(COMPARISONS[draw.choice(list(COMPARISONS))])} {number(draw)}"
    if kind == 4:
        return f"{field} between {number(draw)} and {number(draw)}"
    if kind == 5:
        return (
            f"{draw.choice(('forecast start', 'plan end', 'arriving', 'on site', 'modified', ''))} {date_phrase(draw)}"
        )
    if kind == 6:
        return f"{draw.choice(('over', 'under', 'at least'))} {number(draw)}"
    return f"{field} {draw.choice(('above', 'equal to', 'missing', 'more than'))} {draw.choice(_fields())}"


def sentence(draw: random.Random) -> str:
    """Return what has the build of a question, an order or a follow-up."""
    things = draw.choice((*_values(), "rentals", "purchases", "equipment", "records", "everything"))
    conditions = " ".join(condition(draw) for _ in range(draw.randrange(4)))
    head = draw.choice(
        (
            *("", "", "show me", "how many", "which", "are there any", f"top {number(draw)}", "the most expensive"),
            *(
                f"total {draw.choice(_fields())} of",
                f"average {draw.choice(_fields())} per {draw.choice(_fields())} for",
            ),
            *("only the", "what about", "and", "drop the", "sort them by", "those", "share of", "list distinct"),
            *(
                "push",
                "extend",
                "set",
                "delete",
                "increase the rate of",
                "reassign",
                "mark",
                "reset",
                "clear the model of",
            ),
        )
    )
    tail = draw.choice(
        (
            *("", "", "", f"by {draw.choice(_fields())}", f"sorted by {draw.choice(_fields())} descending"),
            *(f"by {number(draw)}", f"to {draw.choice(_values())}", f"by {number(draw)} {draw.choice(_TIMES)}"),
            *(f"having more than {number(draw)}", "as discontinued", "to plan", "highest first", f"to {number(draw)}"),
        )
    )
    return " ".join(part for part in (head, things, conditions, tail) if part)


def combination(draw: random.Random) -> str:
    """Return conditions as people say them, joined in all ways: most are understood."""
    parts = [draw.choice(_CONDITIONS) + draw.choice(_JOINING) for _ in range(draw.randint(2, 6))]
    return f"{draw.choice(_ASKING)}{''.join(parts)}{draw.choice(_ENDING)}"


def jumble(draw: random.Random) -> str:
    """Return known phrases, values and amounts in no order."""
    makers: tuple[Callable[[], str], ...] = (
        *[lambda: draw.choice(_phrases())] * 5,
        *[lambda: draw.choice(_values())] * 2,
        lambda: draw.choice(_fields()),
        lambda: number(draw),
        lambda: date_phrase(draw),
        lambda: draw.choice(_SIGNS),
    )
    parts = [draw.choice(makers)() for _ in range(draw.randint(1, 10))]
    joints = _JOINTS if draw.random() < 0.3 else (" ",)
    return "".join(part + draw.choice(joints) for part in parts)


def worn(draw: random.Random) -> str:
    """Return a question that is read well with a few slips: letters and words left out, doubled or swapped."""
    text = draw.choice(_known_questions())
    for _ in range(draw.randint(1, 3)):
        joint = draw.choice((" ", " ", ""))
        text = joint.join(_slip(draw, text.split(" ") if joint else list(text)))
    return text


def _slip(draw: random.Random, parts: list[str]) -> list[str]:
    """Return words or letters with one slip among them."""
    if not parts:
        return parts
    at, other = draw.randrange(len(parts)), draw.randrange(len(parts))
    slip = draw.randrange(4)
    if slip == 0:
        return parts[:at] + parts[at + 1 :]
    if slip == 1:
        return [*parts[:at], parts[other], *parts[at:]]
    if slip == 2:
        parts[at], parts[other] = parts[other], parts[at]
        return parts
    said = draw.choice((parts[at].upper(), parts[at] + draw.choice(_SIGNS), draw.choice(_phrases())))
    return [*parts[:at], said, *parts[at + 1 :]]


def symbols(draw: random.Random) -> str:
    """Return characters of all of Unicode, control characters and lone surrogates too, with words between."""
    parts = []
    for _ in range(draw.randint(1, 30)):
        code = draw.choice((draw.randrange(0x250), draw.randrange(0x3000), draw.randrange(sys.maxunicode + 1)))
        parts.append(chr(code) * draw.choice((1, 1, 1, 5)))
        if draw.random() < 0.2:
            parts.append(draw.choice((*_values(), *_phrases())))
    text = "".join(parts)
    return unicodedata.normalize(draw.choice(("NFC", "NFD", "NFKD")), text)


def long(draw: random.Random) -> str:
    """Return a text as long as a question may be or longer: one thing again and again, or nested in itself."""
    length = draw.choice((1_900, 2_000, 2_001, LONG))
    piece = draw.choice((draw.choice(_NESTED), jumble(draw) + " ", sentence(draw) + " ", draw.choice(_SIGNS), "9", "é"))
    return (piece * (length // len(piece) + 1))[:length]


_MAKERS: Final = (
    *(sentence,) * 6,
    *(combination,) * 5,
    *(jumble,) * 4,
    *(worn,) * 6,
    *(number,) * 1,
    *(date_phrase,) * 2,
    symbols,
)
_SELDOM: Final = 400
"""One text in so many is a long one, which takes as long as many others."""


def questions(seed: int) -> Iterator[str]:
    """Yield questions without end. The same seed gives the same questions."""
    draw = random.Random(seed)
    while True:
        yield long(draw) if draw.randrange(_SELDOM) == 0 else draw.choice(_MAKERS)(draw)
