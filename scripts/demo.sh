#!/usr/bin/env bash
# The product in one command: imports the example export, serves it, asks a question over gRPC, synchronizes in both
# directions with a simulated PEMS that holds the same export, and stays up.
# PORT=50052 serves on another port, ONCE=1 ends after that, DEMO_DIR=folder keeps database and logs elsewhere.
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
readonly SITE=BAY-7 # the organization that is synchronized, the smallest
readonly WAIT=30 # seconds that a server may take to start, and to stop
server=
pems=

stop_servers() {
    local process
    for process in $server $pems; do
        kill -TERM "$process" 2>/dev/null || true
    done
    for process in $server $pems; do
        # A server drains its calls within its own limit; this one is for a server that hangs.
        timeout "$WAIT" tail --pid="$process" -f /dev/null || kill -KILL "$process" 2>/dev/null || true
    done
    server=
    pems=
}

start_pems() { # goes on in the background; people change three rows there before they are read first
    .venv/bin/pfa simulate-pems --export "$EXPORT" --fault "move edit=3 call=DATA organization=$SITE times=1" \
        >"$FOLDER/pems.log" 2>&1 &
    pems=$!
}

await_pems() { # sets pems_url
    local second
    for ((second = 0; second < 10 * WAIT; second++)); do
        pems_url=$(grep -o 'http://[0-9.:]*' "$FOLDER/pems.log" | head -n 1) && return
        kill -0 "$pems" 2>/dev/null || break
        sleep 0.1
    done
    tail -n 5 "$FOLDER/pems.log" | sed 's/^/    /' >&2
    die "the simulated PEMS did not start; the lines above, of $FOLDER/pems.log, say why."
}

synchronize() { # an edit goes to PEMS, what people changed there comes back
    local pfa_id
    # A record that nobody has edited here, so that the demo can be run again.
    pfa_id=$(.venv/bin/pfa list --organization "$SITE" --filter 'NOT modified_by:*' --page-size 1 --json "${at[@]}" |
        sed -n 's/^ *"pfa_id": "\(.*\)",$/\1/p') && [ -n "$pfa_id" ] || return
    run edit "$pfa_id" contract=C-2026 --organization "$SITE" "${at[@]}" &&
        run sync run --organization "$SITE" "${at[@]}" &&
        run history --organization "$SITE" --since "$STARTED" "${at[@]}"
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
    PFA_LISTEN=$ADDRESS PFA_PEMS_BASE_URL=$pems_url PFA_PEMS_TENANT=DEMO PFA_PEMS_USER=pfa PFA_PEMS_PASSWORD=pfa-demo \
        PFA_PEMS_SYNC_SECONDS=0 .venv/bin/pfa serve >"$FOLDER/server.log" 2>&1 &
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
  .venv/bin/pfa sync status --organization $SITE ${at[*]}
  .venv/bin/pfa --help
  curl -s $pems_url/simulator    # the simulated PEMS; docs/simulator.md has what else can be done to it

  grpcurl -plaintext $ADDRESS list
  grpcurl -plaintext $ADDRESS describe pfa.v1.QueryService
  grpcurl -plaintext -d '{"organization_id": "RIO", "question": "$QUESTION"}' \\
      $ADDRESS pfa.v1.QueryService/Ask
  (no grpcurl? \`make grpcurl\` builds one with Go and prints its path;
   .venv/bin/buf curl --http2-prior-knowledge --protocol grpc does the same work)
EOF
}

trap stop_servers EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The demo is the same everywhere: settings for another service, in the environment, are not meant for it.
for name in "${!PFA_@}"; do unset "$name"; done

check_port
mkdir -p "$FOLDER"
PFA_DATABASE_URL=sqlite:///$(cd "$FOLDER" && pwd)/pfa.sqlite3
export PFA_DATABASE_URL

start_pems
say "waiting for the import of $EXPORT into $FOLDER/pfa.sqlite3"
run import "$EXPORT" --organizations RIO,RIO2,CAPE,DELTA,BAY-7 --rejected "$FOLDER/pems_export.rejected.csv" ||
    die "the import failed; the lines above say why."
await_pems
say "a PEMS that holds the same export is simulated on $pems_url (its log: $FOLDER/pems.log)"
start_server
STARTED=$(date -u +%Y-%m-%dT%H:%M:%SZ)
run ask "$QUESTION" --organization RIO "${at[@]}" || die "the question was not answered; the lines above say why."
awk -v begin="$BEGIN" -v end="$EPOCHREALTIME" 'BEGIN { printf "\nFrom start to answer: %.1f seconds.\n", end - begin }'
synchronize || die "the synchronization with PEMS failed; the lines above say why."
awk -v begin="$BEGIN" -v end="$EPOCHREALTIME" 'BEGIN { printf "\nFrom start to both sides in step: %.1f seconds.\n", end - begin }'
[ -z "${ONCE:-}" ] || exit 0

trap 'say "stopping the servers"; exit 0' INT TERM
show_what_to_try
status=0
wait "$server" || status=$?
server=
die "the server ended by itself with status $status; $FOLDER/server.log says why."
