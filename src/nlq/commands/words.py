"""The words of commands, as data: verbs with what they do, and the small words that direct and introduce.

Gives `Act`, `Verb`, `VERBS`, `participle` and sets of words. Verbs are known by their exact letters, as "changes" and
"changed" are no command; all other words by their keys. Verbs that set a flag ("discontinue") are the schema's to tell.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


class Act(enum.Enum):
    """What a verb can do; which of it is done depends on the words with it."""

    SHIFT = enum.auto()
    """Move both ends of a period."""
    EXTEND = enum.auto()
    """Move the end of a period."""
    BEGIN = enum.auto()
    """Move or set the start of a period."""
    FINISH = enum.auto()
    """Move or set the end of a period, where it is said which way or to when."""
    SCALE = enum.auto()
    """Change an amount by a share of it."""
    SET = enum.auto()
    """Give a field a value."""
    STATE = enum.auto()
    """Give a value that stands without "to": "make them transferable"."""
    ASSIGN = enum.auto()
    """Give a value that stands before those who get it: "assign EQ-1 to the crane"."""
    GIVE = enum.auto()
    """Give a value that stands behind those who get it: "give EQ-1 a monthly rate of $4,500"."""
    CLEAR = enum.auto()
    """Take a field its value."""
    RESET = enum.auto()
    """Give fields the value that others have."""
    DELETE = enum.auto()
    """Never done."""
    CREATE = enum.auto()
    """Never done by a command."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb of change."""

    acts: frozenset[Act]
    sign: int = 0
    """Which way it goes: 1 later or more, -1 earlier or less, 0 where other words say it."""
    weak: bool = False
    """Whether it has other uses, and is a command only where the words with it make one: "end", "cut", "keep"."""
    factor: str = ""
    """What "double" and the like multiply by."""
    state: str = ""
    """The field that a verb of the schema sets; `sign` says to what: 1 true, -1 false."""


_STRONG: Final[tuple[tuple[tuple[Act, ...], int, str], ...]] = (
    ((Act.SHIFT, Act.SET), 1, "push, delay, postpone, defer"),
    ((Act.SHIFT,), -1, "advance, expedite, accelerate, hasten"),
    ((Act.SHIFT, Act.SET), 0, "shift, reschedule, slide"),
    ((Act.SHIFT, Act.SET, Act.STATE), 0, "move"),
    ((Act.EXTEND, Act.SET), 1, "extend, prolong, lengthen"),
    ((Act.EXTEND,), -1, "shorten, curtail"),
    ((Act.SCALE, Act.EXTEND, Act.SET), 1, "increase, raise"),
    ((Act.SCALE, Act.EXTEND, Act.SET), -1, "decrease, reduce"),
    ((Act.SHIFT, Act.SCALE, Act.SET), 0, "adjust, modify, alter"),
    ((Act.SET, Act.STATE), -1, "unmark, unflag, untag"),
    ((Act.SET,), 0, "transfer, relocate, reclassify, recategorize, recategorise"),
    ((Act.SET, Act.STATE), 0, "convert"),
    ((Act.SET, Act.ASSIGN), 0, "reassign, reallocate"),
    ((Act.CLEAR,), 0, "clear, unset, unassign"),
    ((Act.RESET, Act.SET), 0, "reset, revert, restore, realign"),
    ((Act.DELETE,), 0, "purge, destroy, truncate, eliminate, trash, rid of, throw away"),
    ((Act.DELETE,), 0, "drop table, drop the table, drop database, drop the database, drop all records, drop records"),
    ((Act.DELETE, Act.CLEAR), 0, "delete, erase, wipe, wipe out"),
    ((Act.CREATE,), 0, "create, insert, duplicate, clone, copy"),
)
"""What verbs do, which way they go, and the verbs."""

