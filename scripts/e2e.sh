#!/bin/bash
# Drives the map page of a server with demonstration data in a real browser:
# scripts/e2e.sh. Screenshots go to web/e2e/artifacts.
set -euo pipefail
cd "$(dirname "$0")/.."

data=$(mktemp -d /tmp/sillon-e2e-XXXXXX)
chmod 711 "$data"
server=
finish() {
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null || true
    wait "$server" || true
  fi
  rm -rf "$data"
}
trap finish EXIT

go build -buildvcs=false -o bin/sillon ./cmd/sillon
[ -d web/node_modules ] || (cd web && npm ci --no-audit --no-fund)
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })')
url=http://127.0.0.1:$port

bin/sillon up --demo --data-dir "$data/db" --listen "127.0.0.1:$port" </dev/null >"$data/log" 2>&1 &
server=$!
for ((i = 0; ; i++)); do
  if curl -fs -o /dev/null "$url/healthz"; then
    break
  fi
  if ! kill -0 "$server" 2>/dev/null || [ "$i" -ge 600 ]; then
    cat "$data/log" >&2
    echo "e2e: the server does not answer" >&2
    exit 1
  fi
  sleep 0.2
done
if ! node web/e2e/map.mjs "$url"; then
  tail -n 50 "$data/log" >&2
  exit 1
fi
