"""Settings come from where they should, and a wrong one gets a sentence that says how to put it right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pfa_rpc.errors import SetupError
from pfa_rpc.server.addresses import Address
from pfa_rpc.server.settings import LogFormat, LogLevel, Settings, unknown_variables, variable

PHRASE = "correct-horse-battery"
OTHER_PHRASE = "staple-correct-horse-battery"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*Settings.model_fields, "config_file"]:
        monkeypatch.delenv(variable(name), raising=False)


def sentence(**given: object) -> str:
    with pytest.raises(SetupError) as caught:
        Settings.load(**given)
    return caught.value.message


def test_defaults_need_nothing() -> None:
    settings = Settings.load()
    assert settings.listen == "127.0.0.1:50051"
    assert settings.database_url == "sqlite:///pfa.sqlite3"
    assert settings.bearer_tokens == ()
    assert settings.log_format is LogFormat.JSON, "standard error is no terminal here"


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "pfa.toml"
    file.write_text('listen = "127.0.0.1:1"\nstop_seconds = 3\nlog_level = "error"\n')
    monkeypatch.setenv("PFA_CONFIG_FILE", str(file))
    monkeypatch.setenv("PFA_LISTEN", "127.0.0.1:2")
    monkeypatch.setenv("PFA_LOG_LEVEL", "WARNING")
    settings = Settings.load(listen="127.0.0.1:3", database_url=None)
    assert settings.listen == "127.0.0.1:3"
    assert settings.log_level is LogLevel.WARNING
    assert settings.stop_seconds == 3
    sources = {row.name: row.source for row in settings.shown()}
    assert sources["listen"] == "command line"
    assert sources["log_level"] == "environment"
    assert sources["stop_seconds"] == str(file)
    assert sources["database_url"] == "default"


def test_tokens_are_separated_by_commas_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PFA_API_TOKENS", f" {PHRASE} , {OTHER_PHRASE},")
    assert Settings.load().bearer_tokens == (PHRASE, OTHER_PHRASE)


def test_tokens_may_be_a_list_in_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "pfa.toml"
    file.write_text(f'api_tokens = ["{PHRASE}", "{OTHER_PHRASE}"]\n')
    monkeypatch.setenv("PFA_CONFIG_FILE", str(file))
    assert Settings.load().bearer_tokens == (PHRASE, OTHER_PHRASE)


def test_secrets_are_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PFA_API_TOKENS", f"{PHRASE},{OTHER_PHRASE}")
    monkeypatch.setenv("PFA_TOKEN_KEY", PHRASE)
    settings = Settings.load()
    text = f"{settings!r} {settings!s} {settings.shown()}"
    assert "horse" not in text
    rows = {row.name: row for row in settings.shown()}
    assert rows["api_tokens"].value == "********,********"
    assert rows["token_key"].value == "********"


def test_settings_of_pems_are_shown_with_the_others_and_its_secrets_are_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "pfa.toml"
    file.write_text('[pems]\ntenant = "DEMO"\nuser = "pfa"\nflag_texts = ["Y", "N"]\n')
    monkeypatch.setenv("PFA_CONFIG_FILE", str(file))
    given = {"BASE_URL": "https://pems.example.com", "PASSWORD": "hunter2", "COLUMNS": '{"model": "my_model"}'}
    for name, value in (given | {"PROXY": f"http://me:{PHRASE}@proxy:8080"}).items():
        monkeypatch.setenv(f"PFA_PEMS_{name}", value)
    settings = Settings.load()
    rows = {row.name: row for row in settings.shown()}
    text = f"{settings!r} {settings!s} {settings.pems!r} {list(rows.values())}"
    assert "hunter2" not in text
    assert "horse" not in text
    assert (rows["pems.tenant"].value, rows["pems.tenant"].source) == ("DEMO", str(file))
    assert rows["pems.flag_texts"].value == '["Y", "N"]'
    base_url = rows["pems.base_url"]
    assert (base_url.variable, base_url.value) == ("PFA_PEMS_BASE_URL", "https://pems.example.com")
    assert [rows[f"pems.{name}"].value for name in ("password", "proxy", "token")] == ["********", "********", ""]
    assert '"model": "my_model"' in rows["pems.columns"].value
    assert (rows["pems.screen_fields"].value, rows["pems.screen_fields"].source) == ("", "default")


def test_a_password_in_the_url_of_the_database_is_not_shown() -> None:
    rows = {row.name: row for row in Settings.load(database_url="postgresql://pfa:hunter2@db:5432/pfa").shown()}
    assert rows["database_url"].value == "postgresql://pfa:********@db:5432/pfa"


@pytest.mark.parametrize("name", ["api_tokens", "token_key"])
def test_a_wrong_secret_is_named_but_not_told(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for wrong, why in (("hunter2", "at least 16"), ("hunter2 " * 4 + "x", "no spaces"), ("hunter2é" * 4, "ASCII")):
        monkeypatch.setenv(variable(name), wrong)
        text = sentence()
        assert variable(name) in text
        assert why in text
        assert "hunter2" not in text


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("listen", "50051", "HOST:PORT"),
        ("listen", "127.0.0.1", "HOST:PORT"),
        ("listen", "127.0.0.1:http", "HOST:PORT"),
        ("listen", "127.0.0.1:65536", "0 to 65535"),
        ("listen", "::1:50051", "[::1]:50051"),
        ("listen", "", "HOST:PORT"),
        ("log_level", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("log_format", "xml", "'json' or 'console'"),
        ("stop_seconds", "soon", "number"),
        ("stop_seconds", "-1", "greater than or equal to 0"),
        ("stream_write_seconds", "0", "greater than 0"),
        ("max_request_bytes", "12", "1024"),
        ("max_concurrent_calls", "0", "1"),
        ("database_pool_size", "many", "integer"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, right: str
) -> None:
    monkeypatch.setenv(variable(name), value)
    text = sentence()
    assert f"{variable(name)}={value!r}" in text
    assert right in text


def test_a_wrong_value_in_the_file_names_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "pfa.toml"
    file.write_text("stop_seconds = true\nlisten = 4\n")
    monkeypatch.setenv("PFA_CONFIG_FILE", str(file))
    assert f"listen ({file})" in sentence()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('lisen = "127.0.0.1:1"', "did you mean listen?"),
        ("zzz = 1", "known are database_url"),
        ("[server]\n", "'server', which is no setting"),
        ("listen = ", "is not TOML"),
        ("\x00", "is not TOML"),
    ],
)
def test_a_file_with_a_mistake_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "pfa.toml"
    file.write_text(content)
    monkeypatch.setenv("PFA_CONFIG_FILE", str(file))
    text = sentence()
    assert said in text
    assert str(file) in text


def test_a_file_that_is_not_there_or_not_text_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PFA_CONFIG_FILE", str(tmp_path / "none.toml"))
    assert "cannot be read: No such file" in sentence()
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    monkeypatch.setenv("PFA_CONFIG_FILE", str(tmp_path / "binary.toml"))
    assert "is not TOML" in sentence()


@pytest.mark.parametrize("listen", ["0.0.0.0:50051", "[::]:50051", "10.0.0.5:50051", "example.test:50051"])
def test_an_address_that_others_reach_needs_tokens(listen: str) -> None:
    text = sentence(listen=listen)
    assert f"PFA_LISTEN={listen}" in text
    assert "PFA_API_TOKENS" in text
    assert "127.0.0.1" in text
    assert Settings.load(listen=listen, api_tokens=PHRASE).listen == listen


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.9.9.9:1", "[::1]:50051", "localhost:50051"])
def test_loopback_needs_none(listen: str) -> None:
    assert str(Settings.load(listen=listen).address) == listen


def test_an_address_is_split() -> None:
    assert Address.parse("[::1]:0") == Address("::1", 0)
    assert Address.parse("127.0.0.1:50051").with_port(7) == Address("127.0.0.1", 7)


def test_variables_that_nothing_reads_are_told_with_the_nearest() -> None:
    environment = {"PFA_LISTN": "x", "PFA_XYZZY": "1", "PFA_LISTEN": "x", "PFA_SERVER": "x", "PATH": "x"}
    assert unknown_variables(environment) == [("PFA_LISTN", "PFA_LISTEN"), ("PFA_XYZZY", None)]


def test_every_setting_has_its_sentence() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_the_table_of_the_documentation_is_the_table_of_settings() -> None:
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
    rows = re.findall(r"^\| `(PFA_\w+)` \| (.*?) \| (.*?) \|$", text, re.MULTILINE)
    assert rows == [documented(name) for name in Settings.model_fields]


def documented(name: str) -> tuple[str, str, str]:
    """Return the row of the table that a setting should have."""
    field = Settings.model_fields[name]
    default = {"log_format": "by terminal"}.get(name)
    if default is None:
        value = next(row.value for row in Settings.load().shown() if row.name == name)
        default = f"`{value}`" if value else "none"
    return variable(name), default, field.description or ""
