"""The service as a process of its own, started and stopped as an operator would."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
BIN: Final = Path(sys.executable).parent
PFA: Final = BIN / "pfa"
START_SECONDS: Final = 60
"""How long a start may take on a busy machine."""


@dataclass(frozen=True)
class Service:
    """A process that answers calls."""

    process: subprocess.Popen[bytes]
    log: Path
    address: str
    """HOST:PORT."""

    def stop(self, *signals: signal.Signals) -> int:
        """Send signals, SIGTERM if none is named, and return the exit status."""
        for number in signals or (signal.SIGTERM,):
            self.process.send_signal(number)
            time.sleep(0.2)
        return self.process.wait(START_SECONDS)

    def log_text(self) -> str:
        """Return what it wrote to standard error so far."""
        return self.log.read_text("utf-8")

    def log_lines(self) -> list[dict[str, object]]:
        """Return the lines of its log; each must be JSON."""
        return [json.loads(line) for line in self.log_text().splitlines()]


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Return this process' environment with nothing of PFA_ but these settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PFA_")}
    ours = {"database_url": f"sqlite:///{folder}/pfa.sqlite3", "listen": "127.0.0.1:0", **settings}
    return kept | {f"PFA_{name.upper()}": value for name, value in ours.items()}


def run_pfa(
    folder: Path, *arguments: str, prefix: Sequence[str] = (), **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run `pfa` to its end."""
    return subprocess.run(
        [*prefix, str(PFA), *arguments],
        cwd=folder,
        env=environment(folder, **settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[Service]:
    """Give a service that is up; it is stopped at the end if it has not ended by then."""
    log = folder / f"serve-{time.monotonic_ns()}.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [str(PFA), "serve"],
            cwd=folder,
            env=environment(folder, **settings),
            stdin=subprocess.DEVNULL,
            stdout=stderr,
            stderr=stderr,
        )
    try:
        yield Service(process, log, _await_address(process, log))
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(30)


def _await_address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        text = log.read_text("utf-8")
        if match := re.search(r'"address": "([^"]+)".*"serving"', text):
            return match[1]
        assert process.poll() is None, f"the service ended while starting:\n{text}"
        time.sleep(0.05)
    raise AssertionError(f"the service did not start in {START_SECONDS} s:\n{log.read_text('utf-8')}")


def command(
    arguments: Sequence[str], folder: Path, environment_: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a client to its end."""
    return subprocess.run(
        arguments, cwd=folder, env=environment_, capture_output=True, text=True, timeout=120, check=False
    )
