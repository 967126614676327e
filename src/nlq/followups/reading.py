"""Follow-ups: whether a question goes on from the one before it, and how.

Gives `read_follow_up` and `needs_another`. The cues are taken out of the tagged words (`cue_reader.py`), so that the
grammar reads the rest as it reads every question; `carry.py` then edits the query before by what the rest says.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from nlq.followups.cue_reader import PRONOUN_KEYS, CueReader, copied
from nlq.followups.cues import CUE_STARTS, cues_at
from nlq.followups.dropping import DROPPED
from nlq.followups.editing import Tag, read_edit
from nlq.followups.follow_up import FollowUp
from nlq.followups.stretches import split_fillers
from nlq.normalize import Token
from nlq.query import Query
from nlq.schema import Schema
from nlq.tagging.tags import FILLER, PRONOUN, UNKNOWN, Reading, Tagged

_FILLER: Final = (Reading(FILLER),)
_UNKNOWN: Final = (Reading(UNKNOWN),)
_NEGATIONS: Final = frozenset(("NOT", "EXCEPT", "WITHOUT"))
_REFERRING: Final = CUE_STARTS | PRONOUN_KEYS
"""Words, as keys, without one of which nothing refers to another question."""
NO_CONTEXT: Final = "“{}” goes on from another question, and there is none before this one."


def read_follow_up(
    tagged: list[Tagged], tokens: list[Token], before: Query, schema: Schema, tag: Tag
) -> FollowUp | None:
    """Return how a question goes on from the query before, None where it is one of its own; cues become fillers.

    `tag` tags tokens, as the question's were.
    """
    edit = read_edit(tokens, before, schema, tag)
    if edit is not None:
        tagged[:] = [*(Tagged(place, place + 1, _FILLER) for place in range(edit.end)), *edit.asked]
    reader = CueReader(tagged, tokens, before, schema)
    if edit is not None:
        reader.take_edit(edit)
    return reader.follow if reader.read() or reader.points() else None


def needs_another(tagged: list[Tagged], tokens: list[Token], schema: Schema) -> list[str]:
    """Make the words that refer to a question before UNKNOWN, as there is none; return a sentence for each."""
    if not _may_need(tagged, tokens):
        return []
    split_fillers(tagged)
    reader = CueReader([copied(stretch) for stretch in tagged], tokens, Query(), schema, alone=True)
    if not reader.read():
        return []
    themselves = _saying_themselves(tagged)
    needing = [span for span in reader.needing if span not in themselves]
    inside = {index for span in needing for index in range(*span)}
    for stretch in tagged:
        if stretch.first in inside or (stretch.first == stretch.end and stretch.first - 1 in inside):
            stretch.readings = _UNKNOWN
    return [NO_CONTEXT.format(" ".join(token.raw for token in tokens[first:end])) for first, end in needing]


def _saying_themselves(tagged: list[Tagged]) -> set[tuple[int, int]]:
    """Return the cues that leave out or take in what follows, without a question before: "don't show cranes"."""
    return {
        (stretch.first, stretch.end)
        for stretch, after in pairwise(tagged)
        if stretch.tag in ("EXCEPT", "INCLUDING") and after.tag in ("VALUE", "FLAG")
    }


def _may_need(tagged: Sequence[Tagged], tokens: Sequence[Token]) -> bool:
    """Return whether a word may refer to a question before; what can only be dropped does where that is said."""
    keys = [token.key for token in tokens]
    if _REFERRING.isdisjoint(keys):
        return False
    said = [cues for place, key in enumerate(keys) if key in CUE_STARTS for _, cues in cues_at(tokens, place)]
    pointing = not PRONOUN_KEYS.isdisjoint(keys)
    if not said and not pointing:
        return False
    tags = [stretch.readings[0].tag for stretch in tagged]
    if PRONOUN in tags:
        return True
    pointing = pointing or not _NEGATIONS.isdisjoint(tags)
    return bool(said) and (pointing or not all(cues <= DROPPED for cues in said))
