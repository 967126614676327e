"""Context: what a word's neighbours decide, settled before the grammar sees the tags.

Gives `settle` and `Settled`. What labels, joining words and references to other questions are is settled in modules of
their own; here "by" groups only before a field, "from" and "to" frame amounts only, and "max 5k" is a limit.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from nlq.normalize import Token
from nlq.phrases.joins import JOINS, settle_join
from nlq.phrases.labels import Settled, settle_field, take_label
from nlq.phrases.line import next_content, skip_silent
from nlq.phrases.neighbours import NEIGHBOURED, by_part, settle_neighbours
from nlq.phrases.references import settle_orders, settle_references, settle_sorts
from nlq.query import Function, Operator
from nlq.tagging.tags import FILLER, LABEL, SILENT, UNKNOWN, Flagged, Reading, Tagged

__all__ = ["Settled", "settle"]

_FILLER: Final = (Reading(FILLER),)
_UNKNOWN: Final = (Reading(UNKNOWN),)
_LABEL: Final = (Reading(LABEL),)
_GROUPED: Final = frozenset(("FUNCTION", "COUNT", "DATEPART"))
_NEAR: Final = 8
"""Stretches before "to" that are looked at for "ratio of"."""
_LIMITS: Final = frozenset(("COMPARE", "LIMITING"))
_LIMITING: Final[dict[object, Operator]] = {Function.MIN: Operator.GE, Function.MAX: Operator.LE}
_STATES: Final = {"yes": True, "true": True, "y": True, "no": False, "false": False, "n": False}
_LOOKING_AHEAD: Final = frozenset(("FROM", "TO", "BY"))
_FIELDS: Final = frozenset(("FIELD", "MEASURE"))
_SETTLED: Final = _LOOKING_AHEAD | _FIELDS | {"FUNCTION", "AMOUNT_OF", "COUNT", "FLAG"}
"""Tags that are settled here; others are where they have several readings."""


def settle(tagged: list[Tagged], tokens: list[Token], *, goes_on: bool = False) -> Settled:
    """Settle in place what neighbours decide. Linear in the number of tags.

    `goes_on`: whether the question goes on from another one, which "those" then stands for.
    """
    settled = Settled(tagged)
    settle_orders(tagged, tokens)
    settle_references(tagged, tokens, goes_on=goes_on)
    tags = [stretch.readings[0].tag for stretch in tagged]
    # A question goes only through what has something to settle in it.
    several = [stretch for stretch in tagged if len(stretch.readings) > 1]
    if several or not NEIGHBOURED.isdisjoint(tags):
        settle_neighbours(tagged, tokens)
        tags = [stretch.readings[0].tag for stretch in tagged]
    if "SORT" in tags:
        settle_sorts(tagged, tokens)
        tags = [stretch.readings[0].tag for stretch in tagged]
    after = [] if _LOOKING_AHEAD.isdisjoint(tags) else next_content(tagged)
    for position, stretch in enumerate(tagged) if several or not _SETTLED.isdisjoint(tags) else ():
        if stretch.readings[0].tag in _SETTLED or len(stretch.readings) > 1:
            _settle_stretch(settled, position, after, tokens)
        if stretch.readings[0].tag not in SILENT:
            settled.said.append(position)
    for position, stretch in enumerate(tagged) if not JOINS.isdisjoint(tags) else ():
        if stretch.readings[0].tag in JOINS:
            settle_join(tagged, position)
    return settled


def _settle_stretch(settled: Settled, position: int, after: list[Tagged | None], tokens: list[Token]) -> None:
    """Settle one stretch; `after` gives for each the next that is no filler, where one looks ahead."""
    tagged = settled.tagged
    stretch = tagged[position]
    tag = stretch.readings[0].tag
    if tag == "BY":
        _settle_by(stretch, after[position], tokens)
    elif tag in _LOOKING_AHEAD:
        _settle_frame(settled, position, after[position], tokens)
    elif tag == "FUNCTION":
        _settle_function(tagged, position)
    elif tag == "AMOUNT_OF":
        _settle_amount_of(settled, position, tokens)
    elif tag == "COUNT" and stretch.reading("FUNCTION") is not None:
        _settle_total(settled, position)
    elif tag == "FLAG" and _settle_flag(tagged, position, tokens):
        return
    elif (tag in _FIELDS or len(stretch.readings) > 1) and not take_label(settled, position):
        settle_field(settled, position, tokens)


def _settle_function(tagged: list[Tagged], position: int) -> None:
    """Read "max 5k", "max rate 5k" and "5k max" as a limit."""
    operator = _LIMITING.get(tagged[position].readings[0].payload)
    after = skip_silent(tagged, position, 1)
    another = after >= 0 and tagged[after].is_amount and position > 1 and tagged[position - 2].tag in _LIMITS
    if operator is not None and position and tagged[position - 1].is_amount and not another:
        tagged[position].readings = (Reading("SUFFIX", operator),)
        return
    if operator is None or after < 0:
        return
    amount = skip_silent(tagged, after, 1) if tagged[after].tag == "MEASURE" else after
    if amount >= 0 and tagged[amount].is_amount:
        tagged[position].readings = (Reading("COMPARE" if amount == after else "LIMITING", operator),)


def _settle_amount_of(settled: Settled, position: int, tokens: list[Token]) -> None:
    """Read "per month" behind an amount as the field that it says the amount is of."""
    tagged, before = settled.tagged, settled.before()
    stretch = tagged[position]
    behind = before >= 0 and (tagged[before].is_amount or tagged[before].tag == "SUFFIX")
    stretch.readings = (Reading("MEASURE", stretch.readings[0].payload),) if behind else by_part(tokens, stretch)


def _settle_frame(settled: Settled, position: int, after: Tagged | None, tokens: list[Token]) -> None:
    """Keep "from" before a quantity and "to" between two; elsewhere they join nothing."""
    tagged, before = settled.tagged, settled.before()
    stretch = tagged[position]
    amount = _amount_behind(tagged, position)
    framed = amount >= 0
    if stretch.tag == "TO":
        framed = framed and before >= 0 and tagged[before].is_quantity
    if framed and stretch.tag == "FROM" and not _goes_to(tagged, amount):
        stretch.readings = (Reading("COMPARE", Operator.GE),)  # "a rate from 5k"
        return
    if not framed:
        listed = stretch.tag == "TO" and before >= 0 and after is not None and _share_field(tagged[before], after)
        if listed and any(each.tag == "SHARE" for each in tagged[max(0, position - _NEAR) : position]):
            stretch.readings = (Reading("VERSUS"),)
            return
        plain = not listed and (stretch.end == stretch.first or tokens[stretch.first].key in ("from", "to"))
        # "EQ-2087 to Silo 5" is an order without its verb
        plain = plain and not (stretch.tag == "TO" and _names_both(tagged, before, after))
        stretch.readings = _FILLER if plain else _UNKNOWN


def _names_both(tagged: list[Tagged], before: int, after: Tagged | None) -> bool:
    """Return whether values stand on both sides."""
    return before >= 0 and after is not None and tagged[before].tag == after.tag == "VALUE"


def _amount_behind(tagged: list[Tagged], position: int) -> int:
    """Return the position of the quantity that stands behind a word, or behind "about" there; -1 where none does."""
    after = skip_silent(tagged, position, 1)
    if after >= 0 and tagged[after].tag == "ABOUT":
        after = skip_silent(tagged, after, 1)
    return after if after >= 0 and tagged[after].is_quantity else -1


def _goes_to(tagged: list[Tagged], amount: int) -> bool:
    """Return whether a range goes on behind an amount that "from" stands before: "from 5k up to 8k"."""
    behind = skip_silent(tagged, amount, 1)
    return behind >= 0 and tagged[behind].tag in ("TO", "AND", "COMPARE", "SUFFIX")


def _share_field(before: Tagged, after: Tagged) -> bool:
    """Return whether two stretches can be values of one field: "Silo 1 to Silo 4" is no list of the two."""
    return any(meaning.field is other.field for meaning in before.meanings for other in after.meanings)


def _settle_by(stretch: Tagged, after: Tagged | None, tokens: list[Token]) -> None:
    """Keep "by" before a field; "by JLG" and "each crane" say nothing more; the rest is not understood."""
    if after is not None and (after.field is not None or after.tag in _GROUPED):
        return
    if tokens[stretch.first].key in ("by", "each", "across") and (after is None or after.tag in ("VALUE", "FLAG")):
        stretch.readings = _FILLER
    else:
        stretch.readings = _UNKNOWN


def _settle_total(settled: Settled, position: int) -> None:
    """Read "total" before a figure as its sum ("total and average monthly rate"), elsewhere as a count."""
    tagged = settled.tagged
    stretch = tagged[position]
    after = skip_silent(tagged, max(position, settled.summed), 1)
    while after >= 0 and (tagged[after].tag in JOINS or tagged[after].reading("FUNCTION") is not None):
        settled.summed = after
        after = skip_silent(tagged, after, 1)
    measured = after >= 0 and tagged[after].reading("MEASURE") is not None
    chosen = stretch.reading("FUNCTION" if measured else "COUNT")
    if chosen is not None:
        stretch.readings = (chosen,)


def _settle_flag(tagged: list[Tagged], position: int, tokens: list[Token]) -> bool:
    """Read "discontinued: no" and "discontinued = false" as a state of the flag; return whether it is one."""
    stretch = tagged[position]
    state = position + 1
    equals = state < len(tagged) and tokens[tagged[state].first].key == "="
    state += equals
    if state >= len(tagged):
        return False
    token = tokens[tagged[state].first]
    flagged = stretch.readings[0].payload
    if token.key not in _STATES or not (equals or ":" in token.gap) or not isinstance(flagged, Flagged):
        return False
    stretch.readings = (Reading("FLAG", replace(flagged, state=flagged.state is _STATES[token.key])),)
    stretch.end = tagged[state].first + 1
    for taken in tagged[position + 1 : state + 1]:
        taken.readings = _LABEL
    return True
