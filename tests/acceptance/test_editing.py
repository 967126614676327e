"""Editing from the command line: one record, many of them, and back again."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pfa_rpc.cli import exits
from tests.acceptance.service import Service, run_pfa, serving


@dataclass
class Shell:
    """Where commands are run."""

    folder: Path
    service: Service

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_pfa(self.folder, *arguments, server=self.service.address, organization="GEN01")

    def json(self, *arguments: str) -> dict[str, Any]:
        done = self.run(*arguments, "--json")
        assert done.returncode == exits.OK, done.stderr
        value: dict[str, Any] = json.loads(done.stdout)
        return value


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("editing")
    assert run_pfa(folder, "generate", "--records", "500", "--organizations", "1").returncode == 0
    with serving(folder) as service:
        yield Shell(folder, service)


@pytest.fixture
def pfa_id(shell: Shell) -> str:
    """A record that is not on site."""
    listed = shell.json("list", "--filter", "is_actualized = false AND source = RENTAL", "--page-size", "1")
    [record] = listed["records"]
    return str(record["pfa_id"])


def test_one_record_is_edited_checked_and_set_back(shell: Shell, pfa_id: str) -> None:
    before = shell.json("get", pfa_id)
    checked = shell.run("edit", pfa_id, "contract=C-77", "monthly_rate=5400.50", "--validate-only")
    assert "Nothing was changed: it was only checked." in checked.stdout
    assert shell.json("get", pfa_id)["record"] == before["record"]
    edited = shell.run("edit", pfa_id, "contract=C-77", "monthly_rate=5400.50")
    assert (edited.returncode, edited.stderr) == (exits.OK, "")
    assert re.search(r"monthly rate +5,400.50 USD", edited.stdout)
    [change] = re.findall(r"pfa undo ([0-9a-f-]{36})", edited.stdout)
    assert shell.run("undo", change, "--yes").stdout == "1 record set back\n"
    after = shell.json("get", pfa_id)["record"]
    assert after["monthly_rate"] == before["record"]["monthly_rate"]
    listed = shell.run("undo").stdout
    assert re.search(rf"edit +{pfa_id} monthly rate: .* → 5,400.50; contract: .* → C-77 +undone +{change}", listed)
    assert shell.run("undo", change, "--redo", "--yes").stdout == "1 record changed again\n"


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["forecast_end=1999-01-01"], exits.INVALID_INPUT, "forecast start after end"),
        (["plan_end=2026-01-01"], exits.INVALID_INPUT, "the plan never changes"),
        (["contract=X", "--etag", "0123456789abcdef"], exits.CONFLICT, "the record is at"),
        (["forecast_end=soon"], exits.USAGE, "a day such as 2026-05-01"),
        (["monthly_rate=1.00001"], exits.USAGE, "at most 4 decimals"),
        (["contrct=X"], exits.USAGE, "did you mean contract?"),
    ],
)
def test_what_is_wrong_is_said(shell: Shell, pfa_id: str, arguments: list[str], status: int, text: str) -> None:
    done = shell.run("edit", pfa_id, *arguments)
    assert done.returncode == status
    assert text in done.stderr


def test_a_change_of_many_is_proposed_applied_and_stale_the_second_time(shell: Shell) -> None:
    shown = shell.run("propose", "extend all cranes by 2 weeks")
    assert shown.returncode == exits.OK, shown.stderr
    assert "change   forecast_end += 14 days" in shown.stdout
    assert re.search(r"forecast +[\d,.]+ +[\d,.]+ +\+[\d,.]+", shown.stdout)
    [token] = re.findall(r"pfa apply (\S+)", shown.stdout)
    refused = shell.run("apply", token)
    assert (refused.returncode, refused.stdout) == (exits.USAGE, "")
    assert "--yes" in refused.stderr, "nobody is there to be asked"
    applied = shell.run("apply", token, "--yes")
    assert re.search(r"^\d+ records changed", applied.stdout), applied.stderr
    again = shell.run("apply", token, "--yes")
    assert again.returncode == exits.CONFLICT
    assert "changed since" in again.stderr


def test_changes_can_be_written_out_and_carried_out_at_once(shell: Shell) -> None:
    changes = ["--set", 'area_silo = "Silo 4"', "--set", "forecast_end += 1 month", "--set", "contract = null"]
    done = shell.run(
        "propose", "--filter", 'category = "Pumps" AND is_actualized = false', *changes, "--months", "--apply", "--yes"
    )
    assert done.returncode == exits.OK, done.stderr
    assert re.search(r"20\d\d-\d\d forecast", done.stdout)
    assert re.search(r"^\d+ records changed", done.stdout, re.MULTILINE)
    areas = shell.json("list", "--filter", 'category = "Pumps" AND is_actualized = false', "--fields", "area_silo")
    assert {record["area_silo"] for record in areas["records"]} == {"Silo 4"}


def test_an_order_or_changes_are_needed_not_both(shell: Shell) -> None:
    assert shell.run("propose").returncode == exits.USAGE
    assert shell.run("propose", "extend all cranes by 2 weeks", "--set", "contract = null").returncode == exits.USAGE
