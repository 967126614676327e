"""Rules that keep the tables distributable by organization: `Lint` checks statements, `key_findings` the schema.

A database that spreads tables over servers by organization_id sends each statement to the server that has the
organization. It can do so only if the statement names one, and if no key reaches beyond one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import sqlalchemy as sa

KEY: Final = "organization_id"
REFERENCE_TABLES: Final = {
    "instance_keys": "a few secrets of the service itself, which belong to no organization: every server has a copy",
    "alembic_version": "one row, written by migrations alone: every server has a copy",
}
"""Tables that are not split by organization, and why."""

_VOLATILE: Final = frozenset(
    [
        *("random", "random_normal", "setseed", "gen_random_uuid", "gen_random_bytes", "uuidv4", "uuidv7"),
        *("uuid_generate_v1", "uuid_generate_v1mc", "uuid_generate_v4"),
        *("now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timeofday"),
        *("nextval", "currval", "lastval", "setval", "txid_current", "pg_current_xact_id", "pg_backend_pid"),
    ]
)
"""Functions whose result depends on when or where they run."""
_VOLATILE_WORDS: Final = frozenset(
    ["current_timestamp", "current_date", "current_time", "localtime", "localtimestamp", "current_user", "session_user"]
)
_WRITES: Final = frozenset(["insert", "update", "delete"])
_VERBS: Final = _WRITES | {"select", "merge", "copy", "truncate", "lock", "notify", "create", "alter"}
_NOT_A_VERB_AFTER: Final = frozenset(
    ["for", "key", "do", "on", "."]
)  # FOR UPDATE, FOR NO KEY UPDATE, DO UPDATE, ON DELETE
_WHERE_ENDS: Final = frozenset(
    [
        *("returning", "group", "having", "window", "order", "limit", "offset", "fetch", "for"),
        *("union", "intersect", "except", "on"),
    ]
)
_FROM_ENDS: Final = _WHERE_ENDS - {"on"} | {"where"}
_LOCKS: Final = frozenset(["update", "share", "no", "key"])
_ONE_VALUE: Final = r"(?:\$|'')(?: :: \w+(?: \( \d+ \))?)?(?: collate \w+)?"
_EQUALITY: Final = re.compile(
    rf"(?:(?P<left>\w+) \. )?{KEY}(?: collate \w+)? = {_ONE_VALUE}|{_ONE_VALUE} = (?:(?P<right>\w+) \. )?{KEY}"
)
_TOKEN: Final = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
    | (?P<text>'(?:[^']|'')*'|\$(?P<tag>[a-z_]*)\$.*?\$(?P=tag)\$)
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<parameter>\$\d+|\?|%s|%\(\w+\)s|(?<!:):[a-z_]\w*)
    | (?P<word>[a-z_]\w*)
    | (?P<sign>\d[\d.]*|::|<=|>=|<>|!=|\|\||.)""",
    re.DOTALL | re.VERBOSE | re.IGNORECASE,
)

