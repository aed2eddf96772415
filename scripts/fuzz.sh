#!/bin/sh
# Requests made from the OpenAPI document, good and bad, against a gateway of its own with the echo provider.
# Needs schemathesis (pip install schemathesis). Arguments are passed on to it: scripts/fuzz.sh --max-examples 500
set -eu

cd "$(dirname "$0")/.."
command -v schemathesis >/dev/null || {
  echo 'schemathesis is missing: pip install schemathesis, and put it on the PATH' >&2
  exit 1
}

folder=$(mktemp -d)
gateway=
trap 'test -z "$gateway" || { kill "$gateway"; wait "$gateway" || true; }; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

cat >"$folder/hybrid.yaml" <<'YAML'
limits: {rate: 'off'}
router: {baseline_model: parrot}
providers:
  echo: {kind: echo}
models:
  parrot: {provider: echo, id: parrot, max_complexity: 1}
YAML
# No request may reach a model that costs money, and nothing is downloaded.
for name in tinyllama phi2 mistral smollm2 claude-sonnet claude-haiku claude-opus claude-fable openai openai-small; do
  echo "  $name: {enabled: false}" >>"$folder/hybrid.yaml"
done

# Any name is a valid model to the document, but which ones exist is configuration: 422 is no fault.
cat >"$folder/schemathesis.toml" <<'TOML'
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "422"]
TOML

HYBRID_DATA_DIR=$folder/data HYBRID_API_KEY='' GATEWAY_HOST=127.0.0.1 GATEWAY_PORT=0 RATE_LIMIT=off \
  node_modules/.bin/node src/main.ts --config "$folder/hybrid.yaml" serve >"$folder/log" 2>&1 &
gateway=$!
url=
until url=$(sed -n 's/.*listens on \(http:[^ "]*\).*/\1/p' "$folder/log") && test -n "$url"; do
  kill -0 "$gateway" 2>/dev/null || { cat "$folder/log" >&2; gateway=; exit 1; }
  sleep 0.1
done

schemathesis --config-file "$folder/schemathesis.toml" run "$url/openapi.json" --checks all --continue-on-failure "$@"
