"""Synchronizing and settling conflicts from the command line, with a PEMS on the other side."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from pfa_rpc.cli import exits
from tests.acceptance.service import PFA, environment, run_pfa, serving
from tests.acceptance.test_simulator import simulating, url_in


@dataclass
class Shell:
    """Where commands are run."""

    folder: Path
    address: str
    pems: str
    log: Path
    """What the service has logged, at the level that shows most."""

    def run(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command; what is typed is its standard input."""
        return subprocess.run(
            [str(PFA), *arguments],
            cwd=self.folder,
            env=environment(self.folder, server=self.address, organization="GEN01"),
            input=typed,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def json(self, *arguments: str) -> dict[str, Any]:
        """Return what a command prints as JSON."""
        done = self.run(*arguments, "--json")
        assert done.returncode == exits.OK, done.stderr
        value: dict[str, Any] = json.loads(done.stdout)
        return value

    def in_pems(self, pfa_id: str) -> dict[str, Any]:
        """Return a row of PEMS."""
        answer = httpx.get(f"{self.pems}/simulator/rows", params={"organization": "GEN01", "pfa_id": pfa_id})
        values: dict[str, Any] = answer.raise_for_status().json()
        return values

    def change_in_pems(self, pfa_id: str, **values: str) -> None:
        """Change a row as somebody in PEMS does."""
        named = {"organization": "GEN01", "pfa_id": pfa_id, "by": "maria"}
        httpx.patch(f"{self.pems}/simulator/rows", params=named, json=values).raise_for_status()

    def clash(self, *pfa_ids: str) -> None:
        """Change the model of records on both sides."""
        for pfa_id in pfa_ids:
            assert self.run("edit", pfa_id, "model=MINE").returncode == exits.OK
            self.change_in_pems(pfa_id, pfs_f_model="THEIRS")
        assert self.run("sync", "run").returncode == exits.OK


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("sync")
    with simulating("--records", "50") as (line, _):
        pems = {"url": url_in(line), "tenant": "DEMO", "user": "pfa", "password": "pfa-demo"}
        settings = {f"pems_{name.replace('url', 'base_url')}": value for name, value in pems.items()}
        settings |= {"pems_requests_per_second": "1000", "pems_sync_seconds": "0", "log_level": "debug"}
        with serving(folder, **settings) as service:
            done = run_pfa(folder, "organizations", "create", "GEN01", server=service.address)
            assert done.returncode == exits.OK, done.stderr
            shell = Shell(folder, service.address, pems["url"], service.log)
            assert shell.run("sync", "run").returncode == exits.OK
            yield shell


@pytest.fixture
def ids(shell: Shell) -> list[str]:
    """Ids of records that nothing is to be done about."""
    listed = shell.json("list", "--filter", "sync_state = PRISTINE", "--page-size", "5")
    return sorted(record["pfa_id"] for record in listed["records"])


def test_an_edit_goes_to_pems_with_the_next_run_which_is_logged(shell: Shell, ids: list[str]) -> None:
    assert shell.run("edit", ids[0], "contract=C-77").returncode == exits.OK
    assert shell.json("sync", "status")["records"]["modified"] == 1
    done = shell.run("sync", "run")
    assert (done.returncode, done.stderr) == (exits.OK, "")
    assert "1 pushed" in done.stdout
    assert "C-77" in json.dumps(shell.in_pems(ids[0]))
    assert shell.json("sync", "status")["records"]["modified"] == 0
    assert shell.json("sync", "log")["syncs"][0]["counts"]["pushed"] == "1"
    assert "succeeded" in shell.run("sync", "log").stdout
    assert "succeeded" in shell.run("sync", "watch").stdout
    assert "No row is rejected." in shell.run("sync", "rejected").stdout
    unknown = shell.run("sync", "watch", "no-such-run")
    assert (unknown.returncode, "has no run 'no-such-run'" in unknown.stderr) == (exits.NOT_FOUND, True)


def test_conflicts_are_settled_at_a_prompt_of_three_columns(shell: Shell, ids: list[str]) -> None:
    first, second, third = ids[:3]
    shell.clash(first, second, third)
    listed = shell.run("conflicts", "list").stdout
    assert all(word in listed for word in (first, second, third, "MINE", "THEIRS", "maria", "3 conflicts"))
    shown = shell.run("conflicts", "show", first).stdout
    assert all(word in shown for word in ("base", "mine", "PEMS", "MINE", "THEIRS", "maria"))
    done = shell.run("conflicts", "resolve", typed="x\nm\nv\nOWN\ns\n")
    assert done.returncode == exits.OK, done.stderr
    assert "2 conflicts settled, 1 left open" in done.stdout
    done = shell.run("conflicts", "resolve", "--take", "theirs", "--yes")
    assert "1 conflict settled, 0 left open" in done.stdout
    assert shell.run("sync", "run").returncode == exits.OK
    models = [json.dumps(shell.in_pems(pfa_id)) for pfa_id in (first, second, third)]
    assert [word in model for word, model in zip(("MINE", "OWN", "THEIRS"), models, strict=True)] == [True] * 3
    settled = shell.json("conflicts", "list", "--settled")["conflicts"]
    assert {one["settled_by"] for one in settled} == {"local-admin"}


def test_many_conflicts_of_a_filter_are_settled_at_once(shell: Shell, ids: list[str]) -> None:
    shell.clash(*ids[3:5])
    quoted = f'pfa_id = "{ids[3]}"'
    assert shell.json("conflicts", "resolve", "--take", "mine", "--filter", quoted, "--yes") == {
        "resolved": 1,
        "open": 0,
    }
    assert "1 conflict settled" in shell.run("conflicts", "resolve", ids[4], "--take", "mine", "--yes").stdout
    assert "There is no conflict." in shell.run("conflicts", "list").stdout
    assert "The record is not in conflict." in shell.run("conflicts", "show", ids[4]).stdout
    for command in ("show", "resolve"):
        unknown = shell.run("conflicts", command, "no-such-id")
        assert (unknown.returncode, "no-such-id" in unknown.stderr) == (exits.NOT_FOUND, True)
    wrong = shell.run("conflicts", "list", "--filter", "monthly_rat > 5")
    assert (wrong.returncode, "did you mean monthly_rate?" in wrong.stderr) == (exits.INVALID_INPUT, True)


def test_a_record_in_error_says_why_and_is_sent_again(shell: Shell, ids: list[str]) -> None:
    httpx.post(f"{shell.pems}/simulator/faults", json={"action": "refuse", "call": "UPDATE", "times": 1})
    assert shell.run("edit", ids[0], "contract=C-78").returncode == exits.OK
    failed = shell.run("sync", "run", "--push").stdout
    assert all(words in failed for words in ("1 failed", "see", "sync_error_message` says why"))
    assert "0 records will be sent again; of those named 1 is not" in shell.run("sync", "retry", ids[1]).stdout
    assert shell.json("sync", "status")["records"]["sync_error"] == 1
    assert "1 record will be sent again" in shell.run("sync", "retry", ids[0]).stdout
    assert "1 pushed" in shell.run("sync", "run", "--push").stdout


def test_a_suspended_organization_is_not_synchronized_and_says_why(shell: Shell) -> None:
    done = shell.run("sync", "settings", "--suspend", "--note", "PEMS moves", "--policy", "actual_end=pems")
    assert all(word in done.stdout for word in ("suspended", "PEMS moves", "actual_end", "PEMS wins"))
    refused = shell.run("sync", "run")
    assert (refused.returncode, "PEMS moves" in refused.stderr) == (exits.CONFLICT, True)
    reading = ("--resume", "--read-only", "--note", "audit")
    assert "read only" in shell.run("sync", "settings", *reading).stdout
    refused = shell.run("sync", "run")
    assert (refused.returncode, "a run may pull" in refused.stderr, "audit" in refused.stderr) == (
        exits.CONFLICT,
        True,
        True,
    )
    assert shell.run("sync", "run", "--pull").returncode == exits.OK
    done = shell.run("sync", "settings", "--read-write", "--note", "", "--policy", "actual_end=ask", "--every", "30")
    assert all(word in done.stdout for word in ("on", "every 30 min"))
    assert shell.run("sync", "run").returncode == exits.OK


def test_no_credentials_are_in_the_log_of_the_service(shell: Shell) -> None:
    for fault in ({"status": 500, "times": 2}, {"status": 401, "body": "envelope", "times": 2}):
        httpx.post(f"{shell.pems}/simulator/faults", json={"action": "reply", "call": "DATA", **fault})
        shell.run("sync", "run", "--pull")
    logged = shell.log.read_text("utf-8")
    assert all(words in logged for words in ('"level": "debug"', "pems is asked again", "refuses the credentials"))
    assert "pfa-demo" not in logged
    assert base64.b64encode(b"pfa:pfa-demo").decode() not in logged
