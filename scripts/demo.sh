#!/usr/bin/env bash
# The product in one command: imports the example export, serves it, asks a question over gRPC and stays up.
# PORT=50052 serves on another port, ONCE=1 ends after the answer, DEMO_DIR=folder keeps database and logs elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'demo: %s\n' "$1" >&2; }
die() { say "$1"; exit 1; }

run() { # run COMMAND...: shows a command of pfa as one would type it, and runs it
    local word line='$ pfa'
    for word in "$@"; do
        [[ $word =~ ^[A-Za-z0-9_./:,=-]+$ ]] || word="'$word'"
        line+=" $word"
    done
    printf '\n%s\n' "$line"
    .venv/bin/pfa "$@"
}

readonly BEGIN=$EPOCHREALTIME
readonly PORT=${PORT:-50051}
readonly ADDRESS=127.0.0.1:$PORT
readonly FOLDER=${DEMO_DIR:-.demo}
readonly EXPORT=examples/pems_export.csv.gz
readonly QUESTION='rentals in Silo 4 over $5000'
at=(--server "$ADDRESS") # what the commands need to find the server
[ "$PORT" != 50051 ] || at=()
readonly WAIT=30 # seconds that the server may take to start, and to stop
server=

stop_server() {
    [ -n "$server" ] || return 0
    kill -TERM "$server" 2>/dev/null || true
    # The server drains its calls within its own limit; this one is for a server that hangs.
    timeout "$WAIT" tail --pid="$server" -f /dev/null || kill -KILL "$server" 2>/dev/null || true
    server=
}

check_port() {
    [[ $PORT =~ ^[0-9]+$ ]] && [ "$PORT" -ge 1 ] && [ "$PORT" -le 65535 ] || die "PORT=$PORT is no port; name one from 1 to 65535."
    .venv/bin/python -c 'import socket, sys
with socket.socket() as listener:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(sys.argv[1])))' "$PORT" 2>/dev/null ||
        die "port $PORT of 127.0.0.1 is taken, by another demo perhaps; end that, or choose another port: PORT=$((PORT % 65535 + 1)) make demo"
}

start_server() {
    local status=0
    say "waiting for the server on $ADDRESS (its log: $FOLDER/server.log)"
    PFA_LISTEN=$ADDRESS .venv/bin/pfa serve >"$FOLDER/server.log" 2>&1 &
    server=$!
    .venv/bin/python scripts/await_serving.py "$ADDRESS" "$WAIT" "$server" || status=$?
    [ "$status" = 0 ] && return
    tail -n 5 "$FOLDER/server.log" | sed 's/^/    /' >&2
    [ "$status" = 2 ] && die "the server ended while starting; the lines above, of $FOLDER/server.log, say why."
    die "the server did not answer on $ADDRESS within $WAIT seconds; the lines above are the last of $FOLDER/server.log."
}

show_what_to_try() {
    cat <<EOF

The service is on $ADDRESS until Ctrl-C. In another terminal, from this folder:

  .venv/bin/pfa ask 'how many cranes do we have?' --organization RIO ${at[*]}
  .venv/bin/pfa interpret 'the most expensive rentals in Silo 4' --organization RIO ${at[*]}
  .venv/bin/pfa list --organization RIO --filter 'source = RENTAL AND monthly_rate > 20000' ${at[*]}
  .venv/bin/pfa --help

  grpcurl -plaintext $ADDRESS list
  grpcurl -plaintext $ADDRESS describe pfa.v1.QueryService
  grpcurl -plaintext -d '{"organization_id": "RIO", "question": "$QUESTION"}' \\
      $ADDRESS pfa.v1.QueryService/Ask
  (no grpcurl? \`make grpcurl\` builds one with Go and prints its path;
   .venv/bin/buf curl --http2-prior-knowledge --protocol grpc does the same work)
EOF
}

trap stop_server EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The demo is the same everywhere: settings for another service, in the environment, are not meant for it.
for name in "${!PFA_@}"; do unset "$name"; done

check_port
mkdir -p "$FOLDER"
PFA_DATABASE_URL=sqlite:///$(cd "$FOLDER" && pwd)/pfa.sqlite3
export PFA_DATABASE_URL

say "waiting for the import of $EXPORT into $FOLDER/pfa.sqlite3"
run import "$EXPORT" --organizations RIO,RIO2,CAPE,DELTA,BAY-7 --rejected "$FOLDER/pems_export.rejected.csv" ||
    die "the import failed; the lines above say why."
start_server
run ask "$QUESTION" --organization RIO "${at[@]}" || die "the question was not answered; the lines above say why."
awk -v begin="$BEGIN" -v end="$EPOCHREALTIME" 'BEGIN { printf "\nFrom start to answer: %.1f seconds.\n", end - begin }'
[ -z "${ONCE:-}" ] || exit 0

trap 'say "stopping the server"; exit 0' INT TERM
show_what_to_try
status=0
wait "$server" || status=$?
server=
die "the server ended by itself with status $status; $FOLDER/server.log says why."
