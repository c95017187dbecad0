#!/bin/sh
# Runs golangci-lint, the version that this project is checked with, which it
# installs when it is missing (two minutes).
set -eu
version=2.15.0
bin=$(go env GOBIN)
bin=${bin:-$(go env GOPATH)/bin}/golangci-lint
if ! "$bin" version 2>/dev/null | grep -q "version $version "; then
  echo "installing golangci-lint $version" >&2
  go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$version" >&2
fi
exec "$bin" "$@"
