"""Where servers of tests live: a `Workplace` gives them a folder, a user, ports and an end."""

from __future__ import annotations

import functools
import itertools
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.servers.finding import Binaries

START_SECONDS: Final = 60
"""How long a start may take on a busy machine."""
STOP_SECONDS: Final = 20
UNPRIVILEGED: Final = "nobody"
"""The user that servers run as when the tests are root's: PostgreSQL refuses root."""
MEMORY: Final = "/dev/shm"  # noqa: S108 (a folder of its own is made in it)
MEMORY_BYTES: Final = 4 << 30
"""How much must be free there; containers often have 64 MB."""
LOG_LINES: Final = 40
"""How much of a server's log an error shows."""


class ServerFailedError(Exception):
    """A server did not start, or ended; the message holds its log."""


class Workplace:
    """A folder for servers, which are gone with it at the end of the block, and whatever ends this process."""

    def __init__(self) -> None:
        self.user = UNPRIVILEGED if os.geteuid() == 0 else None
        """Name of the user that servers run as; None is the tests' own."""
        if self.user is not None and shutil.which("setpriv") is None:
            raise ServerFailedError(
                "servers cannot run as root, and there is no setpriv (util-linux) to drop its rights"
            )
        place = _memory() or self._place()
        self.folder = self._make(place)
        """Where data is kept."""
        self._disk = self.folder if place != MEMORY else self._make(self._place())  # programs may not run in memory
        self._reaper = subprocess.Popen(
            [sys.executable, "-I", str(Path(__file__).with_name("reaper.py")), str(self.folder), str(self._disk)],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the tests
        )
        self._folders = itertools.count(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        assert self._reaper.stdin is not None
        self._reaper.stdin.close()
        self._reaper.wait(STOP_SECONDS)

    def new_folder(self, name: str) -> Path:
        """Make an empty folder that the servers' user owns."""
        folder = self.folder / f"{name}-{next(self._folders)}"
        folder.mkdir(mode=0o700)
        self._own(folder)
        return folder

    def programs(self, binaries: Binaries) -> Path:
        """Return a folder with these binaries that the servers' user can reach: a copy if need be.

        Raises ServerFailedError if the binaries are nothing that can be copied.
        """
        return _programs(self, binaries)

    def spawn(self, command: Sequence[str | Path], log: Path, end_by: signal.Signals) -> subprocess.Popen[bytes]:
        """Start a server whose output goes to the log; it gets `end_by` when the tests end."""
        with log.open("ab") as output:
            process = subprocess.Popen(self._as_user(command), stdout=output, start_new_session=True, **self._options())
        assert self._reaper.stdin is not None
        self._reaper.stdin.write(f"{process.pid} {int(end_by)}\n")
        self._reaper.stdin.flush()
        return process

    def run(self, *command: str | Path) -> None:
        """Run a program to its end. Raises ServerFailedError with its output."""
        try:
            done = subprocess.run(
                self._as_user(command),
                stdout=subprocess.PIPE,
                timeout=START_SECONDS,
                check=False,
                **self._options(),
            )
        except subprocess.TimeoutExpired as error:
            raise ServerFailedError(f"{command[0]} did not end in {START_SECONDS} s:\n{_tail(error.output)}") from error
        if done.returncode != 0:
            raise ServerFailedError(f"{command[0]} ended with status {done.returncode}:\n{_tail(done.stdout)}")

    def can_run(self, program: Path) -> bool:
        """Tell whether the servers' user can run a program."""
        try:
            # By a shell, because setpriv itself still has root's rights when it looks the program up.
            self.run("/bin/sh", "-c", 'exec "$0" --version', program)
        except (OSError, ServerFailedError):
            return False
        return True

    def _options(self) -> dict[str, Any]:
        return {
            "stdin": subprocess.DEVNULL,
            "stderr": subprocess.STDOUT,
            "cwd": "/",
            # Nothing of PGPORT, PGDATA and the like, and messages that a test can read.
            "env": {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            "umask": 0o077,
        }

    def _as_user(self, command: Sequence[str | Path]) -> list[str]:
        """Return a command that becomes the given one, of the servers' user.

        Not by Popen's own `user`: for that it forks, and in a process that has used gRPC a fork may crash.
        """
        words = [str(word) for word in command]
        if self.user is None:
            return words
        group = pwd.getpwnam(self.user).pw_gid
        return ["setpriv", f"--reuid={self.user}", f"--regid={group}", "--clear-groups", "--", *words]

    def _make(self, place: str) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="pfa-tests-", dir=place))
        self._own(folder)
        return folder

    def _place(self) -> str:
        """Return a folder that the servers' user can look into."""
        places = [tempfile.gettempdir(), "/tmp", "/var/tmp"]  # noqa: S108 (a folder of its own is made in it)
        if self.user is None:
            return places[0]
        usable = (place for place in places if all(_passable(folder) for folder in [Path(place), *Path(place).parents]))
        if (place := next(usable, None)) is None:
            raise ServerFailedError(
                f"user {self.user} can look into none of {', '.join(places)}; set TMPDIR to another"
            )
        return place

    def _own(self, folder: Path) -> None:
        if self.user is not None:
            shutil.chown(folder, self.user, pwd.getpwnam(self.user).pw_gid)


