"""Writes a stream of records as lines of JSON, and goes on where it broke: `stream_records`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, TypeVar

from pfa.v1.record_service_pb2 import StreamRecordsRequest, StreamRecordsResponse
from pfa_rpc.cli.connection import Connection, ServerError
from pfa_rpc.cli.errors import CommandError, tell
from pfa_rpc.cli.render import json_line, write_out
from pfa_rpc.cli.text import count

ATTEMPTS: Final = 5
"""How often in a row a stream is resumed without getting anything new."""
FIRST_WAIT: Final = 0.5
"""Seconds before the first attempt; each further one waits twice as long, unless the server says how long."""
_LONGEST_WAIT: Final = 10.0
_RESUMABLE: Final = ("UNAVAILABLE", "ABORTED")
_PROGRESS_SECONDS: Final = 0.2
_T = TypeVar("_T")


def stream_records(connection: Connection, request: StreamRecordsRequest, path: str) -> None:
    """Write every record of a stream to a file, or to standard output for "-". Raises ServerError, CommandError."""
    progress = Progress(sys.stderr)
    try:
        with _opened(path) as file:
            for batch in resumed(connection, request, progress):
                # One write for a batch: a line at a time costs more than the stream itself.
                write_out(file, "".join(map(json_line, batch.records)))
                progress.add(len(batch.records))
    except (ServerError, KeyboardInterrupt):
        if progress.received:
            progress.end(f"stopped after {count(progress.received, 'record')}")
        raise
    progress.end(count(progress.received, "record") + ("" if path == "-" else f" written to {path}"))


def resumed(
    connection: Connection, request: StreamRecordsRequest, progress: Progress
) -> Iterator[StreamRecordsResponse]:
    """Yield the batches of a stream, resuming it after a failure that passes. Raises ServerError for the others."""
    request = StreamRecordsRequest.FromString(request.SerializeToString())
    batches = persistently(
        lambda: connection.stream(connection.records.StreamRecords, request, endless=True),
        resumable=lambda: bool(request.resume_token),
        note=progress.note,
    )
    for batch in batches:
        request.resume_token = batch.resume_token
        yield batch


def persistently(
    begin: Callable[[], Iterator[_T]], *, resumable: Callable[[], bool], note: Callable[[str], None] = tell
) -> Iterator[_T]:
    """Yield the messages of a stream, begun again after a failure that passes. Raises ServerError for the others.

    A stream that never began is not tried again: whoever started the command sees at once that nothing answers.
    """
    failures = 0
    while True:
        try:
            for message in begin():
                failures = 0
                yield message
        except ServerError as error:
            failures += 1
            if error.code not in _RESUMABLE or not resumable() or failures > ATTEMPTS:
                raise
            wait = min(error.retry_seconds or FIRST_WAIT * 2 ** (failures - 1), _LONGEST_WAIT)
            note(f"{error.message}; resuming in {wait:g} s ({failures} of {ATTEMPTS})")
            time.sleep(wait)
        else:
            return


class Progress:
    """Tells on standard error how far a stream is: a line that is rewritten on a terminal, only its end elsewhere."""

    def __init__(self, file: IO[str]) -> None:
        self.received = 0
        """Records so far."""
        self._file = file
        self._live = file.isatty() and os.environ.get("TERM") != "dumb"
        self._started = time.monotonic()
        self._shown = 0.0

    def add(self, records: int) -> None:
        """Count records, and show it now and then."""
        self.received += records
        now = time.monotonic()
        if self._live and now - self._shown >= _PROGRESS_SECONDS:
            self._shown = now
            rate = self.received / max(now - self._started, 0.001)
            self._file.write(f"\r{count(self.received, 'record')}, {rate:,.0f} a second\x1b[K")
            self._file.flush()

    def note(self, text: str) -> None:
        """Write a line that stays."""
        self._file.write(("\r\x1b[K" if self._live else "") + text + "\n")
        self._file.flush()

    def end(self, text: str) -> None:
        """Write the last line, with the time it took."""
        self.note(f"{text} in {time.monotonic() - self._started:.1f} s")


@contextmanager
def _opened(path: str) -> Iterator[IO[str]]:
    """Give the file to write to. An ordinary file is made under another name, and appears once it is whole."""
    if path == "-":
        yield sys.stdout
        return
    target = Path(path).resolve()
    if target.exists() and not target.is_file():  # a pipe or a device
        with _open(target) as file:
            yield file
        return
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with _open(partial) as file:
            yield file
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _open(path: Path) -> IO[str]:
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error
