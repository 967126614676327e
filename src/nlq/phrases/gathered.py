"""Gathered: what the parts of one question say, sorted by what it is about, and what each token did for the query.

Gives `Resolved`, `Use` and `Gathered`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from nlq.normalize import TAKEN, Token
from nlq.phrases.notes import Note
from nlq.phrases.parts import (
    BoundPart,
    ByFigurePart,
    DistinctPart,
    FieldPart,
    FigurePart,
    GroupPart,
    HavingPart,
    Mark,
    MostPart,
    Part,
    RankPart,
    SortPart,
)
from nlq.phrases.terms import DateTerm, Term, ValueTerm
from nlq.query import Query
from nlq.schema import Schema

_EVERYTHING: Final = Query()
_OF: Final = frozenset(("of", "for"))
_THEIR: Final = frozenset(("their", "its"))
_WHAT: Final = frozenset(("what", "whats"))


@dataclass(slots=True)
class Use:
    """Tokens that became part of the query, and what they mean there."""

    first: int
    end: int
    meaning: str


class Resolved:
    """A query, and what each token did for it."""

    def __init__(self) -> None:
        """Begin with a query for everything."""
        self.query = _EVERYTHING
        self.uses: list[Use] = []
        self.unread: list[tuple[int, int]] = []
        """Tokens (first, end) that were not understood."""
        self.reasons: dict[int, str] = {}
        """First token of something not understood → why, where it is understood but cannot be."""
        self.hints: dict[int, tuple[str, ...]] = {}
        """First token of something not understood → what could be said instead."""
        self.defaults: list[Note] = []
        self.ambiguities: list[Note] = []
        self.doubts: list[ValueTerm] = []
        """Values that are as likely meant of another field."""
        self.warnings: list[str] = []
        self.errors: list[str] = []
        self.codes: list[str] = []


class Gathered:
    """The parts of one question that are no conditions, and the accounts of its tokens."""

    def __init__(self, tokens: list[Token], schema: Schema) -> None:
        """Begin with nothing said."""
        self.tokens = tokens
        self.schema = schema
        self.result = Resolved()
        self.history: Mark | None = None
        """The words that ask for changes in place of records."""
        self.claimed: set[int] = set()
        """Tokens of phrases that stand for a condition as a whole: their verbs are no verbs of the question."""
        self.figures: list[FigurePart] = []
        self.groups: list[GroupPart] = []
        self.by_figures: list[ByFigurePart] = []
        self.havings: list[HavingPart] = []
        self.distinct: list[DistinctPart] = []
        self.most: list[MostPart] = []
        self.sorts: list[SortPart] = []
        self.ranks: list[RankPart] = []
        self.bare: list[FieldPart] = []
        self.directions: list[Mark] = []
        self.figure_bounds: list[tuple[FigurePart, BoundPart]] = []
        """Limits right behind a figure: they are of the figure, not of single records."""
        self.counted: list[BoundPart] = []
        """Limits on how many records there are of something."""
        self.event: Mark | None = None
        """A word for an end of a period that no date follows; taken out by what uses it."""
        self.yes_no: Mark | None = None
        self.share: Mark | None = None
        self.lacking: Mark | None = None
        """What says that groups without records are asked for: "areas with no pumps"."""
        self.opening: FieldPart | None = None
        """A figure that opens the question, and that records or a time follow: "forecast cost in March"."""
        self.heading: FieldPart | None = None
        """The field that is named before anything else: "monthly rate of EQ-2087"."""
        self.names_one = False
        """Whether a single record is named: "EQ-2087"."""
        self.window: DateTerm | None = None
        """The date that says of which days the costs are meant."""
        self.versus: Mark | None = None
        """What tells the values of a list apart: "rentals versus purchases"."""

    @property
    def asks_for_figures(self) -> bool:
        """Whether something was said that figures or groups can be asked for by."""
        said = self.figures or self.groups or self.bare or self.ranks or self.counted or self.most or self.distinct
        return bool(said or self.havings or self.by_figures or self.share or self.versus)

    @property
    def asks_for_records(self) -> bool:
        """Whether nothing was said but which records are asked for: no figures, no order, none of their changes."""
        more = self.sorts or self.directions or self.yes_no or self.lacking or self.history
        return not (more or self.asks_for_figures)

    def use(self, part: Part | Term, meaning: str) -> None:
        """Account for the tokens of a part."""
        self.result.uses.append(Use(part.first, part.end, meaning))

    def refuse(self, part: Part | Term, *hints: str) -> None:
        """Report the tokens of a part as not understood."""
        self.result.unread.append((part.first, part.end))
        if hints:
            self.result.hints[part.first] = hints

    def note(self, text: str, part: Part | Term, chosen: str, others: tuple[str, ...]) -> None:
        """Write down a choice."""
        self.result.ambiguities.append(Note(text, part.first, part.end, chosen, others))

    def is_plural(self, part: Part) -> bool:
        """Return whether the last word of a part is a plural."""
        token = self.tokens[part.end - 1]
        raw = token.raw.casefold()
        return raw != token.key and raw.endswith("s")

    def is_asked(self, part: FieldPart) -> bool:
        """Return whether a question asks what a field holds: "what is the rate for ...", "contract of ..."."""
        if part is not self.heading or any(token.key == TAKEN for token in self.tokens[: part.first]):
            return False
        if part.end == len(self.tokens):
            return part.first > 0 and self.tokens[part.first - 1].key in _THEIR
        return self.tokens[part.end].key in _OF or self.tokens[0].key in _WHAT

    def take_bare(self, part: FieldPart) -> None:
        """Take a field out of those about which nothing is said."""
        self.bare = [each for each in self.bare if each is not part]

    def forget(self, spans: set[tuple[int, int]]) -> None:
        """Take back the uses and notes of parts."""
        result: Any = self.result
        result.uses = [use for use in result.uses if (use.first, use.end) not in spans]
        result.ambiguities = [note for note in result.ambiguities if (note.first, note.end) not in spans]
