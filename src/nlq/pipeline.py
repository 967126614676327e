"""The pipeline: a question passes through small steps, each a module, and comes out as an interpretation.

Gives `Language`, prepared once for a schema and a vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property, lru_cache, partial
from typing import Final

from nlq.changes import Change, ordered
from nlq.commands import UNSUPPORTED, WHICH, Command, CommandReader, command_sentence, finish, refusal_of
from nlq.completion.inside import LONGEST, accepted, fitted, has_words_behind, without_repeats
from nlq.completion.offering import Offering
from nlq.completion.openings import is_said
from nlq.completion.suggest import MOST, Suggestion, suggester
from nlq.errors import QuestionError
from nlq.filters.canon import Canon
from nlq.filters.order_text import canonical_order
from nlq.followups.carry import carry_over, left_aside
from nlq.followups.cues import CUE_WORDS
from nlq.followups.editing import read_edit
from nlq.followups.follow_up import FollowUp
from nlq.followups.reading import needs_another, read_follow_up
from nlq.interpretation import Alternative, Interpretation, InterpretationKind, Piece
from nlq.normalize import WORD, Token, checked, tokenize
from nlq.phrases.context import Settled, settle
from nlq.phrases.notes import Note
from nlq.phrases.parse import parse
from nlq.phrases.parts import Part
from nlq.phrases.resolve import Resolved, resolve
from nlq.query import Query
from nlq.schema import Schema
from nlq.tagging.fuzzy import Speller
from nlq.tagging.tagger import Tagger
from nlq.tagging.tags import UNKNOWN, Tagged
from nlq.tagging.tries import said_names, spelling_targets, uncollected
from nlq.vocabulary import Vocabulary
from nlq.wording.doubts import each_reading, question_about
from nlq.wording.explain import Explainer, assumptions, is_complete
from nlq.wording.phrasing import Phrasing
from nlq.wording.sentence import SentenceWriter

_ANY_DAY: Final = date(2000, 1, 1)
"""Whether a question is understood does not hang on the day, but for one that names a day that its year lacks."""
_TRIED: Final = 1024
"""Texts with a suggestion of which it is remembered whether they read: the next letter typed leads to most of them."""


@dataclass(slots=True)
class _Reading:
    """A question on its way through the steps; each step fills in its own."""

    text: str
    today: date
    context: Query | None
    """The query of the question asked before."""
    command: Command | None = None
    corrected: dict[int, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    follow: FollowUp | None = None
    carried: Sequence[Note] = ()
    tokens: list[Token] = field(init=False)
    tagged: list[Tagged] = field(init=False)
    settled: Settled = field(init=False)
    parts: list[Part] = field(init=False)
    unread: list[tuple[int, int]] = field(init=False)
    resolved: Resolved = field(init=False)
    sentence: str = field(init=False)
    pieces: tuple[Piece, ...] = field(init=False)


class Language:
    """Reads questions about the records of one schema, by the values of one vocabulary.

    Preparing it takes milliseconds, reading a question well under one. It is immutable: threads may share it.
    """

    @uncollected()
    def __init__(self, schema: Schema, vocabulary: Vocabulary, currency: str = "USD") -> None:
        """Prepare for a vocabulary; `currency` (ISO 4217) is the one that amounts are in."""
        self._schema = schema
        self._vocabulary = vocabulary
        self._currency = currency
        self._tagger = Tagger(schema, vocabulary, currency)
        self._speller = Speller(spelling_targets(schema) | self._tagger.values.words)
        self._canon = Canon(schema)
        names = said_names(schema, self._tagger.fixed)
        self._phrasing = Phrasing(schema, currency, names, self._tagger.is_safe)
        self._sentences = SentenceWriter(schema, self._phrasing)
        self._explainer = Explainer(schema, self._tagger)
        self._commands = CommandReader(schema, self._tagger, self._speller, currency)
        self._reads_whole: Callable[[Query | None, str], bool] = lru_cache(_TRIED)(self._understands)

    def interpret(self, question: str, today: date, context: Query | None = None) -> Interpretation:
        """Return the reading of a question. The same question has the same reading every time.

        Words that were not understood are pieces of that role, and no part of the query. `today` is what "today" means,
        `context` the query of the question asked before, which this one may go on from.

        Raises:
            QuestionError: the question is blank, too long, or holds control characters.
        """
        reading = self._read(question, today, context)
        self._explain(reading)
        return self._interpretation(reading)

    def _read(self, question: str, today: date, context: Query | None) -> _Reading:
        reading = _Reading(checked(question), today, context)
        for step in self._STEPS:
            step(self, reading)
        return reading

    def suggest(self, text: str, caret: int, context: Query | None = None) -> tuple[Suggestion, ...]:
        """Return how a question can go on from a caret, or end the word half typed there: 20 at most, best first.

        Offsets count code points; a caret outside the text stands at its end. `context` is the query of the question
        before, which this one may go on from. The first call prepares what the others look up.
        """
        caret = caret if 0 <= caret <= len(text) else len(text)
        reads = partial(self._reads_whole, context)
        offered = self._offering.suggest(text, caret, goes_on=context is not None)
        found, has_more = offered.found, has_words_behind(text, caret)
        if len(text) <= LONGEST and not offered.ends and all(each.guessed for each in found):
            found = (*self._named(text, caret, reads, has_more=has_more), *found)
        if found and has_more:
            tokens = tokenize(text)
            found = fitted(text, caret, found, (tokens, self._tagger.tag(tokens)), reads)
        elif context is not None and len(text) <= LONGEST:
            # What goes on from a question hangs on what that asked for: "reverse the order" needs one.
            sure = not offered.goes_on
            found = tuple(each for each in found if (sure and not is_said(each.text)) or reads(accepted(text, each)))
        return without_repeats(text, found)[:MOST]

    def _named(self, text: str, caret: int, reads: Callable[[str], bool], *, has_more: bool) -> tuple[Suggestion, ...]:
        """Return the values that may be meant at a caret behind words after which no table says what is usual."""
        if has_more:
            return self._offering.naming(text, caret)
        if not text[:caret].strip() or (text[caret - 1].isspace() and reads(text)):
            return ()  # it can end here
        return tuple(each for each in self._offering.naming(text, caret) if reads(accepted(text, each)))

    def _understands(self, context: Query | None, text: str) -> bool:
        """Return whether a text is understood behind a question, whatever day it is."""
        try:
            reading = self._read(text, _ANY_DAY, context)
        except QuestionError:
            return False
        return is_complete(reading.tokens, reading.resolved)

    @cached_property
    def _offering(self) -> Offering:
        return Offering(suggester(self._schema, self._vocabulary, self._tagger, self._speller), self._schema)

    def meaning_of(self, phrase: str, today: date) -> str | None:
        """Return what a phrase by itself means already, in words; None for words that are free to be a synonym.

        Raises:
            QuestionError: as for a question.
        """
        tokens = tokenize(checked(phrase))
        stretches = self._tagger.tag(tokens, today)
        if len(stretches) == 1 and stretches[0].tag != UNKNOWN:
            meanings = stretches[0].meanings
            if any(meaning.partly for meaning in meanings):
                return None  # a synonym goes before a part of a name
            of = " or ".join(f"{meaning.field.name} “{meaning.value}”" for meaning in meanings)
            return of or "a word of the language"
        if len(tokens) == 1 and self._tagger.belongs_to_phrases(tokens[0].key):
            return "a word of the language"
        if all(stretch.is_amount for stretch in stretches):
            return "a number"
        reading = self.interpret(phrase, today)
        return (reading.filter or "words without a condition") if reading.complete else None

    def _normalize(self, reading: _Reading) -> None:
        reading.tokens = tokenize(reading.text)
        if not reading.tokens:
            raise QuestionError("The question holds no words.")

    def _order(self, reading: _Reading) -> None:
        """Take the words of a change out of a question that orders one."""
        if self._edits(reading):
            return
        reading.command = self._commands.read(reading.tokens, reading.today, goes_on=reading.context is not None)
        if reading.command is not None:
            reading.tokens = reading.command.tokens

    def _edits(self, reading: _Reading) -> bool:
        """Return whether an order is about the question before: "change the silo to 7"."""
        context, tag = reading.context, partial(self._tagger.tag, today=reading.today)
        return context is not None and read_edit(reading.tokens, context, self._schema, tag) is not None

    def _tag(self, reading: _Reading) -> None:
        reading.tagged = self._tagger.tag(reading.tokens, reading.today)

    def _correct(self, reading: _Reading) -> None:
        """Read words that no reader knows as the known word that they misspell, where that makes them understood."""
        corrections: dict[int, str] = {}
        for stretch in reading.tagged:
            if stretch.readings[0].tag != UNKNOWN or stretch.first == stretch.end:
                continue
            token = reading.tokens[stretch.first]
            if token.kind is not WORD or token.key in self._tagger.known or token.key in CUE_WORDS:
                continue
            word = self._speller.correct(token.key)
            if word is not None:
                corrections[stretch.first] = word
        if not corrections:
            return
        tokens = [
            replace(token, key=corrections[index]) if index in corrections else token
            for index, token in enumerate(reading.tokens)
        ]
        tagged = self._tagger.tag(tokens, reading.today)
        unknown = {index for each in tagged if each.tag == UNKNOWN for index in range(each.first, each.end)}
        reading.corrected = {index: word for index, word in corrections.items() if index not in unknown}
        reading.tagged = tagged

    def _follow(self, reading: _Reading) -> None:
        """Take out the words by which a question goes on from the one before it; report them where there is none."""
        if reading.context is not None:
            tag = partial(self._tagger.tag, today=reading.today)
            reading.follow = read_follow_up(reading.tagged, reading.tokens, reading.context, self._schema, tag)
        else:
            reading.warnings = needs_another(reading.tagged, reading.tokens, self._schema)

    def _settle(self, reading: _Reading) -> None:
        reading.settled = settle(reading.tagged, reading.tokens, goes_on=reading.follow is not None)

    def _parse(self, reading: _Reading) -> None:
        reading.parts, reading.unread = parse(reading.settled.tagged, len(reading.tokens))

    def _resolve(self, reading: _Reading) -> None:
        reading.resolved = resolve(
            reading.parts,
            reading.settled,
            reading.tokens,
            canon=self._canon,
            currency=self._currency,
            today=reading.today,
        )
        reading.resolved.unread += reading.unread
        reading.resolved.warnings += reading.warnings

    def _carry(self, reading: _Reading) -> None:
        """Edit the query before by what the question says, where it goes on from it."""
        if reading.follow is not None and reading.context is not None:
            reading.carried = carry_over(
                reading.resolved, reading.follow, reading.context, reading.parts, self._canon, phrasing=self._phrasing
            )
        elif reading.context is not None and reading.command is None:
            left_aside(
                reading.resolved, reading.context, reading.tokens, reading.parts, self._canon, phrasing=self._phrasing
            )

    def _finish(self, reading: _Reading) -> None:
        """Bring a change and its records together."""
        if reading.command is not None:
            reading.corrected |= reading.command.corrected
            before = reading.context if reading.follow is not None else None
            finish(reading.command, reading.resolved, reading.tokens, self._canon, before)

    def _explain(self, reading: _Reading) -> None:
        resolved = reading.resolved
        reading.sentence = self._sentence(resolved.query)
        reading.pieces = self._explainer.pieces(
            reading.text, reading.tokens, reading.settled, resolved, reading.corrected
        )

    _STEPS: Final[tuple[Callable[[Language, _Reading], None], ...]] = (
        _normalize,
        _order,
        _tag,
        _correct,
        _follow,
        _settle,
        _parse,
        _resolve,
        _carry,
        _finish,
    )

    def _interpretation(self, reading: _Reading) -> Interpretation:
        resolved = reading.resolved
        query = resolved.query
        found = Interpretation(
            query=query,
            filter=self._canon.text(query.where),
            sentence=reading.sentence,
            order_by=canonical_order(query.sort) if query.sort else "",
            pieces=reading.pieces,
            defaults=assumptions(resolved.defaults, reading.tokens) if resolved.defaults else (),
            carried=assumptions(reading.carried, reading.tokens) if reading.carried else (),
            ambiguities=assumptions(resolved.ambiguities, reading.tokens) if resolved.ambiguities else (),
            complete=is_complete(reading.tokens, resolved),
            warnings=_once(resolved.warnings) if resolved.warnings else (),
            errors=_once(resolved.errors) if resolved.errors else (),
            codes=_once(resolved.codes) if resolved.codes else (),
            kind=InterpretationKind.RECORDS if query.aggregate is None else InterpretationKind.FIGURES,
        )
        if resolved.doubts and found.complete and (reading.command is None or not reading.command.ask):
            return self._doubted(found, reading)
        return found if reading.command is None else self._proposal(found, reading, reading.command)

    def _doubted(self, found: Interpretation, reading: _Reading) -> Interpretation:
        """Return a reading that has others of equal weight, with what is asked back."""
        doubts, command = reading.resolved.doubts, reading.command
        if command is not None:
            found = self._proposal(found, reading, command)
            if found.kind is InterpretationKind.REFUSED:
                return found
        answers = []
        for query in each_reading(found.query, doubts):
            meant = replace(query, where=self._canon.form(query.where))
            records = self._sentence(meant)
            sentence = self._order_text(found.changes, records) if found.changes else records
            answers.append(Alternative(sentence, self._canon.text(meant.where)))
        return replace(found, question_back=question_about(doubts, self._phrasing), alternatives=tuple(answers))

    def _proposal(self, found: Interpretation, reading: _Reading, command: Command) -> Interpretation:
        """Return the reading of a command: what it changes, what has to be asked, or why it is never done."""
        if command.refusal is not None:
            return replace(
                found,
                query=Query(),
                filter="",
                order_by="",
                sentence=command.refusal.order,
                defaults=(),
                carried=(),
                ambiguities=(),
                kind=InterpretationKind.REFUSED,
                reason=UNSUPPORTED,
                errors=(*found.errors, command.refusal.reason),
            )
        changes = () if command.ask else ordered(command.changes, self._schema)
        alternatives: tuple[Alternative, ...] = ()
        if command.ask and found.complete:
            alternatives = tuple(each for each in self._answers(found, reading, command) if self._reads(each, reading))
        return replace(
            found,
            sentence=self._order_text(changes, found.sentence) if changes else found.sentence,
            kind=InterpretationKind.CHANGE,
            changes=changes,
            question_back=command.ask,
            alternatives=alternatives,
            errors=(*found.errors, *filter(None, (command.invalid,))),
            codes=(*found.codes, *(("invalid_date",) if command.invalid else ())),
            confirm=tuple(reading.tokens[index].raw for index in sorted(reading.corrected)),
        )

    def _reads(self, answer: Alternative, reading: _Reading) -> bool:
        """Return whether an order reads by itself as the change of just those records."""
        again = self.interpret(answer.sentence, reading.today)
        return again.complete and not again.question_back and bool(again.changes) and again.filter == answer.filter

    def _answers(self, found: Interpretation, reading: _Reading, command: Command) -> Iterator[Alternative]:
        """Yield what can be said in answer to what has to be asked back, each a complete order."""
        before = reading.context
        if command.ask == WHICH and before is not None and before.aggregate is None and before.limit is None:
            records, where = self._sentence(replace(before, sort=(), history=False)), self._canon.text(before.where)
            if command.changes and before.where is not None:
                yield Alternative(self._order_text(command.changes, records), where)
        named = reading.resolved.query
        if named.where is None or named.aggregate is not None or named.sort or named.limit is not None:
            return
        for option in command.options:
            changes = [*command.changes, *option]
            if not any(refusal_of(self._schema.by_name[change.field], self._schema) for change in changes):
                yield Alternative(self._order_text(changes, found.sentence), found.filter)

    def _order_text(self, changes: Sequence[Change], records: str) -> str:
        return command_sentence(ordered(changes, self._schema), records, self._schema, self._phrasing.money)

    def _sentence(self, query: Query) -> str:
        return self._sentences.write(query)


def _once(texts: Sequence[str]) -> tuple[str, ...]:
    """Return texts without those that were said before."""
    return tuple(dict.fromkeys(texts))
