#!/bin/sh
# Fuzzes each target of the project for a while: scripts/fuzz.sh [10s]
set -eu
cd "$(dirname "$0")/.."
grep -rn --include='*_test.go' --exclude-dir=node_modules '^func Fuzz' . |
  sed 's/^\.\/\([^:]*\)\/[^:/]*:[0-9]*:func \(Fuzz[A-Za-z0-9_]*\).*/\1 \2/' | sort |
  while read -r dir target; do
    echo "fuzz $dir $target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "${1:-10s}" "./$dir" </dev/null || exit 1
  done