_WEAK: Final[tuple[tuple[tuple[Act, ...], int, str], ...]] = (
    ((Act.SHIFT, Act.SCALE), -1, "pull, bring"),
    ((Act.SHIFT, Act.SCALE, Act.SET), 0, "change"),
    ((Act.SHIFT, Act.SCALE, Act.SET), 1, "bump"),
    ((Act.SHIFT, Act.SCALE, Act.SET, Act.GIVE), 0, "update, edit"),
    ((Act.SHIFT, Act.SCALE, Act.SET, Act.STATE), 0, "set"),
    ((Act.SHIFT, Act.SET), 1, "slip, kick, hold off, hold back, put off"),
    ((Act.SHIFT, Act.SET, Act.RESET), 1, "put"),
    ((Act.SHIFT, Act.SCALE), 1, "knock"),
    ((Act.SCALE, Act.EXTEND, Act.SET), -1, "cut, lower, drop, trim"),
    ((Act.SCALE, Act.EXTEND), -1, "take"),
    ((Act.SCALE, Act.SET), 1, "hike, boost, uplift, up, mark up"),
    ((Act.SCALE, Act.SET), -1, "discount, slash, mark down"),
    ((Act.SCALE,), 0, "scale, multiply, reprice, apply"),
    ((Act.EXTEND, Act.SCALE, Act.CREATE), 1, "add"),
    ((Act.EXTEND, Act.SET, Act.SCALE, Act.GIVE), 1, "give, grant, allow"),
    ((Act.EXTEND, Act.SET), 1, "keep, stretch, renew"),
    ((Act.SET, Act.STATE), 0, "make, turn, switch, mark, flag, tag, label, classify, flip, designate"),
    ((Act.SET,), 0, "correct, send, charge, replace, swap, fix, substitute, rename"),
    ((Act.SET, Act.RESET), 0, "align"),
    ((Act.SET, Act.ASSIGN, Act.GIVE), 0, "assign, allocate"),
    ((Act.FINISH, Act.RESET), 0, "return"),
    ((Act.FINISH,), 0, "end, finish, release, terminate, off hire, off rent"),
    ((Act.BEGIN,), 0, "start, begin"),
    ((Act.CLEAR,), 0, "blank, empty, detach, strip"),
    ((Act.DELETE, Act.CLEAR), 0, "remove"),
)
"""The same for verbs that have other uses."""

_FACTORS: Final = {"double": "2", "triple": "3", "halve": "0.5"}
_IRREGULAR: Final = {
    "bring": "brought",
    "set": "set",
    "put": "put",
    "hold off": "held off",
    "hold back": "held back",
    "put off": "put off",
    "off hire": "off hired",
    "off rent": "off rented",
    "cut": "cut",
    "keep": "kept",
    "give": "given",
    "make": "made",
    "send": "sent",
    "reset": "reset",
    "begin": "begun",
    "slip": "slipped",
    "drop": "dropped",
    "trim": "trimmed",
    "swap": "swapped",
    "tag": "tagged",
    "flip": "flipped",
    "strip": "stripped",
    "flag": "flagged",
    "unflag": "unflagged",
    "untag": "untagged",
    "defer": "deferred",
    "transfer": "transferred",
    "mark up": "marked up",
    "mark down": "marked down",
    "throw away": "thrown away",
    "wipe out": "wiped out",
    "up": "upped",
    "take": "taken",
}


def participle(verb: str) -> str:
    """Return the form of a verb that follows "should be": "pushed", "brought"."""
    if verb in _IRREGULAR:
        return _IRREGULAR[verb]
    if verb.endswith("e"):
        return f"{verb}d"
    return f"{verb[:-1]}ied" if verb.endswith("y") and verb[-2] not in "aeiou" else f"{verb}ed"


def _verbs() -> Iterable[tuple[str, Verb]]:
    for weak, table in ((True, _WEAK), (False, _STRONG)):
        for acts, sign, phrases in table:
            for phrase in phrases.split(", "):
                yield phrase, Verb(frozenset(acts), sign, weak)
    for phrase, factor in _FACTORS.items():
        yield phrase, Verb(frozenset((Act.SCALE,)), weak=True, factor=factor)


