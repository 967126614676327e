"""What questions can name, as a store hands it over: values and synonyms; immutable, one for each revision of the data.

Gives `Vocabulary`, its `Term`s and `Synonym`s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nlq.query import fold


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class Term:
    """A value of a field."""

    field: str
    """Name of the field."""
    key: str
    """The folded value; spellings with one key are one value."""
    spelling: str
    """The spelling most used."""
    uses: int = 0
    """How many records have it, in whatever spelling."""


@dataclass(frozen=True, slots=True)
class Synonym:
    """What an organization calls a value or a field besides its name."""

    phrase: str
    field: str
    """Name of the field."""
    value: str | None = None
    """The value: its text, the name of an enum value, or "true" or "false" for a flag. None: the field itself."""


class Vocabulary:
    """The values of the named fields, the spelling most used standing for each; and the synonyms."""

    def __init__(self, values: Iterable[tuple[str, str, int]] = (), synonyms: Iterable[Synonym] = ()) -> None:
        """Take (field, spelling, number of uses), in any order; a value may come in several spellings."""
        best: dict[tuple[str, str], tuple[int, str]] = {}
        total: dict[tuple[str, str], int] = {}
        for field, spelling, uses in values:
            slot = (field, fold(spelling))
            total[slot] = total.get(slot, 0) + uses
            current = best.get(slot)
            # On a tie the smaller text wins, so that the choice does not hang on the order of the rows.
            if current is None or (-uses, spelling) < (-current[0], current[1]):
                best[slot] = (uses, spelling)
        self._terms = tuple(
            Term(field, key, spelling, total[field, key]) for (field, key), (_, spelling) in sorted(best.items())
        )
        self._by_key = {(term.field, term.key): term for term in self._terms}
        self.synonyms = tuple(sorted(synonyms, key=lambda synonym: synonym.phrase))
        """Ordered by their phrases."""

    def __iter__(self) -> Iterator[Term]:
        return iter(self._terms)

    def __len__(self) -> int:
        return len(self._terms)

    def spelling(self, field: str, text: str) -> str | None:
        """Return the spelling most used of a value, None where no record has it."""
        term = self._by_key.get((field, fold(text)))
        return term.spelling if term else None
