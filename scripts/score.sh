#!/bin/sh
# Answer the question cases of a folder and let its scorer compare them: constructions.jsonl and corpora/*.jsonl.
set -eu
cd "$(dirname "$0")/.."
cases=${CASES:-../shared/nlq}
if ! [ -f "$cases/score.py" ]; then
    echo "skipped: there are no question cases in $cases (name their folder with CASES=)"
    exit 0
fi
answers=$(mktemp)
trap 'rm -f "$answers"' EXIT
for file in "$cases"/constructions.jsonl "$cases"/corpora/*.jsonl; do
    .venv/bin/python -m nlq.answer --cases "$file" --vocabulary "$cases/vocabulary.json" >"$answers"
    python3 "$cases/score.py" "$answers" "$file"
done