VERBS: Final[dict[str, Verb]] = dict(_verbs())
"""Verbs in the form of an order."""

LEADS: Final = frozenset(
    (
        *("please", "pl", "plz", "kindly", "can", "could", "would", "will", "you", "u", "hi", "hello", "hey", "ok"),
        *("okay", "now", "then", "also", "just", "simply", "so", "and", "go", "ahead", "i", "we", "id", "wed", "ill"),
        *("want", "need", "wish", "like", "to", "let", "me", "us", "help", "must", "should", "shall", "have", "has"),
        *(
            "get",
            "got",
            "ensure",
            "ask",
            "you",
            "next",
            "first",
            "dear",
            "team",
            ",",
            "pls",
            "it",
            "is",
            "time",
            "lets",
        ),
    )
)
"""Words, as keys, that may stand before the verb of an order."""

WISHES: Final = frozenset(("want", "need", "wish", "like", "have", "get", "let", "id", "wed"))
"""Words, as keys, behind which a participle gives an order: "I want the cranes pushed by a week"."""

ASKING: Final = frozenset(
    (
        *("which", "what", "who", "whose", "how", "show", "list", "find", "display", "count", "are", "do", "does"),
        *("did", "when", "where", "why", "tell", "search", "fetch", "see", "report", "compare", "group", "sort"),
        *("sorted", "average", "total", "median", "sum", "number", "any", "was", "were", "look", "view", "export"),
    )
)
"""Words, as keys, that begin a question about records, in which no verb gives an order."""

MODALS: Final = frozenset(
    (
        *("should", "must", "shall", "need", "has", "have", "ought", "to", "be", "get", "can", "could", "been", "now"),
        *("all", "is", "are", "would", "will", "being"),
    )
)
"""Words, as keys, of which "should be", "need to be" and the like before a participle are made."""
OBLIGING: Final = frozenset(("be", "get", "been", "being"))
"""One of which stands right before the participle."""