Tree = list["str | Tree"]
"""Words and signs of a statement in lower case; what stands in parentheses is a tree of its own."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a statement or a key."""

    rule: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class Lint:
    """Checks statements on tables of which some are split by organization."""

    distributed: frozenset[str]
    reference: frozenset[str] = field(default=frozenset(REFERENCE_TABLES))

    def statement(self, text: str, *, in_transaction: bool = True) -> list[Finding]:
        """Return what is wrong with a statement, or with several that a semicolon parts."""
        found: list[Finding] = []
        for part in _split(_tree(text), ";"):
            for level in _levels(part):
                found += self._level(level, in_transaction=in_transaction)
        return found

    def copy(self, table: str, columns: Sequence[str] | None) -> list[Finding]:
        """Return what is wrong with COPY into columns of a table; None: all of them, in an order that is not said."""
        if table not in self.distributed:
            return [Finding("copy", f"COPY into {table}, which is not split by organization")]
        if not columns or columns[0] != KEY:
            return [Finding("copy", f"COPY into {table} does not name {KEY} as its first column")]
        return []

    def _level(self, level: Tree, *, in_transaction: bool) -> Iterator[Finding]:
        verb, place = _verb(level)
        yield from _calls(level)
        match verb:
            case "merge":
                yield Finding("merge", "MERGE cannot be sent on; write INSERT … ON CONFLICT")
            case "notify":
                if in_transaction:
                    yield Finding("notify", "NOTIFY makes commits wait for each other; notify after the commit")
            case "create" if "trigger" in level or "rule" in level:
                yield Finding("trigger", "triggers would run on one server, without the others' rows")
            case "truncate" | "lock":
                yield Finding("one organization", f"{verb.upper()} takes every organization's rows")
            case "copy":
                yield from self._copy_text(level[place + 1 :])
            case "insert":
                yield from self._insert(level, place)
            case "update" | "delete":
                yield from self._change(level, verb, place)
        if verb in _WRITES:
            yield from _volatile(level)
        yield from self._locks(level)
        if in_transaction and _called(level, "pg_notify"):
            yield Finding("notify", "pg_notify() makes commits wait for each other; notify after the commit")

    def _known(self, table: str) -> Iterator[Finding]:
        if table not in self.distributed | self.reference:
            yield Finding("tables", f"{table} has no {KEY}, and no reason is given for that")

    def _insert(self, level: Tree, place: int) -> Iterator[Finding]:
        table, after = _name(level, place + 2)
        yield from self._known(table)
        if table not in self.distributed:
            return
        columns = level[after] if after < len(level) else None
        if not isinstance(columns, list) or KEY not in columns:
            yield Finding("one organization", f"INSERT into {table} does not name {KEY} among its columns")
        for at in range(len(level) - 1):
            if level[at : at + 2] == ["on", "conflict"]:
                target = level[at + 2] if at + 2 < len(level) else None
                if not isinstance(target, list) or target[:1] != [KEY]:
                    yield Finding("on conflict", f"ON CONFLICT on {table} is not by columns that begin with {KEY}")
                if _sets_key(level[at:]):
                    yield Finding("one organization", f"ON CONFLICT moves rows of {table} to another organization")

    def _change(self, level: Tree, verb: str, place: int) -> Iterator[Finding]:
        table, after = _name(level, place + (2 if verb == "delete" else 1))
        yield from self._known(table)
        if table not in self.distributed:
            return
        alias = _alias(level, after)
        if not _one_organization(level, alias or table, is_alone="from" not in level[after:] and "using" not in level):
            yield Finding("one organization", f"{verb.upper()} on {table} does not say {KEY} = one value")
        if _sets_key(level):
            yield Finding("one organization", f"UPDATE moves rows of {table} to another organization")

    def _locks(self, level: Tree) -> Iterator[Finding]:
        if not any(word == "for" and after in _LOCKS for word, after in _pairs(level)):
            return
        tables = _from(level)
        if any(table is None for table, _ in tables):
            yield Finding("one organization", "a SELECT that locks names its tables themselves, not another SELECT")
        for table, alias in tables:
            if table in self.distributed and not _one_organization(level, alias, is_alone=len(tables) == 1):
                yield Finding("one organization", f"SELECT that locks {table} does not say {KEY} = one value")

    def _copy_text(self, rest: Tree) -> Iterator[Finding]:
        if "from" in rest and isinstance(rest[0], str):
            table, after = _name(rest, 0)
            columns = rest[after]
            names = [word for word in columns if isinstance(word, str) and word != ","] if columns != "from" else None
            yield from self.copy(table, names)


def key_findings(metadata: sa.MetaData) -> list[Finding]:
    """Return what is wrong with the keys of a schema: all but those of reference tables begin with organization_id."""
    return [
        finding
        for table in metadata.sorted_tables
        if table.name not in REFERENCE_TABLES
        for finding in _table_findings(table)
    ]


def _table_findings(table: sa.Table) -> Iterator[Finding]:
    if KEY not in table.columns:
        yield Finding("tables", f"{table.name} has no {KEY}, and no reason is given for that")
        return
    if not table.primary_key.columns:
        yield Finding("keys", f"{table.name} has no primary key")
    unique: list[tuple[object, Iterable[object]]] = [
        (index.name, index.expressions) for index in table.indexes if index.unique
    ]
    keys = [item for item in table.constraints if isinstance(item, sa.PrimaryKeyConstraint | sa.UniqueConstraint)]
    for name, columns in [*((item.name, item.columns) for item in keys if len(item.columns)), *unique]:
        first = next(iter(columns), None)
        if getattr(first, "name", None) != KEY:
            yield Finding("keys", f"{name or 'a key'} of {table.name} does not begin with {KEY}")
    for reference in table.foreign_key_constraints:
        there = reference.elements[0].column
        is_inside = reference.elements[0].parent.name == KEY and there.name == KEY
        if not is_inside and there.table.name not in REFERENCE_TABLES:
            yield Finding("keys", f"{reference.name or 'a reference'} of {table.name} does not begin with {KEY}")


# --- taking statements apart -----------------------------------------------------------------------------------------


def _tree(text: str) -> Tree:
    """Return a statement as a tree: every parameter is $, every text ''."""
    levels: list[Tree] = [[]]
    for match in _TOKEN.finditer(text):
        kind, word = match.lastgroup, match.group()
        if kind == "space":
            continue
        if word == "(":
            levels.append([])
        elif word == ")" and len(levels) > 1:
            inner = levels.pop()
            levels[-1].append(inner)
        elif match["text"] is not None:
            levels[-1].append("''")
        elif kind == "parameter":
            levels[-1].append("$")
        else:
            levels[-1].append(word.strip('"') if kind == "quoted" else word.lower())
    return levels[0]


