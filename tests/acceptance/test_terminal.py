"""`pfa ask` as somebody at a terminal uses it: keys are typed into a real one, and its screen is read."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.service import PFA, START_SECONDS, environment, serving
from tests.integration.store.conftest import make_filled
from tests.servers.stock import Stock

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|[\r\x08]")


@dataclass
class Terminal:
    """A command that runs in a terminal of its own."""

    process: subprocess.Popen[bytes]
    master: int
    shown: str = ""
    """What was written to the screen so far, colours and movements left out."""

    def type(self, keys: str) -> None:
        """Type keys."""
        os.write(self.master, keys.encode())

    def wait_for(self, text: str) -> str:
        """Wait until a text is shown, and return all that was shown before and with it; the next wait begins behind."""
        deadline = time.monotonic() + START_SECONDS
        while text not in self.shown:
            assert time.monotonic() < deadline, f"{text!r} was not shown, but {self.shown!r}"
            if select.select([self.master], [], [], 1)[0]:
                self.shown += _CONTROL.sub("", os.read(self.master, 65536).decode("utf-8", "replace"))
        before, _, self.shown = self.shown.partition(text)
        return before + text


@contextmanager
def terminal(folder: Path, *arguments: str, **settings: str) -> Iterator[Terminal]:
    """Give a terminal in which `pfa` runs; it is ended if it has not ended by then."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    process = subprocess.Popen(
        [str(PFA), *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env=environment(folder, **settings) | {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"},
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait()
        os.close(master)


@pytest.fixture(scope="module")
def address(stock: Stock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service whose database holds RIO and RIO2."""
    folder: Path = tmp_path_factory.mktemp("terminal")
    with stock.copy("sqlite", folder, make_filled), serving(folder) as service:
        yield service.address


def test_a_conversation_at_a_terminal(address: str, tmp_path: Path) -> None:
    with terminal(tmp_path, "ask", server=address, organization="RIO") as screen:
        screen.wait_for("pfa>")
        screen.type("rented pum")
        screen.wait_for("Pumps")  # the menu comes while one types
        screen.type("\t\r")
        reading = screen.wait_for("Filter")
        assert 'category = "Pumps" AND source = RENTAL' in reading + screen.wait_for("\n")
        screen.wait_for("pfa>")
        screen.type("how many are there?\r")
        screen.wait_for("Filter")
        assert 'category = "Pumps" AND source = RENTAL' in screen.wait_for("\n")
        screen.wait_for("pfa>")
        screen.type("purple pumps\r")
        screen.wait_for('not understood: "purple"')
        screen.wait_for("pfa>")
        screen.type("\x04")
        assert screen.process.wait(START_SECONDS) == 0


def test_pieces_are_underlined_below_the_question(address: str, tmp_path: Path) -> None:
    question = "rented crnes in Silo 4"
    with terminal(tmp_path, "ask", question, server=address, organization="RIO") as screen:
        before = screen.wait_for(question)
        screen.wait_for("\n")
        marks = screen.wait_for("\n")[len(before.rpartition("\n")[2]) - len(question) :]
        screen.wait_for("Read as")
    assert [len(run) for run in marks.split()] == [6, 5, 6], "rented, crnes and Silo 4"
