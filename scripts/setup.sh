#!/usr/bin/env bash
# Makes .venv with everything in it: the locked packages of requirements/dev.txt and this project, editable. Needs Python
# 3.11 or newer and a package registry, no root. Quick when nothing changed; safe to interrupt and to run again.
# PYTHON=/path/to/python chooses the Python. A .venv that is a link is somebody's own environment and is left as it is.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$1" >&2; }
die() { say "$1"; exit 1; }

readonly STAMP=.venv/.setup-stamp
readonly LOG=.cache/setup.log
readonly WAIT=600 # seconds that any one step may take
readonly DEBIAN_CERTIFICATES=/etc/ssl/certs/ca-certificates.crt

inputs() { # what the environment was made from: the locks, the project's metadata and the place, which scripts name
    { printf '%s %s\n' "$PWD" "${PYTHON:-}"; cat requirements/*.txt pyproject.toml setup.py scripts/setup.sh; } | sha256sum
}

done_before() { [ -x .venv/bin/python ] && [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$(inputs)" ]; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() { # 3.11 first: it is the version that the tests run on
    local name
    if [ -n "${PYTHON:-}" ]; then
        new_enough "$PYTHON" || die "PYTHON=$PYTHON is not a Python 3.11 or newer; name one that is, or leave it out."
        python=$PYTHON
        return
    fi
    for name in python3.11 python3.12 python3.13 python3.14 python3; do
        if new_enough "$name"; then
            python=$name
            return
        fi
    done
    die "no Python 3.11 or newer was found; install one (Debian 12: apt-get install python3), or name it: PYTHON=/path/to/python make setup"
}

quietly() { # runs a step within the limit; what it prints goes to the log, and to the screen only if it fails
    if ! timeout "$WAIT" "$@" >"$LOG" 2>&1; then
        tail -n 12 "$LOG" | sed 's/^/    /' >&2
        return 1
    fi
}

bad_environment() { [ -e .venv ] && ! { new_enough .venv/bin/python && [ "$(cat .venv/.place 2>/dev/null)" = "$PWD" ]; }; }

make_environment() {
    if bad_environment; then
        say "the .venv that is here is unfinished, of another Python or was moved: making it anew"
        rm -rf .venv
    fi
    [ -e .venv ] && return
    say "making .venv with $("$python" --version)"
    quietly "$python" -m venv --without-pip .venv || die "$python could not make a virtual environment here; the lines above say why."
    printf '%s' "$PWD" >.venv/.place
}

find_pip() { # sets pip to the words that run a pip for .venv; it is needed once, to fetch uv
    local wheel
    if "$python" -m pip --python .venv/bin/python --version >/dev/null 2>&1; then
        pip=("$python" -m pip --python .venv/bin/python)
    elif .venv/bin/python -m ensurepip >/dev/null 2>&1; then
        pip=(.venv/bin/python -m pip)
    else
        # Debian keeps both pip and ensurepip in packages of their own.
        wheel=$(pip_of_debian)
        [ -n "$wheel" ] || die "this Python has no pip and none could be fetched; install pip (Debian: apt-get install python3-pip), then 'make setup' again."
        pip=(.venv/bin/python "$wheel/pip")
    fi
}

debian_package() { # debian_package NAME: unpacks a Debian package under .cache/debian, as any user
    local root=$PWD/.cache/debian
    local apt=(apt-get -qq -o "Dir::State::Lists=$root/lists" -o "Dir::Cache=$root/archives" -o APT::Sandbox::User=)
    mkdir -p "$root/lists/partial" "$root/archives/partial" "$root/files"
    # The machine's own package lists are often absent, and root's to fetch: keep lists of our own.
    [ -n "$(find "$root/lists" -name '*Packages*' -print -quit)" ] || quietly "${apt[@]}" update
    (cd "$root" && timeout "$WAIT" "${apt[@]}" download "$1") >>"$LOG" 2>&1
    dpkg -x "$(find "$root" -maxdepth 1 -name "$1_*.deb" -print -quit)" "$root/files" 2>>"$LOG"
}

pip_of_debian() { # prints the path of a pip wheel, or nothing
    command -v apt-get >/dev/null || return 0
    say "waiting for pip from Debian's packages (this Python has none)"
    debian_package python3-pip-whl || return 0
    find .cache/debian/files -name 'pip-*.whl' -print -quit
}

certificates() { # a bare Debian has none, and its pip insists on them
    [ -z "${SSL_CERT_FILE:-}${PIP_CERT:-}" ] && [ ! -e "$DEBIAN_CERTIFICATES" ] && [ -e /etc/debian_version ] || return 0
    say "waiting for ca-certificates from Debian's packages (this machine has none)"
    debian_package ca-certificates || die "this machine has no CA certificates; install them: apt-get install ca-certificates"
    find .cache/debian/files/usr/share/ca-certificates -name '*.crt' -exec cat {} + >.cache/debian/ca.pem
    export SSL_CERT_FILE=$PWD/.cache/debian/ca.pem PIP_CERT=$PWD/.cache/debian/ca.pem
}

readonly NO_PACKAGES="could not be fetched: check the network and try again. Behind a proxy set HTTPS_PROXY; with a mirror PIP_INDEX_URL and UV_DEFAULT_INDEX; with a CA of your own PIP_CERT and SSL_CERT_FILE."

install_uv() {
    local wanted
    wanted=$(sed -n 's/^uv==\([^ ]*\).*/uv \1/p' requirements/uv.txt)
    case "$(.venv/bin/uv --version 2>/dev/null)" in "$wanted" | "$wanted "*) return ;; esac
    certificates
    find_pip
    say "waiting for $wanted, the installer (about 20 MB)"
    quietly "${pip[@]}" install --disable-pip-version-check --no-input --retries 2 --timeout 30 --require-hashes \
        --no-deps -r requirements/uv.txt || die "$wanted $NO_PACKAGES"
}

install_packages() {
    say "waiting for $(grep -c == requirements/dev.txt) packages (about 150 MB the first time)"
    quietly .venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes --compile-bytecode \
        requirements/dev.txt || die "the packages $NO_PACKAGES"
    quietly .venv/bin/uv pip install --quiet --python .venv/bin/python --offline --no-deps --no-build-isolation \
        --editable . || die "this project could not be installed into .venv; the lines above say why."
    # buf reads Google's protos at a path that must not name the Python version (buf.yaml).
    ln -sfn "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" .venv/site
}

if [ -L .venv ]; then
    [ -x .venv/bin/python ] || die ".venv is a link to $(readlink .venv), which holds no Python; mend or remove the link."
    exit 0
fi
done_before && exit 0

begin=$SECONDS
mkdir -p .cache
if command -v flock >/dev/null; then
    # Two at once (make demo and make test in two terminals): the second waits and then finds everything done.
    exec 9>.cache/setup.lock
    flock -n 9 || { say "waiting for another setup of this folder"; flock -w "$WAIT" 9 || die "another setup of this folder is still running."; }
    done_before && exit 0
fi
find_python
make_environment
install_uv
install_packages
inputs >"$STAMP"
say "done in $((SECONDS - begin)) s"
