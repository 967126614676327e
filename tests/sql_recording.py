"""What the service sends to PostgreSQL, checked as it goes: `linted`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final

import asyncpg
import greenlet  # type: ignore[import-untyped]  # what SQLAlchemy's own asyncio runs on
import pytest
import sqlalchemy as sa

import pfa_rpc
from pfa_rpc.store.syncing.tables import metadata
from tests.sql_lint import KEY, Finding, Lint

_SERVICE: Final = Path(pfa_rpc.__file__).parent
_ROOT: Final = _SERVICE.parents[1]
_OURS: Final = tuple(str(_ROOT / name) for name in ("src", "tests", "migrations", "bench"))
_DISTRIBUTED: Final = frozenset(name for name, table in metadata.tables.items() if KEY in table.columns)
_DRIVER_METHODS: Final = ("execute", "executemany", "fetch", "fetchrow", "fetchval", "prepare", "cursor")
_COPY_METHODS: Final = ("copy_records_to_table", "copy_to_table")


@dataclass(slots=True)
class Recording:
    """The statements that the service itself sent; those of tests are not among them."""

    lint: Lint = field(default_factory=lambda: Lint(_DISTRIBUTED))
    statements: list[str] = field(default_factory=list)
    senders: set[tuple[str, str]] = field(default_factory=set)
    """(module, function) of the service that sent any."""
    complaints: list[str] = field(default_factory=list)

    def statement(self, sender: FrameType, text: str, *, in_transaction: bool) -> None:
        """Check a statement."""
        self._note(sender, text, self.lint.statement(text, in_transaction=in_transaction))

    def copy(self, sender: FrameType, table: str, columns: list[str] | None) -> None:
        """Check a COPY."""
        self._note(sender, f"COPY {table} {columns}", self.lint.copy(table, columns))

    def _note(self, sender: FrameType, text: str, findings: list[Finding]) -> None:
        code = sender.f_code
        self.statements.append(text)
        self.senders.add((Path(code.co_filename).stem, code.co_name))
        place = f"{Path(code.co_filename).relative_to(_ROOT)}:{sender.f_lineno}"
        self.complaints += [f"{place}: {finding}: {text[:500]}" for finding in findings]


@contextmanager
def linted() -> Iterator[Recording]:
    """Record what every engine of this process sends to PostgreSQL, and what the service hands to the driver itself.

    Fails at the end, with each statement that the rules forbid and the line that sent it.
    """
    recording = Recording()

    def on_statement(
        connection: sa.Connection, _cursor: object, text: str, _parameters: object, _context: object, _many: bool
    ) -> None:
        sender = _sender()
        if sender is not None and connection.dialect.name == "postgresql":
            level = connection.get_execution_options().get("isolation_level")
            recording.statement(sender, text, in_transaction=level != "AUTOCOMMIT")

    sa.event.listen(sa.Engine, "before_cursor_execute", on_statement)
    with pytest.MonkeyPatch.context() as patch:
        for name in _DRIVER_METHODS + _COPY_METHODS:
            patch.setattr(asyncpg.Connection, name, _watched(getattr(asyncpg.Connection, name), recording))
        try:
            yield recording
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", on_statement)
    assert not recording.complaints, "\n".join(recording.complaints)


def _watched(method: Callable[..., Any], recording: Recording) -> Callable[..., Any]:
    """Return a method of the driver that records what the service calls it with; SQLAlchemy's calls are known."""

    def call(connection: Any, what: str, *arguments: Any, **options: Any) -> Any:
        sender = _direct_sender()
        if sender is not None and method.__name__ in _COPY_METHODS:
            recording.copy(sender, what, options.get("columns"))
        elif sender is not None:
            recording.statement(sender, what, in_transaction=connection.is_in_transaction())
        return method(connection, what, *arguments, **options)

    return call


def _sender() -> FrameType | None:
    """Return the place of the service that sends a statement; None where a test does, or a migration."""
    for frame in _frames():
        if frame.f_code.co_filename.startswith(_OURS) and frame.f_code.co_filename != __file__:
            return frame if frame.f_code.co_filename.startswith(str(_SERVICE)) else None
    return None


def _frames() -> Iterator[FrameType]:
    """Yield the frames of this call, over the greenlets that SQLAlchemy runs the driver in."""
    frame: FrameType | None = sys._getframe(1)
    current: Any = greenlet.getcurrent()
    while frame is not None:
        yield frame
        frame = frame.f_back
        if frame is None and current.parent is not None:
            current = current.parent
            frame = current.gr_frame


def _direct_sender() -> FrameType | None:
    """Return the place of the service that calls the driver, with nothing but the driver in between."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("asyncpg."):
        frame = frame.f_back
    return frame if frame is not None and frame.f_code.co_filename.startswith(str(_SERVICE)) else None