@functools.cache
def _programs(workplace: Workplace, binaries: Binaries) -> Path:
    program = next(binaries.folder / name for name in ("postgres", "redis-server") if (binaries.folder / name).exists())
    if workplace.can_run(program):
        return binaries.folder
    if binaries.packed_in is None:
        raise ServerFailedError(
            f"user {workplace.user} cannot run {program}, and root must not; mind its folder's mode"
        )
    # A wheel's programs find their libraries by the way from one to the other.
    target = workplace._disk / "programs"
    for part in binaries.packed:
        shutil.copytree(binaries.packed_in / part, target / part, symlinks=True, dirs_exist_ok=True)
    target.chmod(0o755)
    return target / binaries.folder.relative_to(binaries.packed_in)


def _memory() -> str | None:
    """Return the folder that is kept in memory, if it has room: a new database takes 10 ms there, on a disk 250."""
    try:
        room = shutil.disk_usage(MEMORY).free
    except OSError:
        return None
    return MEMORY if room >= MEMORY_BYTES and os.access(MEMORY, os.W_OK) else None


def _passable(folder: Path) -> bool:
    return bool(folder.stat().st_mode & 0o001)


def _tail(output: bytes | None) -> str:
    lines = (output or b"").decode("utf-8", "replace").splitlines()
    return "\n".join(lines[-LOG_LINES:])


class Server:
    """A server of one folder and one port, which can be stopped, killed and started again."""

    name: str
    end_by: signal.Signals
    """What makes it end soonest without leaving anything of the system's behind."""

    def __init__(self, workplace: Workplace, binaries: Binaries) -> None:
        self.workplace = workplace
        self.binaries = binaries
        self.programs = workplace.programs(binaries)
        self.folder = workplace.new_folder(self.name)
        self.log = self.folder / "server.log"
        self.host = "127.0.0.1"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str | Path]:
        """Return what starts it."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Tell whether it answers."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """The id of its process."""
        assert self._process is not None, f"{self.name} is not running"
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers. Raises ServerFailedError."""
        self._process = self.workplace.spawn(self.command(), self.log, self.end_by)
        try:
            self.wait_for(self.is_ready)
        except BaseException:
            self.stop()
            raise

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds for the running server. Raises ServerFailedError with its log."""
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            if (status := self._process.poll()) is not None:
                raise ServerFailedError(f"{self.name} ended with status {status}:\n{self.log_text()}")
            if time.monotonic() > deadline:
                raise ServerFailedError(f"{self.name} is not ready after {START_SECONDS} s:\n{self.log_text()}")
            time.sleep(0.02)

    def stop(self, by: signal.Signals | None = None) -> None:
        """End it, by the signal that suits it best, and wait for that. One that is not running stays so."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(by or self.end_by)
        process.send_signal(signal.SIGCONT)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)

    def restart(self) -> None:
        """Stop it and start it again, at its old port, with what it kept."""
        self.stop()
        self.start()

    def log_text(self) -> str:
        """Return the end of what it wrote."""
        return _tail(self.log.read_bytes())


def free_port() -> int:
    """Return a port of 127.0.0.1 that was free a moment ago, as was the one 10,000 above it (Redis Cluster needs it).

    It is below those that the system gives to clients: while a server is away for a restart, nothing else takes it.
    """
    while True:
        port = secrets.randbelow(20_000) + 12_000
        if _is_free(port) and _is_free(port + 10_000):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
