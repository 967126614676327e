"""docs/simulator.md and the help of the command say what the simulator does."""

from __future__ import annotations

import re
import textwrap
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from pfa_rpc.cli.simulating import SIMULATE_EXAMPLE
from pfa_rpc.simulator.faults import ACTIONS, Fault, Match, fault_of

PAGE = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text(encoding="utf-8")


async def test_the_example_in_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(f"async def example():\n{textwrap.indent(code, '    ')}", names)  # noqa: S102 - the page is ours

    await names["example"]()

    url, area, written, counts = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
    assert (area, written, counts) == ("Silo 9", "[]", "0 0")


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_and_its_fields_are_told(action: str) -> None:
    names = [field.name for field in fields(ACTIONS[action])]
    row = re.search(rf"^\| `{action}` .*$", PAGE, re.MULTILINE)
    line = re.search(rf"^  {action} .*(\n {{20}}.*)*", SIMULATE_EXAMPLE, re.MULTILINE)

    assert row, f"docs/simulator.md says nothing of {action}"
    assert line, f"pfa simulate-pems --help says nothing of {action}"
    assert [name for name in names if f"`{name}`" not in row[0]] == []
    assert [name for name in names if f"{name}=" not in line[0]] == []


def test_what_every_fault_takes_is_told() -> None:
    names = [field.name for kind in (Match, Fault) for field in fields(kind) if field.name not in ("action", "match")]

    assert [name for name in names if f"`{name}`" not in PAGE] == []
    assert [name for name in names if f"{name}=" not in SIMULATE_EXAMPLE] == []


def test_the_faults_in_the_examples_can_be_read() -> None:
    examples = re.findall(r"--fault '([^']+)'", SIMULATE_EXAMPLE)

    assert len(examples) == 3
    for words in examples:
        fault_of(words)
