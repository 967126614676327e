"""Ends what tests started, and removes its folders, when the tests end: however they do, even by SIGKILL.

A process of its own: `reaper.py FOLDER…` reads "PID SIGNAL" a line for each server, to the end of its input, which is
when the tests closed it or are no more.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from typing import Final

STOP_SECONDS: Final = 10
"""How long the servers together may take to stop before they are killed."""


def read_servers(lines: Iterable[str]) -> list[tuple[int, signal.Signals]]:
    """Return a descriptor for each process, which stays its own when its pid is given to another, and its signal."""
    servers = []
    for line in lines:
        pid, number = map(int, line.split())
        with contextlib.suppress(ProcessLookupError):
            servers.append((os.pidfd_open(pid), signal.Signals(number)))
    return servers


def end(servers: list[tuple[int, signal.Signals]]) -> None:
    """Stop processes in an orderly way, and then by force."""
    deadline = time.monotonic() + STOP_SECONDS
    for server, number in servers:
        send(server, number)
        send(server, signal.SIGCONT)  # a test may have left it stopped
    for server, _ in servers:
        ended = select.poll()
        ended.register(server, select.POLLIN)
        if not ended.poll(max(0.0, deadline - time.monotonic()) * 1000):
            send(server, signal.SIGKILL)
            ended.poll(1000)


def send(server: int, number: signal.Signals) -> None:
    """Send a signal to a process, if it is still there."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(server, number)


def main(folders: list[str]) -> None:
    """Do it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    end(read_servers(sys.stdin))
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
