#!/usr/bin/env bash
# Generates src/pfa/v1/ from protos/: messages, services and their types. `scripts/protos.sh --check` fails where the
# committed code differs from what the protos give.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

generate() {
    .venv/bin/python -m grpc_tools.protoc -Iprotos -I"$site" \
        --python_out="$1" --grpc_python_out="$1" --mypy_out="quiet:$1" --mypy_grpc_out="quiet:$1" \
        protos/pfa/v1/*.proto
}

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
generate "$fresh"
if [ "${1:-}" = "--check" ]; then
    if ! diff -r -x __init__.py -x __pycache__ "$fresh/pfa/v1" src/pfa/v1 >&2; then
        echo "protos: src/pfa/v1 is not what protos/ gives; run 'make protos' and commit the result" >&2
        exit 1
    fi
    echo "protos: src/pfa/v1 is up to date"
else
    # Only now: protos that cannot be read leave the code as it was.
    rm -f src/pfa/v1/*_pb2*
    mv "$fresh"/pfa/v1/*_pb2* src/pfa/v1/
    echo "protos: src/pfa/v1 generated"
fi
