"""Frame of a command: where its verbs stand, which words are only polite, and which may name the records.

Gives `Verbs`, `Frame`, `Clause` and `frames`. A question without a verb of change costs one look-up a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from nlq.amounts.numbers import read_percent
from nlq.commands.words import (
    ARTICLES,
    ASKING,
    CLOSINGS,
    JOINS,
    LEADS,
    MODALS,
    OBLIGING,
    PRONOUNS,
    VERBS,
    VIEW,
    WISHES,
    Act,
    Verb,
    participle,
)
from nlq.normalize import Kind, Token, keys
from nlq.tagging.fuzzy import Speller

_PAUSES: Final = (":", "—", "–", " -", "- ")
_COMMA: Final = ","
_TERSE: Final = {
    "up": Verb(frozenset((Act.SCALE,)), 1, weak=True),
    "down": Verb(frozenset((Act.SCALE,)), -1, weak=True),
}
"""Words, as keys, that order a change by a share where the verb is left out: "rates up by 10 %"."""
_TELLING: Final = frozenset(
    (
        *("with", "whose", "that", "which", "who", "where", "if", "go", "went", "gone", "has", "have", "had"),
        *("is", "are", "was", "were"),
    )
)
"""Words, as keys, behind which "up by 10 %" tells of what is, and orders nothing."""
_AWAITING: Final = frozenset(
    ("that", "which", "who", "not", "waiting", "wait", "pending", "ready", "due", "expected", "scheduled", "queued")
)
"""Words, as keys, behind which "to be pushed" tells of records, and orders nothing."""
_MUST_BE: Final = frozenset(("should", "must", "shall", "need", "ought", "has", "have"))
_MUST: Final = _MUST_BE | {"to", "now", "all"}
"""Words, as keys, before "be" that say that something is to become so."""
_ADJECTIVES: Final = frozenset(("blank", "empty", "trash"))
"""Verbs that say what something is like where no article follows: "blank contract"."""


@dataclass(slots=True)
class Clause:
    """A verb and the tokens that can belong to it."""

    verb: Verb
    first: int
    """First token of the verb."""
    start: int
    """The token after the verb."""
    end: int
    """The token after the last of the clause, closing politeness left aside."""
    before: tuple[int, int] = (0, 0)
    """The tokens (first, end) before the verb that can name the records and fields: "the cranes should be pushed"."""


@dataclass(slots=True)
class Frame:
    """The verbs of a command, with what stands around them."""

    clauses: list[Clause]
    polite: list[tuple[int, int]] = field(default_factory=list)
    """Tokens (first, end) that carry no meaning in a command."""
    corrected: dict[int, str] = field(default_factory=dict)
    """Token → the verb that it was read as."""
    terse: bool = False
    """Whether the verb is left out, so that the field that changes has to be named."""


class Verbs:
    """The verbs of change, those of the schema included, by the letters of their first word."""

    def __init__(self, states: Mapping[str, tuple[str, bool]]) -> None:
        """Take verbs of the schema → the flag that they set, and to what."""
        verbs = dict(VERBS)
        for phrase, (name, state) in states.items():
            verbs[phrase] = Verb(frozenset(), 1 if state else -1, state=name)
        self._orders = _by_first_word(verbs.items())
        self._participles = _by_first_word((participle(phrase), verb) for phrase, verb in verbs.items())
        self.words = frozenset((*self._orders, *self._participles))
        """First words of all verbs."""
        self._speller = Speller(phrase for phrase, verb in verbs.items() if not verb.weak and len(phrase) > 4)

    def order(self, tokens: Sequence[Token], index: int) -> tuple[int, Verb] | None:
        """Return the token after the verb of an order that stands at a token, and the verb."""
        return _match(self._orders, tokens, index)

    def participle(self, tokens: Sequence[Token], index: int) -> tuple[int, Verb] | None:
        """Return the token after the participle that stands at a token, and its verb."""
        return _match(self._participles, tokens, index)

    def spelt(self, word: str) -> str | None:
        """Return the verb that a word misspells, None where it is none."""
        return self._speller.correct(word)

    def named(self, word: str) -> Verb:
        """Return the verb that is spelt so. KeyError where there is none."""
        return dict(self._orders[word])[(word,)]


_Matches = dict[str, list[tuple[tuple[str, ...], Verb]]]


def _by_first_word(verbs: Iterable[tuple[str, Verb]]) -> _Matches:
    """Return phrases with their verbs by their first word, longer ones first."""
    found: _Matches = {}
    for phrase, verb in verbs:
        words = tuple(phrase.split())
        found.setdefault(words[0], []).append((words, verb))
    for listed in found.values():
        listed.sort(key=lambda entry: -len(entry[0]))
    return found


def _match(matches: _Matches, tokens: Sequence[Token], index: int) -> tuple[int, Verb] | None:
    for words, verb in matches.get(tokens[index].raw.casefold(), ()):
        end = index + len(words)
        if tuple(token.raw.casefold() for token in tokens[index:end]) == words:
            return end, verb
    return None


def frames(tokens: Sequence[Token], verbs: Verbs, spelt: Callable[[Token], str | None]) -> Iterator[Frame]:
    """Yield the ways in which words can be a command, the likeliest first; none where they are a question.

    `spelt` says which verb a word misspells.
    """
    lead = _lead(tokens)
    if lead > 1 and tokens[0].key == "should":
        return  # "should we extend …?" asks
    end = _closing(tokens, lead)
    if lead >= end or (tokens[lead].key in ASKING and tokens[lead].kind is Kind.WORD):
        return
    said = [token.raw.casefold() for token in tokens]
    for reader in () if verbs.words.isdisjoint(said) else (_order, _obliged, _behind):
        frame = reader(tokens, verbs, lead, end)
        if frame is not None and not any(_is_about_the_view(tokens, clause) for clause in frame.clauses):
            yield _closed(frame, tokens, end)
    frame = None if "be" not in said else _stated(tokens, lead, end)
    if frame is not None:
        yield _closed(frame, tokens, end)
    frame = _misspelt(tokens, verbs, spelt, lead, end)
    if frame is not None:
        yield _closed(frame, tokens, end)
    frame = None if _TERSE.keys().isdisjoint(said) else _terse(tokens, lead, end)
    if frame is not None:
        yield _closed(frame, tokens, end)


def _closed(frame: Frame, tokens: Sequence[Token], end: int) -> Frame:
    """Return the frame with the politeness at the end as what it is."""
    if end < len(tokens):
        frame.polite.append((end, len(tokens)))
    return frame


def _is_about_the_view(tokens: Sequence[Token], clause: Clause) -> bool:
    """Return whether an order is about the question before, not about records: "remove the silo filter"."""
    if not clause.verb.acts & {Act.CLEAR, Act.DELETE, Act.RESET, Act.SCALE, Act.SET}:
        return False
    return any(token.key in VIEW for token in tokens[clause.start : clause.end])


def _lead(tokens: Sequence[Token]) -> int:
    """Return the first token that is not merely polite."""
    index = 0
    while index < len(tokens) and tokens[index].key in LEADS:
        index += 1
    return index


def _closing(tokens: Sequence[Token], lead: int) -> int:
    """Return the token after the last that is not merely polite."""
    end = len(tokens)
    while end > lead and tokens[end - 1].key in CLOSINGS and tokens[end - 1].kind is Kind.WORD:
        end -= 1
    if end < len(tokens) and end > lead + 1 and tokens[end - 1].key == _COMMA:
        end -= 1
    return end


def _order(tokens: Sequence[Token], verbs: Verbs, lead: int, end: int) -> Frame | None:
    """Read "please push the cranes by a week"."""
    found = verbs.order(tokens, lead)
    # "lower than" compares, "end date" and "start in March" name a date.
    if found is None or found[0] >= end + 1 or _is_no_verb(tokens, lead, end):
        return None
    frame = Frame(_clauses(tokens, verbs, Clause(found[1], lead, found[0], end)))
    if lead:
        frame.polite.append((0, lead))
    return frame


def _is_no_verb(tokens: Sequence[Token], index: int, end: int) -> bool:
    """Return whether a word that orders is none here: "up to $5k", "empty contract"."""
    after = tokens[index + 1].key if index + 1 < end else ""
    word = tokens[index].raw.casefold()
    return (word == "up" and after == "to") or (word in _ADJECTIVES and after not in ARTICLES)


def _clauses(tokens: Sequence[Token], verbs: Verbs, first: Clause) -> list[Clause]:
    """Return a clause, cut where "and" begins another order."""
    clauses = [first]
    for index in range(first.start + 1, first.end):
        if tokens[index - 1].key not in JOINS:
            continue
        obliging = first.before[1] > 0
        find = verbs.participle if obliging else verbs.order
        found = find(tokens, index) or (verbs.order(tokens, index) if obliging else None)
        if found is not None and found[0] <= first.end and index > clauses[-1].start:
            before = clauses[-1]
            last = before.end
            before.end = _join_start(tokens, index)
            clauses.append(Clause(found[1], index, found[0], last))
    return clauses


def _join_start(tokens: Sequence[Token], index: int) -> int:
    """Return the first of the joining words that stand right before a token."""
    while tokens[index - 1].key in JOINS:
        index -= 1
    return index


def _obliged(tokens: Sequence[Token], verbs: Verbs, lead: int, end: int) -> Frame | None:
    """Read "the cranes should be pushed by a week" and "I want the cranes pushed by a week"."""
    making = tokens[lead].key == "make"
    lead += making
    wished = making or any(token.key in WISHES for token in tokens[:lead])
    for index in range(lead + 1, end):
        modal = index
        while modal > lead and tokens[modal - 1].key in MODALS:
            modal -= 1
        if modal == lead or tokens[modal - 1].key in _AWAITING:
            continue
        words = [token.key for token in tokens[modal:index]]
        found = _passive(tokens, verbs, index, words, wished=wished) or _active(tokens, verbs, index, words, wished)
        if found is None or found[0] > end:
            continue
        clause = Clause(found[1], index, found[0], end, before=(lead, modal))
        polite = [(modal, index)] if modal < index else []
        return Frame(_clauses(tokens, verbs, clause), [*([(0, lead)] if lead else []), *polite])
    return None


def _stated(tokens: Sequence[Token], lead: int, end: int) -> Frame | None:
    """Read "the rate of EQ-2087 should be $500": what a field is to be, without a verb of change."""
    if tokens[lead].key == "there":
        return None  # "there should be pumps in Silo 4" changes none of them
    for index in range(lead + 1, end - 1):
        if tokens[index].key in _TELLING or tokens[index].key == "not":
            return None
        if tokens[index].key != "be":
            continue
        modal = index
        while modal > lead and tokens[modal - 1].key in _MUST:
            modal -= 1
        if modal in (index, lead) or not _MUST_BE.intersection(token.key for token in tokens[modal:index]):
            return None
        clause = Clause(VERBS["set"], modal, index, end, before=(lead, modal))
        return Frame([clause], [(0, lead)] if lead else [], terse=True)
    return None


def _passive(
    tokens: Sequence[Token], verbs: Verbs, index: int, modals: list[str], *, wished: bool
) -> tuple[int, Verb] | None:
    """Return the verb of "should be pushed", and of "pushed" behind a wish."""
    found = verbs.participle(tokens, index)
    if found is None:
        return None
    obliged = len(modals) > 1 and modals[-1] in (*OBLIGING, "now", "all")
    return found if obliged or (wished and not modals and not found[1].state) else None


def _active(
    tokens: Sequence[Token], verbs: Verbs, index: int, modals: list[str], wished: bool
) -> tuple[int, Verb] | None:
    """Return the verb of "should start", "need to start", and of "to start" behind a wish."""
    if not modals and not (wished and tokens[0].key in ("have", "let", "make")):
        return None
    obliged = not modals or modals[-1] in ("should", "must", "shall")
    obliged = obliged or (modals[-1] == "to" and (len(modals) > 1 or wished))
    return verbs.order(tokens, index) if obliged else None


def _behind(tokens: Sequence[Token], verbs: Verbs, lead: int, end: int) -> Frame | None:
    """Read "for the cranes in Silo 4, extend by 2 weeks"; "take the cranes and push them by a week"."""
    taking = tokens[lead].key == "take"
    for index in range(lead + 1, end):
        before = tokens[index - 1].key
        gap = tokens[index].gap
        paused = before in (_COMMA, "please") or any(pause in gap for pause in _PAUSES) or (taking and before == "and")
        found = verbs.order(tokens, index) if paused or tokens[lead].key == "for" else None
        if found is not None and found[1].weak and not paused:
            continue
        if found is None or found[1].acts & {Act.DELETE, Act.CREATE} or (found[1].state and found[0] < end):
            continue
        start = index - (before in (_COMMA, "and", "please"))
        start -= start > lead and tokens[start - 1].key in (_COMMA, "then")
        clause = Clause(found[1], index, found[0], end, before=(lead + taking, start))
        polite = [(start, index)] if start < index else []
        if lead or taking:
            polite.append((0, lead + taking))
        return Frame(_clauses(tokens, verbs, clause), polite)
    return None


def _misspelt(
    tokens: Sequence[Token], verbs: Verbs, spelt: Callable[[Token], str | None], lead: int, end: int
) -> Frame | None:
    """Read an order whose verb is misspelt: "exend the cranes by a week"."""
    token = tokens[lead]
    word = spelt(token) if token.kind is Kind.WORD and lead + 1 < end else None
    if word is None or _is_no_verb(tokens, lead, end):
        return None
    clauses = _clauses(tokens, verbs, Clause(verbs.named(word), lead, lead + 1, end))
    return Frame(clauses, [(0, lead)] if lead else [], {lead: word})


def _terse(tokens: Sequence[Token], lead: int, end: int) -> Frame | None:
    """Read an order without its verb: "crane rates up by 10 %"."""
    for index in range(1, end - 1):
        if tokens[index - 1].key in _TELLING:
            return None
        verb = _TERSE.get(tokens[index].key)
        share = index + 1 + (tokens[index + 1].key == "by")
        if verb is not None and lead < index and share < end and read_percent(tokens, share) is not None:
            clause = Clause(verb, index, index + 1, end, before=(lead, index))
            return Frame([clause], [(0, lead)] if lead else [], terse=True)
    return None


def names_nothing(tokens: Sequence[Token], places: Iterable[int]) -> bool:
    """Return whether tokens hold nothing but words that stand for records named elsewhere, and joining words."""
    return all(
        tokens[place].key in PRONOUNS or tokens[place].key in JOINS or keys_only(tokens[place]) for place in places
    )


_EMPTY: Final = frozenset((*keys("the same ones all"), "please", "by", "of", "on", "for", "to"))


def keys_only(token: Token) -> bool:
    """Return whether a token says nothing by itself."""
    return token.key in _EMPTY
