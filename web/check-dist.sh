#!/bin/sh
# Fails when dist is not what its source builds. Needs `npm ci` first.
set -eu
cd "$(dirname "$0")"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
npx tsc --noEmit
npx vite build --logLevel warn --emptyOutDir --outDir "$out/dist"
if ! diff -rq "$out/dist" dist; then
  echo "web/dist does not match its source: run 'npm ci && npm run build' in web" >&2
  exit 1
fi
bytes=$(cat dist/assets/*.js | gzip -9c | wc -c)
if [ "$bytes" -gt 450000 ]; then
  echo "web/dist: $bytes bytes of compressed JavaScript, more than 450000" >&2
  exit 1
fi
