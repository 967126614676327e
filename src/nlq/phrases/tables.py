"""Tables: the LALR tables of the grammar of questions, `phrase.lark`, in the form that they are walked in.

Gives `grammar`, which lark makes, and `tables`, with what makes the parts of its rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from sys import intern
from typing import Any, Final, cast

import lark
from lark.lexer import Lexer, LexerState
from lark.parse_tree_builder import ExpandSingleChild
from lark.parsers.lalr_analysis import Shift

from nlq.phrases.building import builder


class _NoLexer(Lexer):
    """Stands in for a lexer: tags are fed to the parser one by one."""

    __future_interface__ = 2

    def __init__(self, _configuration: object) -> None:
        pass

    def lex(self, lexer_state: LexerState, parser_state: Any) -> Iterator[lark.Token]:
        raise NotImplementedError


@cache
def grammar() -> lark.Lark:
    """Return the parser; its tables are built once in a process (about a tenth of a second)."""
    text = files("nlq.phrases").joinpath("phrase.lark").read_text(encoding="utf-8")
    return lark.Lark(text, parser="lalr", lexer=_NoLexer, transformer=builder())


_Make = Callable[[list[Any]], Any]
_PART: Final = "part"


@dataclass(slots=True)
class Reduction:
    """A rule, when all of it is there."""

    size: int
    """Tags and parts that it is made of."""
    origin: str
    make: _Make | None
    """Makes the part; None where the one part that it is made of stays as it is."""


_Row = Mapping[str, int | Reduction]


@dataclass(frozen=True, slots=True)
class Tables:
    """The parser's tables: by state, what each tag does there, and where each finished rule leads."""

    actions: Sequence[_Row]
    """The state that a tag leads to, or the rule that it ends."""
    following: Sequence[Mapping[str, int]]
    start: int
    row: int
    """The state between two parts, below which nothing is undone: the row of parts so far."""
    whole: Mapping[int, _Make]
    """What makes the part, by the states that a tag leads to which is one by itself, whatever follows: most tags."""


@cache
def tables() -> Tables:
    """Return the tables of the grammar, with what makes the parts."""
    configuration = cast("Any", grammar().parse_interactive().parser_state.parse_conf)
    reductions: dict[Any, Reduction] = {}
    actions: list[dict[str, int | Reduction]] = [{} for _ in configuration.states]
    following: list[dict[str, int]] = [{} for _ in configuration.states]
    rules = {rule.origin.name for rule in grammar().rules}
    for state, row in configuration.states.items():
        for token, (kind, argument) in row.items():
            name = intern(str(token))  # lark's names are compared in Python, letter by letter
            if kind is not Shift:
                size, make = len(argument.expansion), configuration.callbacks[argument]
                kept = size == 1 and isinstance(make, ExpandSingleChild)
                reduction = Reduction(size, intern(str(argument.origin.name)), None if kept else make)
                actions[state][name] = reductions.setdefault(argument, reduction)
            elif name in rules:
                following[state][name] = argument
            else:
                actions[state][name] = argument
    _shorten(actions, following)
    start = configuration.start_state
    parts = next(rule.origin.name for rule in grammar().rules if rule.alias == "nothing")
    between = following[start][parts]
    return Tables(actions, following, start, between, dict(_whole(actions, between)))


def _shorten(actions: Sequence[dict[str, int | Reduction]], following: Sequence[dict[str, int]]) -> None:
    """Let tags and finished rules lead on where all that can be done behind them is to take them for another rule.

    "field: FIELD" and "part: comparison" are such rules: they make nothing, and questions go through several of them.
    """
    for row, rules in zip(actions, following, strict=True):
        for tag, state in row.items():
            if isinstance(state, int):
                row[tag] = _led_on(state, rules, actions)
        for rule, state in rules.items():
            rules[rule] = _led_on(state, rules, actions)


def _led_on(state: int, rules: Mapping[str, int], actions: Sequence[_Row]) -> int:
    """Return the state that what leads to a state leads to in the end, by `rules` of the row that it stands behind."""
    only = _only(actions[state])
    while only is not None and only.size == 1 and only.make is None:
        state = rules[only.origin]
        only = _only(actions[state])
    return state


def _only(row: _Row) -> Reduction | None:
    """Return the rule that is finished in a state whatever follows, None where something else can be done."""
    first, *others = row.values() or (None,)
    return first if isinstance(first, Reduction) and all(other is first for other in others) else None


def _whole(actions: Sequence[_Row], between: int) -> Iterator[tuple[int, _Make]]:
    """Yield the states behind a single tag in which nothing is left to do but to make a part of it, and what does.

    A part stands nowhere but between two others: what leads to these states is always the row of parts.
    """
    for state in actions[between].values():
        if isinstance(state, Reduction):
            continue
        only = _only(actions[state])
        if only is not None and only.origin == _PART and only.make is not None:
            yield state, only.make
