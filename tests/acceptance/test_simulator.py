"""`pfa simulate-pems` as a process."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.unit.simulator.client import grid_body

PFA = shutil.which("pfa", path=str(Path(sys.executable).parent)) or "pfa"
EXPORT = Path(__file__).parents[2] / "examples" / "pems_export.csv.gz"


@contextmanager
def simulating(*options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run the command; give the first line that it prints, and the process."""
    process = subprocess.Popen([PFA, "simulate-pems", *options], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline(), process
    finally:
        process.kill()
        process.communicate()


def url_in(line: str) -> str:
    """Return the address that the command printed."""
    match = re.search(r"http://127\.0\.0\.1:[0-9]+", line)
    assert match, line
    return match[0]


def test_it_says_where_it_is_serves_an_export_and_ends_when_told() -> None:
    with simulating("--export", str(EXPORT), "--tenant", "SITE", "--user", "me:secret") as (line, process):
        headers = {"tenant": "SITE", "organization": "RIO"}
        answer = httpx.post(
            f"{url_in(line)}/axis/restservices/griddata",
            json=grid_body("COUNT.STORED"),
            headers=headers,
            auth=("me", "secret"),
        )

        assert answer.json()["Result"]["ResultData"]["GRID"]["TOTAL-COUNT"] == 8_800
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_faults_come_with_the_command_line() -> None:
    options = ("--records", "20", "--json", "--fault", "reply status=429 retry_after=7 times=1")
    with simulating(*options) as (line, _process):
        found = json.loads(line)
        http = httpx.Client(base_url=found["url"], headers={"tenant": "DEMO", "organization": "GEN01"})
        with http:
            http.headers["Authorization"] = "Bearer demo-token"
            body = grid_body("COUNT.STORED", organization="GEN01")
            answers = [http.post("/axis/restservices/griddata", json=body) for _ in range(2)]

    assert found["organizations"] == {"GEN01": 20}
    assert [answer.status_code for answer in answers] == [429, 200]
    assert answers[0].headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("options", "status", "sentence"),
    [
        (("--listen", "0.0.0.0:0"), 3, "'0.0.0.0' is not a loopback address"),
        (("--listen", "8080"), 2, "--listen takes HOST:PORT"),
        (("--fault", "explode"), 3, "the action must be one of delay, reply"),
        (("--time-zone", "Mars/Base"), 2, "there is no zone 'Mars/Base'"),
        (("--user", "me"), 2, "--user takes NAME:PASSWORD"),
        (("--collation", "swedish"), 3, "binary, ignore-case"),
        (("--export", "nothing.csv"), 3, "nothing.csv cannot be opened"),
    ],
)
def test_what_it_cannot_do_is_one_sentence(options: tuple[str, ...], status: int, sentence: str) -> None:
    done = subprocess.run([PFA, "simulate-pems", *options], capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == status
    assert sentence in done.stderr
    assert done.stderr.count("\n") <= 2


def test_a_port_that_is_taken_is_said() -> None:
    with simulating("--records", "1") as (line, _process):
        address = url_in(line).removeprefix("http://")
        done = subprocess.run(
            [PFA, "simulate-pems", "--listen", address], capture_output=True, text=True, timeout=30, check=False
        )

    assert done.returncode == 1
    assert "cannot listen on 127.0.0.1" in done.stderr
