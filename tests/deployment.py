"""What the Dockerfile and docker-compose.yml say: `compose`, `instructions`, `interpolated`, `seconds`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

ROOT: Final = Path(__file__).parents[1]
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0}
_VARIABLE: Final = re.compile(r"\$\{(?P<name>\w+)(?:(?P<kind>:-|:\?)(?P<rest>[^}]*))?\}")


class MissingVariable(Exception):
    """The compose file needs a variable that is not set; the message is the file's own."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of the Dockerfile."""

    stage: int
    """0 for the first FROM and what follows it."""
    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """Its words: of its JSON form, or between spaces."""
        words: list[str] = json.loads(self.text) if self.text.startswith("[") else self.text.split()
        return words


def compose() -> dict[str, Any]:
    """Return docker-compose.yml with its anchors put in place, its variables not."""
    content: dict[str, Any] = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return content


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """Return a value as compose makes it from these variables. Raises MissingVariable."""

    def value(found: re.Match[str]) -> str:
        given = variables.get(found["name"], "")
        if not given and found["kind"] == ":?":
            raise MissingVariable(found["rest"])
        return given or (found["rest"] if found["kind"] == ":-" else "")

    return _VARIABLE.sub(value, text)


def instructions() -> list[Instruction]:
    """Return the instructions of the Dockerfile in order, continued lines joined, comments left out."""
    lines = [line for line in (ROOT / "Dockerfile").read_text("utf-8").splitlines() if not line.startswith("#")]
    found: list[Instruction] = []
    stage = -1
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        name, _, text = line.strip().partition(" ")
        if name:
            stage += name == "FROM"
            found.append(Instruction(stage, name, text.strip()))
    return found


def last_stage(name: str) -> list[Instruction]:
    """Return the instructions of that name in the stage that becomes the image."""
    every = instructions()
    return [each for each in every if each.stage == every[-1].stage and each.name == name]


def seconds(duration: str) -> float:
    """Return the seconds of a duration such as 1m30s."""
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"([\d.]+)(ms|s|m)", duration))
