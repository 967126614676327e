#!/usr/bin/env bash
# Writes the lock files in requirements/ from pyproject.toml, with a hash for every file of every package. Versions that
# are locked stay unless pyproject.toml forbids them; `scripts/lock.sh --upgrade` takes the newest.
set -euo pipefail
cd "$(dirname "$0")/.."

lock() { # lock OUTPUT INPUT...: no header, notes or addresses, so that the files hold names, versions and hashes only
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --output-file "requirements/$1" "${@:2}"
    echo "lock: requirements/$1 written"
}

lock dev.txt pyproject.toml --group dev "$@" >&2
# What a machine needs that only runs the service, and the installer: the same versions, so the same constraints.
lock run.txt pyproject.toml --constraint requirements/dev.txt >&2
grep -x 'uv==[^ ]* \\' requirements/dev.txt | tr -d ' \\' | lock uv.txt - >&2
# What the container's first stage builds the wheel with.
grep -x 'setuptools==[^ ]* \\' requirements/dev.txt | tr -d ' \\' | lock build.txt - >&2
