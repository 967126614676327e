"""The prompt of `pfa ask`: `ask_again_and_again` takes question after question, each going on from the one before.

On a terminal it completes what is typed by what the server suggests; elsewhere each line of standard input is a
question.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from pfa.v1.query_service_pb2 import AskRequest, SuggestRequest
from pfa_rpc.cli.answers import Answer, require_answered
from pfa_rpc.cli.connection import Connection, ServerError
from pfa_rpc.cli.errors import CommandError, tell
from pfa_rpc.cli.exits import INVALID_INPUT
from pfa_rpc.cli.text import count, plain

if TYPE_CHECKING:
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

ENDS: Final = ("exit", "quit")
"""What ends the prompt, beside the end of its input."""
_PROMPT: Final = "pfa> "
_HELP: Final = "Tab completes, Ctrl-D ends."

Ask = Callable[[AskRequest], Answer]
"""Asks a question and writes its answer."""


class QuestionCompleter(Completer):
    """Completes a question by what the server says can stand at the caret; by nothing where it does not answer."""

    def __init__(self, connection: Connection, request: AskRequest) -> None:
        self._connection = connection
        self._request = request

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """Yield what can stand at the caret, in place of what is there of it."""
        del complete_event
        caret, text = document.cursor_position, document.text
        asked = SuggestRequest(
            organization_id=self._request.organization_id,
            text=text,
            caret=caret,
            context_token=self._request.context_token,
        )
        try:
            found = self._connection.call(self._connection.questions.Suggest, asked).suggestions
        except ServerError:  # a prompt without completions is a prompt still
            return
        for each in found:
            written, behind = plain(each.text), text[caret : each.end]
            # A completion ends at the caret: what stands behind it has to be the end of what is suggested.
            if written.casefold().endswith(behind.casefold()):
                before = written[: len(written) - len(behind)]
                shown = {"display": written, "display_meta": plain(each.description)}
                yield Completion(before, start_position=each.start - caret, **shown)


def ask_again_and_again(
    connection: Connection, request: AskRequest, ask: Ask, *, keys: Input | None = None, screen: Output | None = None
) -> None:
    """Ask every question that is typed; `request` says how. Raises CommandError where lines were not all answered.

    `keys` and `screen` are a terminal in place of that of the process.
    """
    is_terminal = keys is not None or sys.stdin.isatty()
    if is_terminal:
        print(_HELP)
    lines: Iterable[str] = _typed(connection, request, keys, screen) if is_terminal else sys.stdin
    asked = failed = 0
    for line in lines:
        question = line.strip()
        if question.casefold() in ENDS:
            break
        if question:
            asked += 1
            failed += not _ask_one(request, question, ask, typed=is_terminal)
    if failed and not is_terminal:
        raise CommandError(f"{failed:,} of {count(asked, 'question')} not answered", status=INVALID_INPUT)


def _typed(connection: Connection, request: AskRequest, keys: Input | None, screen: Output | None) -> Iterator[str]:
    """Yield the lines that are typed at a terminal. Ctrl-C takes a line back."""
    session: PromptSession[str] = PromptSession(
        _PROMPT,
        completer=QuestionCompleter(connection, request),
        complete_in_thread=True,
        input=keys,
        output=screen,
    )
    while True:
        try:
            yield session.prompt()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


def _ask_one(request: AskRequest, question: str, ask: Ask, *, typed: bool) -> bool:
    """Ask a question, and keep what the next one can go on from; return whether it was answered."""
    request.question = question
    try:
        answer = ask(request)
        # A question that gave nothing to go on from leaves what there was.
        request.context_token = answer.context_token or request.context_token
        require_answered(answer, allow_partial=request.allow_partial, typed=typed)
    except CommandError as error:
        if isinstance(error, ServerError) and error.reason == "INVALID_TOKEN":
            request.context_token = ""
        tell(error.message, error.notes)
        return False
    return True
