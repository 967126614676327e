"""Occasions: what is worth saying next in a question, by what was said last.

Gives `Head`, `read_head` and the tables. The grammar says what may follow; the tables say in which order it is offered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nlq.normalize import Token
from nlq.schema import FieldSpec
from nlq.tagging.tags import FILLER, LABEL, RECORD, UNKNOWN, Flagged, Tagged

LEADS_IN: Final = ("show me", "list", "find", "which", "in", "from", "of", "on")
"""Fillers that are offered: words that begin a question, and prepositions before values."""
AMOUNTS: Final = ("5,000", "1,000", "10,000", "50,000", "100,000")
"""Examples of amounts, in whatever currency."""
NUMBERS: Final = ("10", "5", "20", "100")
"""Examples of numbers of records."""
DATES: Final = ("next month", "this month", "this quarter", "next quarter", "this year", "next year", "today")
"""Examples of dates."""

NOUN: Final = "NOUN"
"""A value that says what records are called: "rentals"."""

_GOVERNING: Final = frozenset(
    ("BY", "SORT", "THEN", "FUNCTION", "EXTREME", "WITH", "WITHOUT", "ABSENT", "COUNT", "DIFFERENT")
)
_FIELDS: Final = frozenset(("FIELD", "MEASURE"))
_AMOUNTS: Final = frozenset(("NUMBER", "MONEY"))
_JOINS: Final = frozenset(("AND", "OR", "COMMA"))
_LISTED: Final = ("VALUE", "FLAG")
_ORDERING: Final = frozenset(("SORT", "RANK", "LIMIT", "EXTREME", "DIRECTION", "MOST"))
_FIGURES: Final = frozenset(("COUNT", "FUNCTION", "DIFFERENT", "TOTAL_OF"))

_BEGIN: Final = (
    *(NOUN, FILLER, "COUNT", "FUNCTION", "RANK", "VALUE", "FLAG", "CLAIM", "EXTREME", "LIMIT", "FIELD", "MEASURE"),
)
_GO_ON: Final = (
    *(FILLER, "WITH", "WITHOUT", "SORT", "BY", "AND", "OR", "COMPARE", "FLAG", "CLAIM", "EVENT", "SPAN", "NOT"),
    *("EXCEPT", "BETWEEN", "INCLUDING", "MEASURE", "FIELD", "ABOUT", NOUN, "VALUE"),
)
_BEHIND: Final = (FILLER, "WITH", "WITHOUT", "SORT", "BY", "INCLUDING")
NEXT: Final[dict[str, tuple[str, ...]]] = {
    "": _BEGIN,
    "VALUE": _GO_ON,
    "FLAG": _GO_ON,
    "CLAIM": _GO_ON,
    "DATE": _GO_ON,
    RECORD: _GO_ON,
    "amount": ("SUFFIX", "MEASURE", *_BEHIND),
    "limited": _BEHIND,
    "count": (NOUN, "VALUE", "FLAG", "CLAIM", *_GO_ON),
    "AND": ("VALUE", NOUN, "FLAG", "CLAIM"),
    "NOT": (NOUN, "VALUE", "FLAG"),
    "EXCEPT": ("VALUE", "FLAG"),
    "NEITHER": ("VALUE", "FLAG"),
    "NOR": ("VALUE", "FLAG"),
    "INCLUDING": ("FLAG",),
    "WITH": ("MEASURE", "FIELD"),
    "WITHOUT": ("FIELD", "MEASURE"),
    "ABSENT": ("FIELD", "MEASURE"),
    "COMPARE": ("MONEY",),
    "ABOUT": ("MONEY",),
    "BETWEEN": ("MONEY",),
    "TO": ("MONEY",),
    "range": ("AND", "TO"),
    "EVENT": ("DATE",),
    "SPAN": ("DATE",),
    "SPAN:FLAG": ("DATE", *_GO_ON),
    "COUNT": (NOUN, "VALUE", "FLAG", "DIFFERENT"),
    "DIFFERENT": ("FIELD",),
    "FUNCTION": ("MEASURE",),
    "EXTREME": ("MEASURE",),
    "RANK": ("NUMBER", NOUN, "VALUE", "FLAG"),
    "LIMIT": ("NUMBER",),
    "SORT": ("MEASURE", "FIELD"),
    "THEN": ("MEASURE", "FIELD"),
    "BY": ("FIELD", "DATEPART", "MEASURE"),
    "DIRECTION": ("THEN", FILLER, "WITH", "WITHOUT"),
    "FIELD": ("VALUE", "DATE"),
    "MEASURE": ("COMPARE", "BETWEEN", "ABOUT"),
    "FIELD:BY": ("SORT", FILLER, "WITH", "WITHOUT"),
    "FIELD:SORT": ("DIRECTION", "THEN", FILLER, "WITH", "WITHOUT"),
    "FIELD:FUNCTION": ("BY", FILLER, NOUN, "VALUE", "FLAG", "WITH", "WITHOUT"),
    "FIELD:COUNT": ("BY", FILLER, "WITH", "WITHOUT", "FLAG"),
    "FIELD:WITH": ("COMPARE", "BETWEEN", "ABOUT", *_BEHIND, "FLAG"),
    "FIELD:WITHOUT": (*_BEHIND, "FLAG"),
}
"""What was said last → the tags that are offered, the most useful first. "FIELD:BY" is a field behind "by"."""
_LIKE: Final = {
    **dict.fromkeys(("THEN",), "SORT"),
    **dict.fromkeys(("EXTREME",), "FUNCTION"),
    **dict.fromkeys(("DIFFERENT",), "COUNT"),
    **dict.fromkeys(("ABSENT",), "WITHOUT"),
}


@dataclass(frozen=True, slots=True)
class Head:
    """What was said before the caret."""

    last: str
    """A key of `NEXT`."""
    preposition: str
    """The filler that it ends with, as a key; "" for none."""
    field: FieldSpec | None
    """The field named last, where what follows can be of it."""
    said: frozenset[str]
    """Names of the fields whose values or states were named, and of those grouped or sorted by."""
    listed: frozenset[str]
    """Names of the fields of the value before a joining word, whose list goes on."""
    claimed: bool
    """Whether a phrase that is a condition by itself was said."""
    figures: bool
    ordered: bool
    groups: int
    limited: bool
    """Whether an amount was limited."""
    ends_known: bool
    """Whether the last word is one that means something by itself."""
    either: bool
    """Whether the last word joins alternatives: "or"."""
    last_words: int
    """Tokens of the phrase that it ends with: 2 of "modified by"."""


def read_head(tagged: Sequence[Tagged], tokens: Sequence[Token]) -> Head:
    """Return what the stretches before the caret say."""
    content = [stretch for stretch in tagged if stretch.tag not in (FILLER, LABEL, UNKNOWN)]
    tags = [stretch.tag for stretch in content]
    last = content[-1] if content else None
    ends_silent = bool(tagged) and tagged[-1].tag == FILLER
    return Head(
        last=_last(content),
        preposition=tokens[tagged[-1].end - 1].key if ends_silent else "",
        field=last.field if last is not None and last.tag in _FIELDS else None,
        said=frozenset(name for stretch in content for name in _names(stretch)),
        listed=_listed(content),
        claimed="CLAIM" in tags,
        figures=not _FIGURES.isdisjoint(tags),
        ordered=not _ORDERING.isdisjoint(tags),
        groups=tags.count("BY"),
        ends_known=not tagged or tagged[-1].tag != UNKNOWN,
        either=last is not None and last.tag == "OR",
        last_words=tagged[-1].end - tagged[-1].first if content and tagged[-1] is last else 0,
        limited=not {"COMPARE", "BETWEEN", "ABOUT", "SUFFIX"}.isdisjoint(tags),
    )


def _last(content: Sequence[Tagged]) -> str:
    """Return the key of what was said last."""
    if not content:
        return ""
    last = content[-1]
    if last.tag in _JOINS:
        return _joined(content)
    if last.tag in _FIELDS:
        governor = _governor(content)
        return f"FIELD:{_LIKE.get(governor, governor)}" if governor else last.tag
    before = content[-2].tag if len(content) > 1 else ""
    if last.tag in _AMOUNTS:
        return _after_amount(before)
    # "on site" is a state by itself, unless a date follows.
    return "SPAN:FLAG" if last.tag == "SPAN" and last.reading("FLAG") is not None else last.tag


def _joined(content: Sequence[Tagged]) -> str:
    """Return what a joining word goes on with: a list of values, of fields, or the second amount of a range."""
    before = content[-2].tag if len(content) > 1 else ""
    if before in _FIELDS:
        governor = _governor(content[:-1])
        return _LIKE.get(governor, governor) if governor in ("BY", "WITH", "WITHOUT", "ABSENT") else "AND"
    ranged = len(content) > 2 and before in _AMOUNTS and content[-3].tag in ("BETWEEN", "FROM")
    return "TO" if ranged else "AND"


def _after_amount(before: str) -> str:
    if before in ("RANK", "LIMIT"):
        return "count"
    if before in ("BETWEEN", "FROM"):
        return "range"
    return "limited" if before in ("COMPARE", "ABOUT", "TO", "AND") else "amount"


def _governor(content: Sequence[Tagged]) -> str:
    """Return the tag that the last field hangs on, others of its list between them; "" for none."""
    joined = False
    for stretch in reversed(content[:-1]):
        if stretch.tag in _GOVERNING:
            return stretch.tag
        if stretch.tag not in (*_FIELDS, *_JOINS, "DIRECTION") or (stretch.tag in _FIELDS and not joined):
            break
        joined = stretch.tag in _JOINS or (joined and stretch.tag == "DIRECTION")
    return ""


def _listed(content: Sequence[Tagged]) -> frozenset[str]:
    """Return the fields whose list a joining word at the end goes on with."""
    if len(content) < 2 or content[-1].tag not in _JOINS:
        return frozenset()
    return frozenset(_names(content[-2])) if content[-2].tag in _LISTED else frozenset()


def _names(stretch: Tagged) -> tuple[str, ...]:
    """Return the names of the fields that a stretch speaks of."""
    state = stretch.reading("FLAG")
    if state is not None and isinstance(state.payload, Flagged):
        return (state.payload.field.name,)
    if stretch.tag == "VALUE":
        return (stretch.meanings[0].field.name,)
    return (stretch.field.name,) if stretch.field is not None and stretch.tag in _FIELDS else ()
