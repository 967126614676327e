"""Asks before something is changed: `confirm`."""

from __future__ import annotations

import sys

from pfa_rpc.cli.errors import CommandError
from pfa_rpc.cli.exits import USAGE


def confirm(question: str, *, yes: bool) -> bool:
    """Tell whether to go on: by --yes, or by the answer of who sits at the terminal.

    Raises CommandError where nobody sits there who could be asked.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise CommandError("nobody is there to be asked; --yes goes on without", status=USAGE)
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
