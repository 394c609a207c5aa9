#!/bin/sh
# Generates the Python modules of every .proto file below proto/riskengine. Same input, same output.
# Usage: proto/generate.sh [PYTHON]      PYTHON needs grpcio-tools and mypy-protobuf (extra `dev`).
set -eu
cd "$(dirname "$0")/.."
python=${1:-.venv/bin/python}
# protoc finds the mypy plugins beside the interpreter.
PATH="$(cd "$(dirname "$python")" && pwd):$PATH"

# google/rpc/*.proto come with googleapis-common-protos.
google=$("$python" -c 'import google.rpc.status_pb2 as status, pathlib; print(pathlib.Path(status.__file__).parents[2])')

messages=$(find proto/riskengine -name '*.proto' | LC_ALL=C sort)
# Only the services that our own clients call need stubs; Envoy's are answered from the method table.
services=$(grep -l '^service ' proto/riskengine/v1/*.proto | LC_ALL=C sort)

# Without a package directory mypy and setuptools would not see what is generated.
for file in $messages; do
  folder=$(dirname "${file#proto/}")
  while [ "$folder" != . ]; do
    mkdir -p "$folder" && touch "$folder/__init__.py"
    folder=$(dirname "$folder")
  done
done
# shellcheck disable=SC2086 - one word per file
"$python" -m grpc_tools.protoc -Iproto -I"$google" --python_out=. --mypy_out=. $messages
# shellcheck disable=SC2086
"$python" -m grpc_tools.protoc -Iproto --grpc_python_out=. --mypy_grpc_out=. $services
