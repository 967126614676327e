"""Answers to questions: `Answer` puts the parts together, `show_reading` and `show_answer` write them for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pfa.v1.query_service_pb2 import INTERPRETATION_KIND_CHANGE, INTERPRETATION_KIND_REFUSED
from pfa_rpc.cli.change_tables import show_changes
from pfa_rpc.cli.errors import CommandError
from pfa_rpc.cli.exits import INVALID_INPUT
from pfa_rpc.cli.figure_tables import show_figures
from pfa_rpc.cli.proposal_tables import show_outcome
from pfa_rpc.cli.reading import not_understood, reading_lines, reason_text
from pfa_rpc.cli.render import as_object, show_age, show_records
from pfa_rpc.cli.text import count, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.duration_pb2 import Duration

    from pfa.v1.history_pb2 import ListChangesResponse
    from pfa.v1.proposal_pb2 import ChangeProposal
    from pfa.v1.query_service_pb2 import AskResponse, Interpretation, RecordBatch
    from pfa.v1.record_pb2 import Record
    from pfa.v1.record_service_pb2 import AggregateRecordsResponse
    from pfa_rpc.cli.render import Output


@dataclass
class Answer:
    """The parts of an answer, put together."""

    interpretation: Interpretation | None = None
    context_token: str = ""
    """What the next question can go on from; empty where this one gave nothing to go on from."""
    records: list[Record] = field(default_factory=list)
    total_size: int | None = None
    revision_token: str = ""
    age: Duration | None = None
    """How old the oldest part from a cache is; None: none came from one."""
    figures: AggregateRecordsResponse | None = None
    proposal: ChangeProposal | None = None
    changes: ListChangesResponse | None = None
    """The newest changes, beside figures of who made them where that was asked for."""

    def take(self, part: AskResponse) -> None:
        """Add a part as it comes."""
        self.context_token = part.context_token or self.context_token
        match part.WhichOneof("part"):
            case "interpretation":
                self.interpretation = part.interpretation
            case "records":
                self.records.extend(part.records.records)
                self.revision_token = part.records.revision_token or self.revision_token
                self._note_age(part.records)
                if part.records.HasField("total_size"):
                    self.total_size = part.records.total_size
            case "figures":
                self.figures = part.figures
                self._note_age(part.figures)
            case "proposal":
                self.proposal = part.proposal
                self._note_age(part.proposal)
            case "changes":
                self.changes = part.changes

    def _note_age(self, part: RecordBatch | AggregateRecordsResponse | ChangeProposal) -> None:
        if part.HasField("age") and (self.age is None or part.age.ToNanoseconds() > self.age.ToNanoseconds()):
            self.age = part.age

    @property
    def has_records(self) -> bool:
        """Whether records were looked up, be there any or not."""
        return bool(self.records or self.revision_token) or self.total_size is not None

    def as_object(self) -> dict[str, Any]:
        """Return the answer as one JSON object: the interpretation, then records, figures or a proposal if any."""
        value: dict[str, Any] = {}
        if self.interpretation is not None:
            value["interpretation"] = as_object(self.interpretation)
        if self.context_token:
            value["context_token"] = self.context_token
        if self.figures is not None:
            value["figures"] = as_object(self.figures)
        elif self.proposal is not None:
            value["proposal"] = as_object(self.proposal)
        elif self.has_records:
            value |= self._records_object()
        if self.changes is not None:
            value["changes"] = as_object(self.changes)
        return value

    def _records_object(self) -> dict[str, Any]:
        value: dict[str, Any] = {"records": [as_object(record) for record in self.records]}
        if self.total_size is not None:
            value["total_size"] = str(self.total_size)  # as protobuf's JSON writes 64-bit numbers
        value["revision_token"] = self.revision_token
        if self.age is not None:
            value["age"] = self.age.ToJsonString()
        return value


def show_reading(output: Output, question: str, reading: Interpretation) -> None:
    """Write the question with its words marked by what became of them, and what it was read as."""
    for line in reading_lines(question, reading, output.width):
        output.show(line)
    output.line()


def show_answer(output: Output, answer: Answer, names: Sequence[str] | None) -> None:
    """Write the records and how many there are, the figures and what they cover, or what a change would do."""
    if answer.proposal is not None:
        show_outcome(output, answer.proposal)
        output.line("Nothing was changed. `pfa propose` with the same words can carry it out.")
    elif answer.figures is not None and answer.interpretation is not None:
        show_figures(output, answer.figures, answer.interpretation.aggregate)
        if answer.changes is not None and answer.changes.changes:
            output.line()
            show_changes(output, answer.changes)
    elif answer.changes is not None:
        show_changes(output, answer.changes)
        shown = len(answer.changes.changes)
        output.line(count(shown, "change") if shown else "No change matches.", "dim")
    elif answer.has_records:
        show_records(output, answer.records, names)
        shown, total = len(answer.records), answer.total_size
        if total is None or total == shown:
            output.line(count(shown, "record") if shown else "No record matches.", "dim")
        else:
            output.line(f"{shown:,} of {count(total, 'record')} shown", "dim")
    show_age(output, answer.age)


def require_answered(answer: Answer, *, allow_partial: bool, typed: bool = False) -> None:
    """Raise CommandError where nothing was looked up, with the sentence that says why.

    Where the question was `typed` at a prompt, nothing is said of options, which cannot be given there.
    """
    reading = answer.interpretation
    if reading is None:
        return
    why = ""
    if reading.kind == INTERPRETATION_KIND_REFUSED:
        why = plain(reading.errors[0]) if reading.errors else f"this is never done: {reason_text(reading)}"
    elif reading.question_back:
        why = plain(reading.question_back)
    elif not (reading.complete or allow_partial):
        words = not_understood(reading) or "a part of the question"
        whole = typed or reading.kind == INTERPRETATION_KIND_CHANGE
        partly = "" if whole else ", or answer with the rest by --allow-partial"
        why = f"not understood: {words}; say it another way{partly}"
    elif reading.confirm and answer.proposal is None:
        words = ", ".join(f'"{plain(word)}"' for word in reading.confirm)
        how = "ask again in the right spelling" if typed else "say so by --confirm-corrections"
        why = f"corrected: {words}; if that is what you meant, {how}"
    if why:
        raise CommandError(why, status=INVALID_INPUT)