def _levels(tree: Tree) -> Iterator[Tree]:
    """Yield a statement, then what stands in its parentheses, each of which may be a statement."""
    yield tree
    for inner in tree:
        if isinstance(inner, list):
            yield from _levels(inner)


def _split(tree: Tree, separator: str) -> list[Tree]:
    parts: list[Tree] = [[]]
    for token in tree:
        if token == separator:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _pairs(level: Tree) -> Iterator[tuple[str | Tree, str | Tree]]:
    return pairwise(level)


def _verb(level: Tree) -> tuple[str, int]:
    """Return the first verb of a statement and its place; none is ("", 0)."""
    for place, token in enumerate(level):
        before = level[place - 1] if place else ""
        is_free = isinstance(before, list) or before not in _NOT_A_VERB_AFTER
        if isinstance(token, str) and token in _VERBS and is_free:
            return token, place
        if place == 0 and token not in ("with", "explain", "prepare"):
            break
    return "", 0


def _name(level: Tree, place: int) -> tuple[str, int]:
    """Return the table that is named at a place, without ONLY and its schema, and the place after it."""
    if level[place : place + 1] == ["only"]:
        place += 1
    if level[place + 1 : place + 2] == ["."]:
        place += 2
    name = level[place] if place < len(level) else ""
    return (name if isinstance(name, str) else ""), place + 1


def _alias(level: Tree, place: int) -> str | None:
    """Return the other name that a table has at a place, None where it has none."""
    if level[place : place + 1] == ["as"]:
        place += 1
    word = level[place] if place < len(level) else None
    is_name = isinstance(word, str) and re.fullmatch(r"\w+", word) is not None
    ends = _FROM_ENDS | {"set", "using", "on", "left", "right", "full", "inner", "cross", "natural"}
    return word if is_name and isinstance(word, str) and word not in ends else None


def _section(level: Tree, begin: str, ends: frozenset[str]) -> Tree:
    """Return what follows a word, up to any of some others."""
    if begin not in level:
        return []
    start = level.index(begin) + 1
    stops = (place for place in range(start, len(level)) if isinstance(level[place], str) and level[place] in ends)
    return level[start : next(stops, len(level))]


def _from(level: Tree) -> list[tuple[str | None, str]]:
    """Return (table, name that it goes by) for all that a SELECT reads; None is not a table itself."""
    found: list[tuple[str | None, str]] = []
    for item in _split(_section(level, "from", _FROM_ENDS), ","):
        for joined in _split(item, "join"):
            if joined and isinstance(joined[0], list):
                found.append((None, ""))
            elif joined:
                table, after = _name(joined, 0)
                found.append((table, _alias(joined, after) or table))
    return found


def _one_organization(level: Tree, name: str, *, is_alone: bool) -> bool:
    """Tell whether WHERE demands one value of the organization of a table; its own name may be left out if alone."""
    for condition in _conditions(_section(level, "where", _WHERE_ENDS)):
        match = _EQUALITY.fullmatch(_text(condition))
        qualifier = match and (match["left"] or match["right"])
        if match and (qualifier == name or (qualifier is None and is_alone)):
            return True
    return False


def _conditions(where: Tree) -> Iterator[Tree]:
    """Yield conditions of which every one must hold."""
    if "or" in where:
        return
    for condition in _split(where, "and"):  # the end of a BETWEEN among them is no equality
        if len(condition) == 1 and isinstance(condition[0], list):
            yield from _conditions(condition[0])
        else:
            yield condition


def _text(tree: Tree) -> str:
    return " ".join(token if isinstance(token, str) else f"( {_text(token)} )" for token in tree)


def _sets_key(level: Tree) -> bool:
    """Tell whether SET gives rows another organization."""
    changes = _section(level, "set", frozenset(["from", "where", "returning"]))
    return any(KEY in target for target in _targets(changes))


def _targets(changes: Tree) -> Iterator[Tree]:
    """Yield what stands before each = of a SET: a column, or several in parentheses."""
    for change in _split(changes, ","):
        target = change[0] if change else ""
        yield target if isinstance(target, list) else [target]


def _called(level: Tree, function: str) -> bool:
    return any(word == function and isinstance(after, list) for word, after in _pairs(level))


def _calls(level: Tree) -> Iterator[Finding]:
    if _called(level, "set_config"):
        yield Finding("set_config", "set_config() runs on one server; write SET LOCAL")


def _volatile(level: Tree) -> Iterator[Finding]:
    """Find functions in a statement that writes, at any depth, whose result each server would have its own of."""
    for inner in _levels(level):
        for word in inner:
            if isinstance(word, str) and (word in _VOLATILE_WORDS or (word in _VOLATILE and _called(inner, word))):
                yield Finding("volatile", f"{word}() in a statement that writes; pass its value as a parameter")
