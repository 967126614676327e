"""How a question was read, for people: `reading_lines`, the question with its words marked; `not_understood` words.

Under the question, `-` marks words that became part of the query, `~` words used after their spelling was corrected,
and `^` words that were not understood; words without a mark carry no condition.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len
from rich.text import Text

from pfa.v1.query_service_pb2 import (
    PIECE_ROLE_CORRECTED,
    PIECE_ROLE_FILLER,
    PIECE_ROLE_NOT_UNDERSTOOD,
    PIECE_ROLE_USED,
    Assumption,
    Interpretation,
    Piece,
    Suggestion,
)
from pfa_rpc.cli.figure_tables import function_words, label_of, money_text, window_words
from pfa_rpc.cli.text import plain

_MARKS: Final = {PIECE_ROLE_USED: "-", PIECE_ROLE_CORRECTED: "~", PIECE_ROLE_NOT_UNDERSTOOD: "^"}
_STYLES: Final = {"-": "green", "~": "yellow", "^": "bold red", " ": ""}
_ROLES: Final = {
    PIECE_ROLE_USED: "used",
    PIECE_ROLE_FILLER: "no condition",
    PIECE_ROLE_CORRECTED: "corrected",
    PIECE_ROLE_NOT_UNDERSTOOD: "not understood",
}
_INDENT: Final = 12
_NARROWEST: Final = 20
_WIDEST: Final = 120


def reading_lines(question: str, reading: Interpretation, width: int) -> Iterator[Text]:
    """Yield the lines that show a reading: question and marks, sentence, filter, what was assumed, what was unclear.

    The question is broken into lines so that it and its marks stay together within `width` cells.
    """
    yield from marked_question(question, reading.pieces, width)
    room = max(width - _INDENT, _NARROWEST)
    for label, text, style in _remarks(reading):
        # The filter is there to be copied, so only the terminal itself breaks it into lines.
        yield _labelled(label, [text] if label == "Filter" else textwrap.wrap(text, room), style)


def _remarks(reading: Interpretation) -> Iterator[tuple[str, str, str]]:
    """Yield (label, text, style) for everything that a reading says, the most important first."""
    if reading.sentence:
        yield "Read as", plain(reading.sentence), "bold"
    if reading.filter:
        yield "Filter", plain(reading.filter), ""
    if reading.order_by:
        yield "Order", plain(reading.order_by), ""
    if reading.limit:
        yield "At most", f"{reading.limit:,}", ""
    if reading.HasField("aggregate"):
        yield "Figures", _figures(reading), ""
        yield from _groups(reading)
    yield from (("Change", plain(change.text), "bold") for change in reading.changes)
    if reading.reason and not reading.errors:
        yield "Refused", reason_text(reading), "bold red"
    for piece in reading.pieces:
        if piece.role == PIECE_ROLE_CORRECTED:
            yield "Corrected", f'"{plain(piece.text)}" → {plain(piece.meaning)}', "yellow"
    yield from (("Assumed", assumption_text(one), "") for one in reading.defaults)
    yield from (("Unclear", assumption_text(one), "yellow") for one in reading.ambiguities)
    yield from (("Warning", plain(warning), "yellow") for warning in reading.warnings)
    wrong = "Refused" if reading.reason else "Wrong"
    yield from ((wrong, plain(error), "bold red") for error in reading.errors)
    if reading.question_back:
        yield "Which one?", plain(reading.question_back), "yellow"
    yield from (("Or", plain(other.sentence), "yellow") for other in reading.alternatives)


def marked_question(question: str, pieces: Sequence[Piece], width: int) -> Iterator[Text]:
    """Yield the question with a line of marks under it, in parts where it is longer than a line."""
    marks = [" "] * len(question)
    for piece in pieces:
        mark = _MARKS.get(piece.role, " ")
        for index in range(max(piece.start, 0), min(piece.end, len(question))):
            marks[index] = mark
    room = max(min(width, _WIDEST) - _INDENT, _NARROWEST)
    label = "Question"
    for start, end in _parts(question, room):
        words, under = Text(f"{label:<{_INDENT}}"), Text(" " * _INDENT)
        for mark, run in itertools.groupby(range(start, end), key=marks.__getitem__):
            places = list(run)
            text = plain(question[places[0] : places[-1] + 1])
            words.append(text, style=_STYLES[mark])
            under.append(mark * cell_len(text), style=_STYLES[mark])
        under.rstrip()
        label = ""
        yield words
        if under.plain.strip():
            yield under


def _parts(question: str, room: int) -> Iterator[tuple[int, int]]:
    """Yield the ends of the parts of a text that each fit into `room` cells."""
    start, used = 0, 0
    for index, character in enumerate(plain(question)):
        used += cell_len(character)
        if used > room:
            yield start, index
            start, used = index, cell_len(character)
    yield start, len(question)


def _labelled(label: str, lines: Sequence[str], style: str) -> Text:
    """Return lines of text with a label before the first."""
    return Text.assemble((f"{label:<{_INDENT}}", "dim"), (("\n" + " " * _INDENT).join(lines), style))


def _figures(reading: Interpretation) -> str:
    """Return what is computed, in words."""
    spec = reading.aggregate
    figures = ", ".join(map(function_words, spec.aggregations)) or "count"
    groups = " and ".join(map(label_of, spec.group_by))
    if spec.yes_no:
        return "yes or no"
    if spec.distinct:
        return f"the different values of {groups}"
    words = f"{figures} by {groups}" if groups else figures
    if spec.HasField("window"):
        words += f", {window_words(spec.window)}"
    return f"{words}, in percent of the whole" if spec.percent else words


def _groups(reading: Interpretation) -> Iterator[tuple[str, str, str]]:
    """Yield which groups there are to be, and in which order."""
    spec = reading.aggregate
    for having in spec.having:
        amount = f"{having.count:,}" if having.HasField("count") else money_text(having.money)
        yield "Only where", f"{function_words(having.figure)} {plain(having.operator)} {amount}", ""
    if spec.order:
        by = (
            label_of(term.group) if term.WhichOneof("by") == "group" else function_words(term.figure)
            for term in spec.order
        )
        terms = (f"{name}{' desc' if term.descending else ''}" for name, term in zip(by, spec.order, strict=True))
        yield "Order", ", ".join(terms), ""
    if spec.part:
        yield "Part", plain(spec.part), ""


def reason_text(reading: Interpretation) -> str:
    """Return why a question is refused, in words."""
    return plain(reading.reason).replace("_", " ")


def possible_line(suggestions: Sequence[Suggestion]) -> Text:
    """Return the line that tells what could stand at a place."""
    return _labelled("Possible", [" | ".join(plain(one.text) for one in suggestions)], "")


def assumption_text(assumption: Assumption) -> str:
    """Return what was assumed and what else was possible."""
    others = " | ".join(map(plain, assumption.alternatives))
    return plain(assumption.text) + (f"  [instead: {others}]" if others else "")


def piece_rows(reading: Interpretation) -> Iterator[tuple[str, str, str]]:
    """Yield (words, role, meaning or suggestions) for each piece of a question."""
    for piece in reading.pieces:
        meaning = plain(piece.meaning)
        if piece.role == PIECE_ROLE_NOT_UNDERSTOOD and piece.suggestions:
            meaning = "perhaps: " + ", ".join(map(plain, piece.suggestions))
        yield plain(piece.text), _ROLES.get(piece.role, "unknown"), meaning


def not_understood(reading: Interpretation) -> str:
    """Return the words that were not understood, each with the nearest known ones; empty where there are none."""
    parts = []
    for piece in reading.pieces:
        if piece.role == PIECE_ROLE_NOT_UNDERSTOOD:
            near = ", ".join(map(plain, piece.suggestions))
            parts.append(f'"{plain(piece.text)}"' + (f" (perhaps: {near})" if near else ""))
    return ", ".join(parts)
