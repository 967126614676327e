"""Answer cases: questions, dates and amounts from a file of JSON lines, one answer a line on standard output.

    python -m nlq.answer --cases FILE --vocabulary FILE [--schema MODULE:ATTRIBUTE]

A case with a `meaning` is a question, asked on the day of its `reference_time`, after the question `context` where it
has one; the answer is `{"id", "meaning", "sentence", "filter", "micros"}`. The other cases name a `kind` (date, range,
money, number, ordinal, duration) and an expression `expr`, which the reader of that kind reads on its own (where
it is null, the whole `text`).
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from nlq.errors import LanguageError
from nlq.expressions import read_expression
from nlq.meaning import meaning_of
from nlq.pipeline import Language
from nlq.schema import Schema
from nlq.vocabulary import Synonym, Vocabulary

_SCHEMA: Final = "pfa_rpc.schema:SCHEMA"
_TODAY: Final = "2026-03-11"
_WARM_UP: Final = "5 of all xyzzy"


def read_vocabulary(text: str) -> Vocabulary:
    """Return the vocabulary of a JSON object: field → values, and under `synonyms` field → phrase → value."""
    listed: dict[str, Any] = json.loads(text)
    synonyms = listed.pop("synonyms", {})
    return Vocabulary(
        ((field, value, 1) for field, values in listed.items() for value in values),
        (Synonym(phrase, field, value) for field, pairs in synonyms.items() for phrase, value in pairs.items()),
    )


def answers(cases: Iterable[Mapping[str, Any]], language: Language, schema: Schema) -> Iterator[dict[str, Any]]:
    """Yield the answer to each case, in their order."""
    for case in cases:
        today = date.fromisoformat((case.get("reference_time") or _TODAY)[:10])
        found = _asked(case, language, schema, today) if "meaning" in case else _read(case, today)
        yield {"id": case["id"], **found}


def _asked(case: Mapping[str, Any], language: Language, schema: Schema, today: date) -> dict[str, Any]:
    """Return the answer to a question."""
    context = language.interpret(case["context"], today).query if case.get("context") else None
    begin = time.perf_counter_ns()
    try:
        reading = language.interpret(case["text"], today, context)
    except LanguageError as error:
        return {"meaning": {"kind": "refused", "filters": [], "reason": str(error)}}
    micros = (time.perf_counter_ns() - begin) // 1000
    return {
        "meaning": meaning_of(reading, schema),
        "sentence": reading.sentence,
        "filter": reading.filter,
        "micros": micros,
    }


def _read(case: Mapping[str, Any], today: date) -> dict[str, Any]:
    """Return what the reader of the case's kind reads."""
    return read_expression(case["kind"], case.get("expr") or case["text"], today)


def main() -> None:
    """Answer the cases of a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=Path, required=True, help="file of cases, one JSON object a line")
    parser.add_argument("--vocabulary", type=Path, required=True, help="JSON file of the values that can be named")
    parser.add_argument("--schema", default=_SCHEMA, help="module:attribute of the schema (default %(default)s)")
    options = parser.parse_args()
    module, _, attribute = options.schema.partition(":")
    schema: Schema = getattr(import_module(module), attribute)
    language = Language(schema, read_vocabulary(options.vocabulary.read_text(encoding="utf-8")))
    language.interpret(_WARM_UP, date.fromisoformat(_TODAY))  # the first question pays for the tables
    gc.freeze()  # the vocabulary stays: looking through it again and again would be counted as reading
    cases = map(json.loads, options.cases.read_text(encoding="utf-8").splitlines())
    for answer in answers(cases, language, schema):
        sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
