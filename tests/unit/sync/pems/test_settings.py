"""The settings of PEMS come from where they should, and a wrong one gets a sentence that says how to put it right."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from pfa_rpc.errors import SetupError
from pfa_rpc.sync.pems.screen_fields import SCREEN_FIELDS
from pfa_rpc.sync.pems.settings import GRID_ALIASES, PREFIX, PemsSettings

PHRASE = "correct-horse-battery"
BASE: dict[str, Any] = {"base_url": "https://eam.example.test/web", "tenant": "T", "user": "u", "password": PHRASE}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


def sentence(**given: Any) -> str:
    with pytest.raises(SetupError) as caught:
        PemsSettings.load(**given)
    return caught.value.message


def test_without_settings_there_is_no_pems() -> None:
    settings = PemsSettings.load()
    assert not settings.is_configured
    assert settings.columns == GRID_ALIASES
    assert settings.screen_fields["monthly_rate"] == "PFS_F_RATE"


def test_the_environment_wins_over_the_file_and_what_is_given_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PFA_PEMS_TENANT", "of the environment")
    monkeypatch.setenv("pfa_pems_user", "u")
    monkeypatch.setenv("PFA_PEMS_COLUMNS", '{"monthly_rate": "ZZ_RATE"}')
    file = {"tenant": "of the file", "base_url": "https://file.example.test", "user": "x", "password": PHRASE}
    settings = PemsSettings.load(file, base_url="https://given.example.test/", grid_id=None)
    assert settings.tenant == "of the environment"
    assert settings.user == "u"
    assert settings.base_url == "https://given.example.test"
    assert settings.columns["monthly_rate"] == "zz_rate"
    assert settings.columns["class"] == GRID_ALIASES["class"]


def test_secrets_are_shown_nowhere() -> None:
    settings = PemsSettings.load(**BASE, proxy=f"http://p:{PHRASE}@proxy.example.test")
    assert "horse" not in f"{settings!r} {settings!s} {settings.model_dump()}"
    assert settings.secrets == (PHRASE, f"http://p:{PHRASE}@proxy.example.test")


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("base_url", "http://eam.example.test", "write https"),
        ("base_url", "ftp://eam.example.test", "write https://HOST"),
        ("base_url", "eam.example.test", "write https://HOST"),
        ("base_url", "https://eam.example.test/?x=1", "write https://HOST"),
        ("base_url", f"https://u:{PHRASE}@eam.example.test", "must not hold credentials"),
        ("tenant", "Tenänt", "visible ASCII"),
        ("time_zone", "Mars/Olympus", "America/Edmonton"),
        ("columns", {"rate": "x"}, "none of the fields pfa_id"),
        ("columns", {"monthly_rate": " "}, "needs a name"),
        ("columns", {"monthly_rate": "PFS_F_CLASS"}, "cannot be both"),
        ("screen_fields", {"plan_start": "X"}, "none of the fields pfa_id"),
        ("page_rows", 10_001, "10000"),
        ("requests_per_second", 0, "greater than 0"),
        ("money_decimals", 5, "4"),
        ("date_format", "MM/DD", "write a date as YYYY"),
        ("date_format", "MM/MM/YYYY", "write a date as YYYY"),
        ("decimal_point", ",", "not the same"),
        ("thousands", "0", "no letter, digit or sign"),
        ("pasword", "x", "is no setting of PEMS"),
        ("user", "", "PFA_PEMS_PASSWORD"),
        ("api_key", "x", "only one of these"),
        ("tenant", "", "PFA_PEMS_TENANT is not set"),
        ("password", "é", "visible ASCII"),
        ("ca_file", "/nowhere/ca.pem", "No such file"),
        ("ca_file", __file__, "holds no certificates"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(name: str, value: Any, right: str) -> None:
    text = sentence(**BASE | {name: value})
    assert right in text
    assert "horse" not in text


def test_a_wrong_secret_is_not_repeated() -> None:
    assert "hörse" not in sentence(**BASE | {"password": "hörse-battery"})


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:4711", "http://localhost:1/x", "http://[::1]:5", "https://h.example.test"]
)
def test_only_loopback_may_go_without_tls(url: str) -> None:
    assert PemsSettings.load(**BASE | {"base_url": url}).base_url == url


@pytest.mark.parametrize("grant", [{"api_key": PHRASE}, {"token": PHRASE}, {"user": "u", "password": PHRASE}])
def test_one_way_to_sign_in_is_enough(grant: dict[str, Any]) -> None:
    assert PemsSettings.load(base_url="https://h.example.test", tenant="T", **grant).is_configured


def documentation() -> str:
    return (Path(__file__).parents[4] / "docs" / "pems.md").read_text("utf-8")


def test_the_table_of_the_documentation_is_the_table_of_settings() -> None:
    rows = re.findall(r"^\| `(PFA_PEMS_\w+)` \| (.*?) \| (.*?) \|$", documentation(), re.MULTILINE)
    assert rows == [documented(name) for name in PemsSettings.model_fields]


def documented(name: str) -> tuple[str, str, str]:
    """Return the row of the table that a setting should have."""
    value = getattr(PemsSettings.load(), name)
    shown = json.dumps(list(value)) if isinstance(value, tuple) else str(value)
    default = "below" if isinstance(value, dict) else f"`{shown}`" if value not in (None, "") else "none"
    return PREFIX + name.upper(), default, PemsSettings.model_fields[name].description or ""


def test_the_documentation_names_every_column_and_screen_field() -> None:
    rows = re.findall(r"^\| (\w+) \| (?:`(\w+)`)? ?\| (?:`(\w+)`|–) \|$", documentation(), re.MULTILINE)
    assert rows == [(field, alias, SCREEN_FIELDS.get(field, "")) for field, alias in GRID_ALIASES.items()]


def test_every_setting_has_its_sentence() -> None:
    for name, field in PemsSettings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
