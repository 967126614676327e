"""The bars that question cases are held to, where their folder is (`make score` prints the same figures).

The folder is that of $CASES, or shared/nlq beside the repository; without it these tests are skipped.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from nlq.answer import read_vocabulary
from nlq.interpretation import InterpretationKind
from nlq.pipeline import Language
from pfa_rpc.schema import SCHEMA
from tests.unit.nlq.cases import ROOT

CASES = Path(os.environ.get("CASES") or ROOT.parent / "shared" / "nlq")
pytestmark = pytest.mark.skipif(not (CASES / "score.py").exists(), reason=f"there are no question cases in {CASES}")
LINE = re.compile(
    r"^(\S+)\s+(\w+)\s+cases\s+(\d+)\s+exact\s+([\d.]+) %\s+wrong\s+([\d.]+) %\s+silent\s+([\d.]+) %", re.MULTILINE
)

BARS = {
    ("constructions.jsonl", "core"): (100.0, 0.0),
    ("constructions.jsonl", "policy"): (100.0, 0.0),
    ("corpora/dates.jsonl", "core"): (97.0, 0.5),
    ("corpora/dates.jsonl", "policy"): (70.0, 100.0),
    ("corpora/numbers.jsonl", "core"): (98.0, 0.5),
    ("corpora/money.jsonl", "core"): (98.0, 0.5),
    ("corpora/ordinals.jsonl", "core"): (98.0, 0.5),
    ("corpora/durations.jsonl", "core"): (98.0, 0.5),
    ("corpora/ranges.jsonl", "core"): (97.0, 0.5),
    ("corpora/wikisql_comparisons.jsonl", "core"): (97.0, 0.5),
}
"""(file, tier) → the least share that is exact, and the most that is silently wrong, in percent."""


def figures(name: str, tmp_path: Path) -> dict[str, tuple[float, float]]:
    """Return for each tier of a file the shares that are exact and silently wrong."""
    answers = tmp_path / "answers.jsonl"
    command = [sys.executable, "-m", "nlq.answer", "--cases", str(CASES / name)]
    command += ["--vocabulary", str(CASES / "vocabulary.json")]
    with answers.open("w") as output:
        subprocess.run(command, cwd=ROOT, stdout=output, check=True)
    scorer = [sys.executable, str(CASES / "score.py"), str(answers), str(CASES / name)]
    text = subprocess.run(scorer, capture_output=True, text=True, check=True).stdout
    return {tier: (float(exact), float(silent)) for _, tier, _, exact, _, silent in LINE.findall(text)}


@pytest.mark.parametrize("name", sorted({name for name, _ in BARS}))
def test_a_file_of_cases_is_answered_as_well_as_it_should(name: str, tmp_path: Path) -> None:
    found = figures(name, tmp_path)
    for (of, tier), (least, most) in BARS.items():
        if of == name and tier in found:
            exact, silent = found[tier]
            assert exact >= least, f"{name}, {tier}"
            assert silent <= most, f"{name}, {tier}"


def test_the_sentence_of_every_case_reads_back() -> None:
    language = Language(SCHEMA, read_vocabulary((CASES / "vocabulary.json").read_text(encoding="utf-8")))
    for line in (CASES / "constructions.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        today = date.fromisoformat(case["reference_time"][:10])
        context = language.interpret(case["context"], today).query if "context" in case else None
        reading = language.interpret(case["text"], today, context)
        if reading.kind in (InterpretationKind.RECORDS, InterpretationKind.FIGURES):
            again = language.interpret(reading.sentence, today)
            assert (again.query, again.complete) == (reading.query, True), reading.sentence