LATER: Final = frozenset(("later", "late"))
EARLIER: Final = frozenset(("earlier", "sooner", "early"))
LONGER: Final = frozenset(("longer", "more", "extra", "additional", "further", "extension", "on", "top"))
SHORTER: Final = frozenset(("shorter", "less", "off", "short"))
PARTICLES: Final[dict[str, tuple[int, int, int]]] = {
    "out": (1, 1, 0),
    "off": (1, 1, 0),
    "back": (1, 0, -1),
    "backward": (0, -1, -1),
    "forward": (1, 0, -1),
    "ahead": (0, -1, -1),
    "in": (-1, -1, -1),
    "up": (-1, -1, -1),
}
"""Words that direct a verb, as keys → which way a verb goes with them that by itself goes later, either way, earlier;
0 where people mean it both ways."""
MORE: Final = frozenset(
    ("higher", "more", "up", "increase", "raise", "uplift", "markup", "surcharge", "hike", "upward")
)
LESS: Final = frozenset(
    ("lower", "less", "down", "off", "decrease", "reduction", "discount", "cut", "cheaper", "rebate", "downward")
)
FURTHER: Final = frozenset(("another", "extra", "additional", "more", "further", "a", "an", "the", "full", "one"))
"""Words, as keys, that may stand before a duration or share."""
OFF: Final = ("to", "on", "off", "from")
"""Words, as keys, between an amount and what it is added to or taken from: "take 5 % off the rates"."""
ARTICLES: Final = frozenset(
    ("the", "a", "an", "all", "of", "every", "each", "it", "their", "any", "both", "new", "our")
)
"""Words, as keys, that may stand between a verb and the field that it changes, or before a value."""
DETERMINERS: Final = frozenset(("the", "all", "these", "those"))
"""Words, as keys, before records of a kind: "assign EQ-2087 to the pumps"."""
LINKS: Final = frozenset(("of", "for", "on", "to", "from", "at", "is", "should", "be", "must", "are"))
"""Words, as keys, between what is changed and the records."""
PRONOUNS: Final = frozenset(("it", "them", "these", "they", "those", "this", "that", "their"))
POINTING: Final = frozenset(("those", "these"))
"""Words, as keys, that point at records: which, only a question before can say, whatever noun follows."""
JOINS: Final = frozenset(("and", ",", "then", "also", "plus", "&"))
STATES: Final = {"yes": True, "true": True, "no": False, "false": False}
EVERYTHING: Final = frozenset(("all", "everything", "anything", "any", "every", "each", "whatever", "entire", "whole"))
"""Words, as keys, that say that no condition is meant to be there."""
CLOSINGS: Final = frozenset(
    ("please", "pl", "pls", "plz", "thanks", "thank", "you", "thx", "now", "ok", "okay", "kindly", "asap")
)
"""Words, as keys, that may stand at the end of an order."""
UNITS: Final = {
    "day": (0, 1),
    "week": (0, 7),
    "fortnight": (0, 14),
    "month": (1, 0),
    "quarter": (3, 0),
    "year": (12, 0),
}
"""Units of time, as keys → months and days."""
BEFORE_CONDITION: Final = frozenset(
    (
        *("in", "within", "next", "last", "past", "over", "under", "than", "least", "most", "since", "exactly", "per"),
        *("coming", "previous", "after", "before", "between", "with", "without", "no", "having", "of", "about"),
        *("around", "during", "above", "below", "not"),
    )
)
"""Words, as keys, behind which a duration or a field is part of a condition on the records."""
LEADING_TO: Final = frozenset(
    ("equal", "assigned", "belonging", "allocated", "related", "linked", "due", "charged", "up", "prior")
)
"""Words, as keys, behind which "to" belongs to a condition: "rentals assigned to BEO"."""
QUALIFYING: Final = frozenset(
    (
        *("not", "but", "or", "and", ",", "no", "more", "than", "up", "to", "at", "most", "least", "max", "maximum"),
        *("min", "minimum", "over", "under", "above", "below", "only", "rather", "less"),
    )
)
"""Words, as keys, behind a change that qualify it where an amount or another value of the field follows."""
EVENTS: Final = frozenset(
    ("arrival", "delivery", "return", "completion", "mobilization", "demobilization", "departure", "date", "finish")
)
"""Words, as keys, for the ends of a period that name a date to be changed, as "starting" does not."""
MARKS: Final = frozenset(("flag", "mark", "status", "state", "setting"))
"""Words, as keys, that may follow the name of a flag."""
STAYING: Final = frozenset(("on", "site", "onsite", "rent", "hire", "here"))
"""Words, as keys, between "keep" with its records and how long."""
VIEW: Final = frozenset(
    ("filter", "condition", "limit", "grouping", "sorting", "restriction", "criterion", "criteria", "constraint")
)
"""Words, as keys, for parts of a question, which orders that go on from it are about."""
COMMAND_WORDS: Final[frozenset[str]] = frozenset().union(
    *(LEADS, WISHES, ASKING, MODALS, OBLIGING, LATER, EARLIER, LONGER, SHORTER, PARTICLES, MORE, LESS, FURTHER),
    *(ARTICLES, LINKS, PRONOUNS, JOINS, STATES, EVERYTHING, CLOSINGS, UNITS, BEFORE_CONDITION),
    ("until", "till", "through", "thru", "into", "as", "down", "over"),
)
"""Words, as keys, that commands know, and that no misspelt word is."""
RANGING: Final = frozenset(("to", "or"))
"""Words, as keys, between the amounts of a range."""
SETTING: Final = frozenset(("to", "into", "as", "at", "=", "be"))
"""Words, as keys, before the value that a field gets."""
UNTIL: Final = frozenset(("until", "till", "til", "through", "thru"))
"""Words, as keys, before the day that a date becomes."""
