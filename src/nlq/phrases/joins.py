"""Joins: whether "and" and "or" go on with a list of fields or figures, or end "discontinued or not".

Gives `settle_join` and `JOINS`, parts of `context.settle`.
"""

from __future__ import annotations

from typing import Final

from nlq.phrases.line import skip_silent
from nlq.tagging.tags import FILLER, UNKNOWN, Reading, Tagged

_FILLER: Final = (Reading(FILLER),)
JOINS: Final = frozenset(("AND", "OR", "COMMA"))
"""Tags of the words that join."""
_NEGATED: Final = frozenset(("VALUE", "FLAG", "SPAN", "CLAIM", "WITH", "FIELD", "MEASURE", "COMPARE", UNKNOWN))
"""Tags of what "not" negates, so that it ends no "discontinued or not"."""
_AMOUNT_STARTS: Final = frozenset(
    ("COMPARE", "ABOUT", "BETWEEN", "NUMBER", "MONEY", "FROM", "DATE", "WHEN", "PERCENT", "LONGER", "DURATION")
)


def settle_join(tagged: list[Tagged], position: int) -> None:
    """Let "and" before a field go on with a list of fields, unless a comparison of that field begins there."""
    if tagged[position].tag == "OR" and _is_or_not(tagged, position):
        return
    field_at = skip_silent(tagged, position, 1)
    if field_at < 0:
        return
    after = skip_silent(tagged, field_at, 1)
    follows = tagged[after].tag if after >= 0 else ""
    if tagged[field_at].tag == "THEN":  # "by area, then by rate"
        tagged[position].readings = _FILLER
        return
    if tagged[field_at].tag == "DATEPART":
        tagged[position].readings = (Reading("JOIN_FIELD", tagged[position].tag),)
    elif tagged[field_at].tag == "FUNCTION":
        tagged[position].readings = (Reading("JOIN_FUNCTION", tagged[position].tag), *tagged[position].readings)
    elif (tagged[field_at].tag in ("FIELD", "MEASURE") and not _begins_limit(tagged[field_at], follows)) or (
        # Flags are named to group by, too: "by category and discontinued", but not "..., discontinued left out".
        tagged[field_at].tag == "FLAG"
        and tagged[field_at].field is not None
        and tagged[position].tag == "AND"
        and follows != "LEFT_OUT"
    ):
        tagged[position].readings = (Reading("JOIN_FIELD", tagged[position].tag), *tagged[position].readings)


def _begins_limit(field: Tagged, follows: str) -> bool:
    """Return whether a limit of a field follows; "by category and area in 2026" has a date that is of no area."""
    undated = field.field is not None and field.field.groupable and follows == "DATE"
    return follows in _AMOUNT_STARTS and not undated


def _is_or_not(tagged: list[Tagged], position: int) -> bool:
    """Make "or" the end of "discontinued or not" where the "not" negates nothing after it; return whether it is."""
    negation = skip_silent(tagged, position, 1)
    flag = skip_silent(tagged, position, -1)
    if negation < 0 or tagged[negation].tag != "NOT" or flag < 0 or tagged[flag].tag != "FLAG":
        return False
    after = skip_silent(tagged, negation, 1)
    if after >= 0 and tagged[after].tag in _NEGATED:
        return False
    tagged[position].readings = (Reading("OR_NOT"),)
    tagged[negation].readings = _FILLER
    return True
