"""The log is one line an event, whatever is in it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from pfa_rpc.server import log
from pfa_rpc.server.settings import Settings
from pfa_rpc.server.wire_text import RUN_LENGTH, harmless


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    captured = capsys.readouterr()
    assert captured.out == "", "standard output is for answers"
    return [json.loads(line) for line in captured.err.splitlines()]


def test_an_event_is_a_line_of_json_whatever_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings.load(log_format="json"))
    structlog.stdlib.get_logger("pfa").info("call", peer="a\nb\x1b[31m\u2028", organization_id="x" * 1_000_000)
    (line,) = lines_of(capsys)
    assert (line["event"], line["level"]) == ("call", "info")
    assert line["peer"] == "a\\nb\\x1b[31m\\u2028"
    assert len(str(line["organization_id"])) == RUN_LENGTH
    assert str(line["timestamp"]).endswith("Z")


def test_a_trace_is_kept_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings.load(log_format="json"))
    structlog.stdlib.get_logger("pfa").error("failure", exc_info=ValueError("the reason"))
    (line,) = lines_of(capsys)
    assert "ValueError: the reason" in str(line["exception"])


def test_the_console_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings.load(log_format="console"))
    structlog.stdlib.get_logger("pfa").info("serving", address="127.0.0.1:50051")
    text = capsys.readouterr().err
    assert "serving" in text
    assert "address=127.0.0.1:50051" in text
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_trace_shows_no_values_of_variables(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(token: str) -> None:
        raise ValueError(f"of {len(token)} characters")

    log.configure(Settings.load(log_format=form))
    try:
        fail("-".join(("not", "for", "the", "log")))
    except ValueError as error:
        structlog.stdlib.get_logger("pfa").error("failure", exc_info=error)
    text = capsys.readouterr().err
    assert "of 15 characters" in text
    assert "not-for-the-log" not in text


def test_the_level_holds_for_us_and_for_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings.load(log_level="warning", log_format="json"))
    structlog.stdlib.get_logger("pfa").info("call")
    logging.getLogger("alembic.runtime.migration").info("Running upgrade")
    logging.getLogger("other").warning("look %s", "here")
    assert [line["event"] for line in lines_of(capsys)] == ["look here"]


def test_debug_shows_no_sql_of_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings.load(log_level="debug", log_format="json"))
    structlog.stdlib.get_logger("pfa").debug("request")
    logging.getLogger("sqlalchemy.engine").info("SELECT 1")
    logging.getLogger("aiosqlite").debug("executing")
    assert [line["event"] for line in lines_of(capsys)] == ["request"]


@given(st.text(), st.integers(10, 300))
def test_harmless_text_is_short_visible_and_one_line(text: str, size: int) -> None:
    shown = harmless(text, size)
    assert len(shown.encode("utf-8")) <= size
    assert shown.isprintable()
    if text.isprintable() and len(text.encode("utf-8", "surrogatepass")) <= min(size, RUN_LENGTH):
        assert shown == text


def test_what_is_cut_says_so() -> None:
    assert harmless("a" * 50 + " " + "b" * 500, 1_000) == "a" * 50 + " " + "b" * (RUN_LENGTH - 1) + "…"
    assert harmless("word " * 100, 23) == "word word word word …"
