"""`pfa ask` as a conversation, and `pfa vocabulary`, against the service as a process."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from pfa.v1.query_service_pb2 import AskRequest
from pfa_rpc.cli import exits
from pfa_rpc.cli.answers import Answer
from pfa_rpc.cli.connection import Connection, Target, connect
from pfa_rpc.cli.main import main
from pfa_rpc.cli.prompt import QuestionCompleter, ask_again_and_again
from tests.acceptance.service import serving
from tests.integration.store.conftest import make_filled
from tests.servers.stock import Stock


@dataclass
class Shell:
    """Runs commands against a server, as organization RIO."""

    address: str
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str, typed: str = "") -> tuple[int, str, str]:
        """Return status, output and errors of a command; `typed` is its standard input, no terminal."""
        self.monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        self.monkeypatch.setenv("PFA_SERVER", self.address)
        self.monkeypatch.setenv("PFA_ORGANIZATION", "RIO")
        status = main([*arguments])
        captured = self.capsys.readouterr()
        return status, captured.out, captured.err

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Give a connection to the server."""
        with connect(Target(self.address, None, 30)) as connection:
            yield connection


@pytest.fixture(scope="module")
def address(stock: Stock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service whose database holds RIO and RIO2."""
    folder: Path = tmp_path_factory.mktemp("conversation")
    with stock.copy("sqlite", folder, make_filled), serving(folder) as service:
        yield service.address


@pytest.fixture
def shell(address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A shell whose commands ask the service."""
    return Shell(address, monkeypatch, capsys)


def filters(text: str) -> list[str]:
    """Return the filters that an output shows."""
    return [line.removeprefix("Filter").strip() for line in text.splitlines() if line.startswith("Filter")]


def test_lines_of_the_input_are_questions_that_go_on_from_each_other(shell: Shell) -> None:
    status, text, errors = shell.run(
        "ask", typed="rentals in Silo 4\n\nonly the cranes\nhow many are there?\nexit\nx\n"
    )
    assert (status, errors) == (exits.OK, "")
    first, second, third = filters(text)
    assert "category" not in first
    assert 'category = "cranes"' in second
    assert third == second


def test_a_line_that_is_not_understood_leaves_what_there_was_to_go_on_from(shell: Shell) -> None:
    status, text, errors = shell.run("ask", typed="rentals in Silo 4\npurple florbs\nonly the cranes\n")
    assert status == exits.INVALID_INPUT
    assert "not understood: " in errors
    assert "pfa: 1 of 3 questions not answered" in errors
    assert filters(text)[-1] == filters(shell.run("interpret", "rented cranes in Silo 4")[1])[0]


def test_a_token_of_an_answer_lets_a_script_go_on(shell: Shell) -> None:
    _, text, _ = shell.run("ask", "rentals in Silo 4", "--json")
    token = json.loads(text)["context_token"]
    _, text, _ = shell.run("ask", "only the cranes", "--context", token)
    assert 'category = "cranes"' in filters(text)[0]
    status, _, errors = shell.run("interpret", "only the cranes", "--context", token[:-3])
    assert status == exits.INVALID_INPUT
    assert "context token" in errors


def test_what_could_have_been_said_is_shown_with_a_miss(shell: Shell) -> None:
    status, text, errors = shell.run("ask", "rentals florbs")
    assert status == exits.INVALID_INPUT
    assert 'not understood: "florbs"' in errors
    [possible] = [line for line in text.splitlines() if line.startswith("Possible")]
    assert "|" in possible


def test_a_change_is_shown_as_a_proposal(shell: Shell) -> None:
    status, text, errors = shell.run("ask", "extend all cranes by 2 weeks")
    assert (status, errors) == (exits.OK, "")
    assert "Change      forecast_end += 14 days" in text
    assert "Nothing was changed." in text
    document = json.loads(shell.run("ask", "extend all cranes by 2 weeks", "--json")[1])
    assert int(document["proposal"]["matched"]) > 0


def test_a_corrected_change_has_to_be_confirmed(shell: Shell) -> None:
    status, _, errors = shell.run("ask", "exted all cranes by 2 weeks")
    assert status == exits.INVALID_INPUT
    assert 'corrected: "exted"; if that is what you meant, say so by --confirm-corrections' in errors
    assert shell.run("ask", "exted all cranes by 2 weeks", "--confirm-corrections")[0] == exits.OK


def test_what_is_never_done_has_a_status_of_its_own(shell: Shell) -> None:
    status, _, errors = shell.run("ask", "delete all rentals")
    assert status == exits.INVALID_INPUT
    assert errors.startswith("pfa: Records are never deleted")


def test_synonyms_are_added_listed_used_and_removed(shell: Shell) -> None:
    assert shell.run("interpret", "cherry pickers in Silo 4")[1].count("not understood") == 1
    status, text, _ = shell.run("vocabulary", "add", "cherry picker", "category", "CRANES")
    assert status == exits.OK
    assert "cranes" in text
    status, text, _ = shell.run("vocabulary", "list")
    assert "cherry picker" in text
    assert "local-admin" in text
    assert "1 synonym" in text
    assert 'category = "cranes"' in filters(shell.run("ask", "cherry pickers in Silo 4")[1])[0]
    status, _, errors = shell.run("vocabulary", "add", "cherry-pickers", "source", "RENTAL")
    assert status == exits.CONFLICT
    assert "cherry-pickers" in errors
    status, text, _ = shell.run("vocabulary", "remove", "Cherry Pickers")
    assert status == exits.OK
    status, _, errors = shell.run("vocabulary", "remove", "cherry picker")
    assert status == exits.NOT_FOUND
    assert "0 synonyms" in shell.run("vocabulary", "list")[1]


def test_values_are_listed_by_field(shell: Shell) -> None:
    document = json.loads(shell.run("vocabulary", "list", "--values", "--field", "area_silo", "--json")[1])
    assert {value["field"] for value in document["values"]} == {"area_silo"}
    assert document["synonyms"] == []
    assert shell.run("vocabulary", "add", "x y", "category", "no such value")[0] == exits.INVALID_INPUT


# --- the prompt of a terminal ----------------------------------------------------------------------------------------


def completions(shell: Shell, text: str, caret: int | None = None) -> list[tuple[str, int]]:
    """Return the texts that the prompt offers, and where each begins, from the caret."""
    with shell.connection() as connection:
        completer = QuestionCompleter(connection, AskRequest(organization_id="RIO"))
        document = Document(text, caret if caret is not None else len(text))
        return [(each.text, each.start_position) for each in completer.get_completions(document, CompleteEvent())]


def test_a_half_typed_word_is_completed(shell: Shell) -> None:
    assert completions(shell, "rented cra")[0] == ("cranes", -3)
    assert completions(shell, "rented cra in Silo 4", 10)[0] == ("cranes", -3)


def test_a_completion_leaves_what_stands_behind_the_caret(shell: Shell) -> None:
    assert ("cra", -3) in completions(shell, "rented cranes in Silo 4", 10)
    text = "cranes in  over 5,000"
    for written, start in completions(shell, text, 10):
        question = f"{text[: 10 + start]}{written}{text[10:]}"
        assert shell.run("interpret", question)[0] == exits.OK, question


def test_a_server_that_does_not_answer_offers_nothing() -> None:
    with connect(Target("127.0.0.1:1", None, 5)) as connection:
        completer = QuestionCompleter(connection, AskRequest(organization_id="RIO"))
        assert list(completer.get_completions(Document("cra"), CompleteEvent())) == []


def conversation(shell: Shell, type_keys: Callable[[PipeInput], None]) -> list[tuple[str, str]]:
    """Return the questions that are asked at a terminal, each with the token that it goes on from."""
    asked: list[tuple[str, str]] = []

    def ask(request: AskRequest) -> Answer:
        asked.append((request.question, request.context_token))
        return Answer(context_token=f"after {request.question}")

    with shell.connection() as connection, create_pipe_input() as keys:
        type_keys(keys)
        with create_app_session(input=keys, output=DummyOutput()):
            ask_again_and_again(connection, AskRequest(organization_id="RIO"), ask, keys=keys, screen=DummyOutput())
    return asked


def test_a_terminal_is_asked_until_its_input_ends(shell: Shell) -> None:
    asked = conversation(shell, lambda keys: keys.send_text("rentals\rhalf a line\x03only the cranes\r\x04"))
    assert asked == [("rentals", ""), ("only the cranes", "after rentals")]
    assert "Tab completes" in shell.capsys.readouterr().out


def test_a_word_ends_the_prompt(shell: Shell) -> None:
    assert conversation(shell, lambda keys: keys.send_text("rentals\rquit\rcranes\r")) == [("rentals", "")]


def test_the_tab_key_completes(shell: Shell) -> None:
    [(question, _)] = conversation(shell, lambda keys: keys.send_text("rentals in Sil\t\t\r\x04"))
    assert question.startswith("rentals in Sil")
