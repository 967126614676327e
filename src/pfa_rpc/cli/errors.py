"""How a command ends early: `CommandError` carries the exit status and the sentence for stderr, which `tell` writes."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pfa_rpc.cli.exits import FAILURE, ExitStatus


class CommandError(Exception):
    """The command cannot go on."""

    def __init__(self, message: str, *, status: ExitStatus = FAILURE, notes: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.notes = tuple(notes)
        """Lines that follow the sentence, such as the filter with a caret under its fault."""


def tell(message: str, notes: Sequence[str] = ()) -> None:
    """Write a sentence, and lines that follow it, to standard error."""
    from pfa_rpc.cli.text import plain

    print("\n".join([f"pfa: {plain(message)}", *(f"  {plain(note)}" for note in notes)]), file=sys.stderr)


class ReaderGone(Exception):
    """Whoever reads the output has closed it, as `head` does; there is nobody left to write for."""
