"""A full collection of garbage in a server is short: it passes over what was there at the start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SERVER = """
import asyncio, gc, os, signal, sys
from pfa_rpc.server.application import serve
from pfa_rpc.server.settings import Settings

def ready(port):
    print("frozen:", gc.get_freeze_count())
    os.kill(os.getpid(), signal.SIGTERM)

asyncio.run(serve(Settings(database_url=sys.argv[1], listen="127.0.0.1:0", stop_seconds=0), ready=ready))
"""


def test_what_was_there_at_the_start_is_passed_over(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SERVER, f"sqlite:///{tmp_path}/pfa.sqlite3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    [frozen] = [line for line in done.stdout.splitlines() if line.startswith("frozen:")]
    assert int(frozen.split()[1]) > 10_000
