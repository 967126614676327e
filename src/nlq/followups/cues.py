"""Cues: the words by which a question goes on from the one before it, as data.

Gives `Cue`, `CUES`, `cues_at`, `CUE_WORDS`, `LEADS`, `EVERY` and `PREPOSITIONS`. Adding a way to refer to the question
before is adding a phrase here. Phrases are read through the same stemming as questions.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from itertools import product
from typing import Any, Final

from nlq.normalize import Token, keys


class Cue(enum.Enum):
    """What a phrase does to the question before."""

    OTHER = "other"
    """What follows takes the place of what was said of the same fields: "what about", "the same for"."""
    ONLY = "only"
    """What follows must hold as well: "only", "narrow it down to"."""
    LIMIT_TO = "limit to"
    """ONLY before a condition, a limit before a number."""
    ALSO = "also"
    """What follows is wanted as well: "also", "add"."""
    TOO = "too"
    """ALSO, said at the end."""
    LESS = "less"
    """What follows is not wanted, or no condition: "remove", "drop"."""
    OPEN = "open"
    """What follows is no condition any more: "regardless of", "ignore"."""
    UNDO = "undo"
    """What follows is taken back, if it is a filter, an order or the like: "clear", "undo"."""
    FILTER = "filter"
    """The thing that LESS and OPEN are about: "filter", "condition"."""
    INSTEAD = "instead"
    """OTHER, said at the end."""
    INSTEAD_OF = "instead of"
    """What follows gives way."""
    REFER = "refer"
    """Stands for the records of the question before: "that list"."""
    POSSESSIVE = "possessive"
    """"their", "its": REFER where the question names nothing itself."""
    ONES = "ones"
    """Stands for records of a kind: "the rented ones"."""
    ASK = "ask"
    """REFER, and asks for the records that follow: "which are", "which ones"."""
    NOW = "now"
    """A filler that begins a step on from the question before, if it names none of its own."""
    ORDERING = "ordering"
    LIMIT = "limit"
    GROUPING = "grouping"
    REVERSE = "reverse"
    UNSORTED = "unsorted"
    UNLIMITED = "unlimited"
    PAGE = "page"
    """Asks for what comes behind the records of the question before, as nothing can: "next 10", "page 2"."""
    DATES = "dates"
    AMOUNTS = "amounts"


_THAT: Final = ("it", "them", "that", "this", "those", "these")
_SAME: Final = tuple(
    " ".join(words).strip()
    for words in product(
        ("same", "the same", "do the same", "and the same", "exactly the same"),
        ("", "thing", "question", "query", "list", "search", "report", "again", "as before", "as above", "condition"),
    )
)


def _with_that(*patterns: str) -> tuple[str, ...]:
    """Return the phrases with each word for what was said before in the place of `*`, and with none."""
    return tuple(" ".join(pattern.replace("*", word).split()) for pattern in patterns for word in ("", *_THAT))


def _of_that(*patterns: str) -> tuple[str, ...]:
    """Return the phrases with each word for what was said before in the place of `*`."""
    return tuple(pattern.replace("*", word) for pattern in patterns for word in _THAT)


CUES: Final[dict[Cue, tuple[str, ...]]] = {
    Cue.OTHER: (
        *("no,", "no, actually", "actually", "i meant", "i mean", "no, i meant", "no i meant", "sorry, i meant"),
        *("what about", "how about", "what of", "and what about", "how's about", "what if we take", "what's about"),
        *_SAME,
        *_with_that("repeat *", "switch * to", "again *", "do * again", "try *", "let's try *", "now try *"),
        *(
            "ditto",
            "ditto for",
            "likewise",
            "likewise for",
            "and now for",
            "now for",
            "now with",
            "now in",
            "run it for",
        ),
        *("run that for", "show that for", "show it for", "show the same", "give me the same", "list the same"),
    ),
    Cue.ONLY: (
        *("only", "just", "solely", "exclusively", "nothing but", "focus on", "keep", "keep only", "keep just"),
        *("only keep", "just keep", "only show", "only list", "of which", "refine to", "specifically", "but only"),
        *_with_that("narrow *", "narrow * down", "narrow * to", "narrow * down to", "restrict * to", "filter *"),
        *_with_that("filter * to", "filter * by", "filter * for", "filter * on", "filter * down to", "refine * to"),
        *_with_that("reduce * to only", "cut * down to"),
    ),
    Cue.LIMIT_TO: (*_with_that("limit * to", "cap * at"), "make it", "make that"),
    Cue.ALSO: (
        *("also", "and also", "add", "also add", "also include", "also show", "also list", "include", "in addition"),
        *("plus", "along with", "together with", "as well as", "in addition to", "add to that", "add in"),
        *(
            "include also",
            "and include",
            "and add",
            "extend to include",
            "widen to",
            "also with",
            "also for",
            "also in",
        ),
    ),
    Cue.TOO: ("too", "as well", "in addition"),
    Cue.LESS: (
        *("remove", "drop", "take out", "take away", "take off", "get rid of", "throw out", "throw away", "filter out"),
        *("lose", "cut out", "eliminate", "strip", "strip out", "discard", "scratch", "leave off", "don't show"),
        *("do not show", "don't include", "do not include", "don't list", "do not list", "not including"),
    ),
    Cue.OPEN: (
        *("regardless of", "irrespective of", "no matter", "no matter what", "never mind", "nevermind", "forget"),
        *("forget about", "ignore", "disregard", "without regard to", "independent of", "whatever the"),
        *("don't filter by", "do not filter by", "stop filtering by", "not filtered by", "without filtering by"),
    ),
    Cue.UNDO: (
        *("clear", "undo", "turn off", "relax", "lift", "disable", "release", "reset", "don't restrict to"),
        *("don't limit", "do not limit", "don't sort", "do not sort", "don't group", "do not group", "stop sorting"),
        *("stop grouping", "cancel", "delete"),
    ),
    Cue.FILTER: ("filter", "condition", "restriction", "constraint", "criterion", "criteria", "clause", "limitation"),
    Cue.INSTEAD: ("instead", "rather", "in its place"),
    Cue.INSTEAD_OF: ("instead of", "rather than", "in place of", "in lieu of"),
    Cue.REFER: (
        *("that list", "this list", "that result", "that selection", "this selection", "the above", "the ones above"),
        *("that set", "this set", "the previous ones", "the previous results", "the previous list", "the same ones"),
        *(
            "the last ones",
            "is that",
            "is this",
            "was that",
            "are those all",
            "they're",
            "they've",
            "the latter",
            "of that",
            "of it",
        ),
        *_of_that("break * down", "break * up", "split * up", "split *", "group *", "divide *", "summarize *"),
        *("you just listed", "you just showed", "you listed", "you showed me", "just listed", "from before"),
    ),
    Cue.POSSESSIVE: ("their", "its"),
    Cue.ONES: ("ones", "one"),
    Cue.ASK: (
        *(
            "which are",
            "which is",
            "which ones",
            "which one",
            "which ones are",
            "which have",
            "which has",
            "which cost",
        ),
        *("which were", "which one is", "which ones have", "who of them", "what ones", "which ones cost"),
    ),
    Cue.NOW: ("now", "and now", "then", "next", "so now", "and then"),
    Cue.ORDERING: ("sort", "sorting", "order", "ordering", "ranking", "sort order", "sorted", "sort by", "order by"),
    Cue.LIMIT: ("limit", "top", "cap"),
    Cue.GROUPING: ("group", "grouping", "breakdown", "split", "group by"),
    Cue.REVERSE: (
        *("reverse", "reversed", "reverse it", "reverse that", "reverse them", "reverse the order", "reverse the sort"),
        *("reverse the sorting", "reverse order", "in reverse", "in reverse order", "the other way around", "flip it"),
        *("the other way round", "other way around", "other way round", "flip the order", "flip the sort", "flip that"),
        *(
            "opposite order",
            "in the opposite order",
            "the opposite order",
            "backwards",
            "reverse sort",
            "invert the order",
        ),
    ),
    Cue.UNSORTED: ("unsorted", "unordered", "in any order", "in no particular order", "unsort", "unsort it"),
    Cue.UNLIMITED: (
        *("all of them", "them all", "all of those", "all of these", "show all", "show more", "see all", "list all"),
        *("unlimited", "the rest of them", "the full list", "the whole list", "the complete list", "every one of them"),
        *("not just the first", "those all", "these all", "all those", "all these", "more of them"),
    ),
    Cue.PAGE: (
        "next",
        "the next",
        "show the next",
        "show me the next",
        "next page",
        "previous page",
        "page",
        "previous",
    ),
    Cue.DATES: ("date", "dates", "time", "period", "date range", "time frame", "timeframe", "month", "quarter", "year"),
    Cue.AMOUNTS: ("amount", "money", "price range", "money amount", "dollar amount"),
}
"""Cue → the phrases for it."""

LEADS: Final = frozenset(
    key
    for word in (
        "show",
        "list",
        "give",
        "find",
        "get",
        "display",
        "fetch",
        "see",
        "search",
        "look",
        "pull",
        "bring",
        "tell",
    )
    for key in keys(word)
)
"""Verbs, as keys, that begin a question of its own."""
PREPOSITIONS: Final = frozenset(
    key
    for word in (
        *("in", "on", "at", "from", "for", "of", "with", "by", "under", "within", "inside", "during", "to", "since"),
        *("until", "till", "before", "after", "between", "through", "not", "without", "no", "like", "near", "per"),
    )
    for key in keys(word)
)
"""Words, as keys, before a piece of a question that names no records by itself: "in Silo 5"."""

EVERY: Final = frozenset(("all", "any", "every", "whatever", "each"))
"""Words before a field that is no condition any more: "all silos"."""

_END: Final = ""


def _trie() -> dict[str, Any]:
    root: dict[str, Any] = {}
    for cue, phrases in CUES.items():
        for phrase in phrases:
            node = root
            for key in keys(phrase):
                node = node.setdefault(key, {})
            node[_END] = node.get(_END, frozenset()) | {cue}
    return root


_TRIE: Final = _trie()
CUE_STARTS: Final = _TRIE.keys()
"""First words of the cues, as keys."""
CUE_WORDS: Final = frozenset(key for phrases in CUES.values() for phrase in phrases for key in keys(phrase))
"""Every single word of a cue, as a key: known, and so never a misspelling of another."""


def cues_at(tokens: Sequence[Token], index: int) -> list[tuple[int, frozenset[Cue]]]:
    """Return the cues that begin at a token, each with the index after it, the longest first."""
    found: list[tuple[int, frozenset[Cue]]] = []
    node = _TRIE
    while index < len(tokens) and (following := node.get(tokens[index].key)) is not None:
        index += 1
        node = following
        if _END in node:
            found.append((index, node[_END]))
    return found[::-1]
