#!/usr/bin/env bash
# LiteLLM's proxy without a database answers a wrong key with 400, and a request without a key with 500.
#
# Version: litellm 1.105.7 (extra `proxy`) on Python 3.11.
#
# Behaviour: a proxy that has a master key and no database looks an unknown key up in the database that it does not have, and says so: HTTP 400, type
# no_db_connection. A client that takes 401 for a wrong key and 400 for a fault of the request looks for the fault in the wrong place. A
# request without any key gets HTTP 500 and plain text, which a client may take for a passing fault, and send again. The right key, the control, gets its answer.
#
# Output seen:
#   right key: 200
#   no key: 500 Internal Server Error
#   wrong key: 400 no_db_connection
set -euo pipefail

FOLDER="$(mktemp -d /tmp/finding.XXXXXX)"
PROXY=
leave() {
    [ -z "$PROXY" ] || { kill "$PROXY" && wait "$PROXY"; } 2>/dev/null || true
    rm -rf "$FOLDER"
}
trap leave EXIT

python3 -m venv "$FOLDER/python"
"$FOLDER/python/bin/pip" -q --disable-pip-version-check install 'litellm[proxy]==1.105.7'
cat >"$FOLDER/config.yaml" <<'Y'
model_list:
  - model_name: some-model
    litellm_params: {model: openai/some-model, api_key: none, mock_response: "yes"}
general_settings: {master_key: sk-right}
Y
PORT="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
env -u DATABASE_URL LITELLM_LOCAL_MODEL_COST_MAP=True "$FOLDER/python/bin/litellm" --config "$FOLDER/config.yaml" --host 127.0.0.1 --port "$PORT" \
    >"$FOLDER/log" 2>&1 &
PROXY=$!
for _ in $(seq 120); do
    ! curl -fsS "http://127.0.0.1:$PORT/health/liveliness" >/dev/null 2>&1 || break
    sleep 1
done

# ask [HEADER]...: the status, and the type of an error
ask() {
    curl -sS -o "$FOLDER/answer" -w '%{http_code}' "http://127.0.0.1:$PORT/v1/chat/completions" -H 'content-type: application/json' "$@" \
        -d '{"model": "some-model", "messages": [{"role": "user", "content": "?"}]}'
    python3 - "$FOLDER/answer" <<'P'
import json
import sys

told = open(sys.argv[1], encoding="utf-8").read()
try:
    error = json.loads(told).get("error")
    print(f" {error['type']}" if error else "")
except ValueError:
    print(f" {told}")
P
}
wanted="right key: 200
no key: 500 Internal Server Error
wrong key: 400 no_db_connection"
seen="right key: $(ask -H 'authorization: Bearer sk-right')
no key: $(ask)
wrong key: $(ask -H 'authorization: Bearer sk-wrong')"
if [ "$wanted" != "$seen" ]; then
    printf 'CHANGED\nexpected:\n%s\nseen:\n%s\n' "$wanted" "$seen" >&2
    exit 1
fi
printf 'as before:\n%s\n' "$seen"
