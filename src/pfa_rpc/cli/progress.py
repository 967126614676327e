"""A bar on the terminal for work that is counted in records: `counting`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Tell = Callable[[int, int], None]
"""Is told (done, total)."""


@contextmanager
def counting(work: str) -> Iterator[Tell | None]:
    """Give a progress bar on the terminal of standard error, or none where there is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from pfa_rpc.cli.render import make_console

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[done]}"), TimeRemainingColumn())
    with Progress(*columns, console=make_console(sys.stderr), transient=True) as bar:
        task = bar.add_task(work, total=None, done="")

        def tell(done: int, total: int) -> None:
            speed = bar.tasks[task].speed
            shown = f"{done:,} of {total:,} records" + (f", {speed:,.0f} records/s" if speed else "")
            bar.update(task, completed=done, total=total, done=shown)

        yield tell
