"""Elliptic: questions that leave out the records they ask about, which only another question can name.

Gives `hangs` ("in Silo 5?", "over $5k") and `names_nothing` ("how many are there?"), over tagged words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nlq.followups.cues import LEADS, PREPOSITIONS
from nlq.normalize import Token
from nlq.schema import FieldType
from nlq.tagging.fillers import EVERYTHING
from nlq.tagging.tags import FILLER, RECORD, SILENT, UNKNOWN, Reading, Tagged

_JOINS: Final = frozenset(("AND", "OR", "BUT", "COMMA"))
_NEGATIONS: Final = frozenset(("NOT", "EXCEPT", "WITHOUT", "NEITHER"))
_BEGINNINGS: Final = frozenset(
    (
        *_NEGATIONS,
        *("COMPARE", "ABOUT", "BETWEEN", "WITH", "ABSENT", "FROM"),
        *("DATE", "EVENT", "SPAN", "WHEN", "INCLUDING"),
    )
)
_NAMING: Final = frozenset(("VALUE", "FLAG", RECORD))
_ASKING: Final = frozenset(
    (
        *("COUNT", "DIFFERENT", "FUNCTION", "BY", "SORT", "DIRECTION", "RANK", "LIMIT", "EXTREME", "WHO"),
        "AMOUNT_OF",  # "per month"
    )
)
_NUMBERED: Final = frozenset(("RANK", "LIMIT", "EXTREME"))
_COPULAS: Final = frozenset(("is", "are", "was", "were"))
_WHICH: Final = frozenset(("which", "what"))
_NOTHING: Final = Tagged(0, 0, (Reading(FILLER),))


def hangs(tagged: Sequence[Tagged], tokens: Sequence[Token]) -> str:
    """Return "NOT" or "AND" for a question that only adds to another: all that it names hangs on a preposition.

    "NOT" where it begins with a negation; "" for a question of its own.
    """
    asks_any = {place for each in tagged if each.tag == "YES_NO" for place in range(each.first, each.end)}
    own = (token.key for place, token in enumerate(tokens) if place not in asks_any)
    if _has(tagged, RECORD) or any(key in LEADS or key in EVERYTHING for key in own):
        return ""
    content = [place for place, stretch in enumerate(tagged) if stretch.tag not in (*SILENT, "YES_NO")]
    if not content:
        return ""
    first = tagged[content[0]]
    begins = first.tag in _BEGINNINGS and (len(content) > 1 or first.tag == "DATE")
    begins = begins or (_is_time(first) and len(content) > 1 and tagged[content[1]].tag == "DATE")
    known: dict[int, bool] = {}
    if not begins and not _is_hung(tagged, tokens, content[0], known):
        return ""
    if any(tagged[place].tag in ("VALUE", "FLAG") and not _is_hung(tagged, tokens, place, known) for place in content):
        return ""
    return "NOT" if first.tag in _NEGATIONS else "AND"


def _is_time(stretch: Tagged) -> bool:
    """Return whether a word says when something was done: "changed last week"."""
    return stretch.field is not None and stretch.field.type is FieldType.TIME


def _is_hung(tagged: Sequence[Tagged], tokens: Sequence[Token], place: int, known: dict[int, bool]) -> bool:
    """Return whether a preposition or a negation stands before a stretch, or before the list that it is of.

    `known` takes up what was found for each place on the way.
    """
    way: list[int] = []
    hung = False
    while place > 0:
        if place in known:
            hung = known[place]
            break
        way.append(place)
        before = tagged[place - 1]
        if before.tag in _JOINS and place > 1 and _share_field(tagged[place - 2], tagged[place]):
            place -= 2
            continue
        hung = before.tag in _BEGINNINGS or is_preposition(before, tokens)
        if hung or before.tag not in SILENT:
            break
        place -= 1
    known.update(dict.fromkeys(way, hung))
    return hung


def _share_field(one: Tagged, other: Tagged) -> bool:
    """Return whether two stretches can be values of one field, and so of one list."""
    mine = {meaning.field.name for meaning in one.meanings}
    return any(meaning.field.name in mine for meaning in other.meanings)


def names_nothing(tagged: Sequence[Tagged], tokens: Sequence[Token]) -> bool:
    """Return whether a question asks for figures or an order, and names no records that they are of."""
    tags = {stretch.tag for stretch in tagged if stretch.tag not in SILENT}
    if tags in ({"FIELD"}, {"FIELD", "YES_NO"}) and tokens[0].key in _WHICH and not _has(tagged, RECORD):
        return True  # "which manufacturers?"
    if "SHARE" in tags and _shares_nothing(tagged, tokens):
        return True  # "what percentage are rentals?"
    content = [stretch for stretch in tagged if stretch.tag not in SILENT]
    if content and content[-1].tag == "MOST" and tokens[0].key in _WHICH and not tags & _NAMING:
        return True  # "which area has the most?"
    if not tags & _ASKING or tags & (_NAMING | _BEGINNINGS | {UNKNOWN}) or _has(tagged, RECORD):
        return False
    if tokens[0].key == "the" and "EXTREME" in tags and tags & {"NUMBER", "SOME"} and tags & {"MEASURE", "FIELD"}:
        return False  # "the three lowest rates" says all that it asks for
    return not is_everything(tagged, tokens) and not _limits_amount(tagged)


def _shares_nothing(tagged: Sequence[Tagged], tokens: Sequence[Token]) -> bool:
    """Return whether a share names the part alone, behind "are" or by a state: "percentage actualized"."""
    content = [stretch for stretch in tagged if stretch.tag not in SILENT]
    place = next(place for place, stretch in enumerate(content) if stretch.tag == "SHARE")
    if place + 1 == len(content) or _has(tagged, RECORD):
        return False
    part = content[place + 1]
    said = [token.key for token in tokens[content[place].end : part.first]]
    return part.tag in ("VALUE", "FLAG") and (bool(_COPULAS.intersection(said)) or (part.tag == "FLAG" and not said))


def _limits_amount(tagged: Sequence[Tagged]) -> bool:
    """Return whether a number stands for an amount: it is none beside "top" and the like."""
    content = [_NOTHING, *(stretch for stretch in tagged if stretch.tag not in SILENT), _NOTHING]
    around = zip(content, content[1:], content[2:], strict=False)
    return any(stretch.is_amount and not {before.tag, after.tag} & _NUMBERED for before, stretch, after in around)


def is_everything(tagged: Sequence[Tagged], tokens: Sequence[Token]) -> bool:
    """Return whether words for all records are among stretches."""
    return any(stretch.tag == FILLER and tokens[stretch.first].key in EVERYTHING for stretch in tagged)


def is_preposition(stretch: Tagged, tokens: Sequence[Token]) -> bool:
    """Return whether a stretch ends with a preposition."""
    return stretch.end > stretch.first and tokens[stretch.end - 1].key in PREPOSITIONS


def _has(tagged: Sequence[Tagged], tag: str) -> bool:
    return any(stretch.tag == tag for stretch in tagged)
