"""Changed openings: questions that ask for changes with a verb: "when was the rate changed", "did anybody change it".

Gives `ChangedOpenings`. The words that open such a question become the mark that the changes are asked for, and its
verb says nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nlq.normalize import Token, keys
from nlq.schema import Schema
from nlq.tagging.tags import FILLER, PRONOUN, RECORD, UNKNOWN, Reading, Tagged

NOT_COUNTED: Final = "changes are not counted; ask for the changes themselves, or for who made them"
"""Why a noun for changes that are to be counted is not understood."""
NOT_SORTED: Final = "changes come newest first, all of them; ask for the records to sort or to limit them"
"""Why words for changes are not understood beside an order or a limit."""
COMPUTED: Final = "it is computed, and nobody changes it; ask for the fields that it is computed from"
"""Why what no history tells of is not understood behind "who changed"."""
HISTORY: Final = "HISTORY"
"""Tag of the words that ask for changes."""
_THINGS: Final = frozenset(("VALUE", "FIELD", "MEASURE", "EVENT", "FLAG", "CLAIM", "NUMBER", RECORD, PRONOUN))
"""Tags of what can be changed, and of who can change it."""


def keyed(*words: str) -> frozenset[str]:
    """Return the keys of all words."""
    return frozenset(key for word in words for key in keys(word))


_WHEN: Final = keyed("when")
_DID: Final = keyed("did")
_WAS: Final = keyed("was", "were")
_HAS: Final = keyed("has", "have", "had")
_SOMEBODY: Final = keyed("anybody", "anyone", "somebody", "someone", "anything", "something")
_BY: Final = "by"
_OFTEN: Final = tuple(map(keys, ("how often", "how frequently", "how many times")))
"""How questions begin that count what was done."""


class ChangedOpenings:
    """Reads how questions for changes open that have a verb, by the conventions of a schema."""

    def __init__(self, schema: Schema) -> None:
        conventions = schema.conventions
        self._past = keyed(*conventions.changed.verbs)
        self._nouns = frozenset(noun for nouns in conventions.dates.done.values() for noun in nouns)
        self._said = self._past | keyed(*(verb for verbs in conventions.dates.deeds.values() for verb in verbs))

    def read(self, tagged: list[Tagged], tokens: Sequence[Token]) -> list[Tagged]:
        """Return stretches with an opening as one of the tag HISTORY, the same ones where a question has none."""
        start = 0
        while start < len(tagged) and tagged[start].tag == FILLER and not self._key(tagged, tokens, start) & _ASKING:
            start += 1
        asked = start + 1 if self._key(tagged, tokens, start) <= _WHEN else start
        helping = self._key(tagged, tokens, asked)
        if not helping <= _HELPING:
            return tagged
        after = asked + 1
        if self._key(tagged, tokens, after) <= _SOMEBODY:
            after += 1
        verb = self._verb(tagged, tokens, after, helping)
        if verb is None or (after == asked + 1 and not any(each.tag in _THINGS for each in tagged[after:verb])):
            return tagged
        if verb == after:  # "did anybody change"
            after = verb + 1
            silent: tuple[Tagged, ...] = ()
        elif self._ends_with_by(tagged[verb], tokens):
            silent = (tagged[verb],)
        else:
            silent = (Tagged(tagged[verb].first, tagged[verb].end, (Reading(FILLER),)),)
        mark = Tagged(tagged[start].first, tagged[after - 1].end, (Reading(HISTORY),))
        return [*tagged[:start], mark, *tagged[after:verb], *silent, *tagged[verb + 1 :]]

    def refuse_counts(self, tagged: list[Tagged], tokens: Sequence[Token]) -> list[Tagged]:
        """Return stretches with nouns for changes that are to be counted as not understood: "how many changes"."""
        if (often := _often(tagged, tokens)) is not None:
            before = (each for each in tagged if each.end <= often.first)
            return [*before, often, *(each for each in tagged if each.first >= often.end)]
        place = next((number for number, each in enumerate(tagged) if each.tag == "COUNT"), len(tagged)) + 1
        counted = place
        while place < len(tagged) and tagged[place].tag in (FILLER, RECORD):
            place += 1
        if place >= len(tagged):
            return tagged
        if tokens[tagged[place].end - 1].key in self._past and any(
            each.tag == RECORD for each in tagged[counted:place]
        ):
            # "how many records were changed" counts records; what follows is not what the count is of.
            return [
                *tagged[:place],
                Tagged(tagged[place].first, tagged[place].first, (Reading("COMMA"),)),
                *tagged[place:],
            ]
        if tokens[tagged[place].first].raw.casefold() not in self._nouns:
            return tagged
        noun = Tagged(tagged[place].first, tagged[place].end, (Reading(UNKNOWN, NOT_COUNTED),))
        return [*tagged[:place], noun, *tagged[place + 1 :]]

    def _verb(
        self, tagged: Sequence[Tagged], tokens: Sequence[Token], place: int, helping: frozenset[str]
    ) -> int | None:
        """Return the place of the verb of a question, None where it has none that says that something was changed."""
        for number in range(place, len(tagged)):
            stretch = tagged[number]
            last = tokens[stretch.end - 1] if stretch.end > stretch.first else None
            if last is None:
                continue
            if self._ends_with_by(stretch, tokens):
                return number if helping <= _WAS | _HAS else None
            if last.key in self._said and (last.key in self._past) is not (helping <= _DID):
                follows = tagged[number + 1].tag if number + 1 < len(tagged) else ""
                is_told = helping <= _WAS and follows in _THINGS  # "was the changed rate ..."
                return None if is_told else number
        return None

    def _ends_with_by(self, stretch: Tagged, tokens: Sequence[Token]) -> bool:
        """Return whether a stretch is "changed by"."""
        said = tokens[stretch.first : stretch.end]
        return len(said) > 1 and said[-1].key == _BY and said[-2].key in self._past

    def _key(self, tagged: Sequence[Tagged], tokens: Sequence[Token], place: int) -> frozenset[str]:
        """Return the key of a stretch of one word, that of no word for any other."""
        if place >= len(tagged) or tagged[place].end != tagged[place].first + 1:
            return _NO_WORD
        return frozenset((tokens[tagged[place].first].key,))


def _often(tagged: Sequence[Tagged], tokens: Sequence[Token]) -> Tagged | None:
    """Return "how often" at the beginning of a question as not understood, None where none begins so."""
    first = next((each.first for each in tagged if each.tag != FILLER), len(tokens))
    said = tuple(token.key for token in tokens[first : first + 3])
    end = first + next((len(each) for each in _OFTEN if said[: len(each)] == each), 0)
    whole = end > first and any(each.end == end for each in tagged)
    return Tagged(first, end, (Reading(UNKNOWN, NOT_COUNTED),)) if whole else None


_HELPING: Final = _DID | _WAS | _HAS
_ASKING: Final = _HELPING | keyed("what", "which")
"""Where a question begins; "what did maria change" asks for records."""
_NO_WORD: Final = frozenset(("",))
