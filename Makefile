# What to do with Sillon. `make` alone lists it.

WITHDB = go run ./store/storetest/withdb
GOLANGCI = scripts/golangci.sh
TESTFLAGS ?=
VERSION ?= $(or $(shell git describe --tags --always --dirty 2>/dev/null),dev)

# What runs concurrently. The rest is computation, which -race only slows down.
CONCURRENT = ./api/... ./cmd/... ./jobs/... ./service ./store/... ./tiles/...

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | expand -t 20

run: setup build ## install what is missing, build, and serve a demonstration
	bin/sillon up --demo

build: ## build bin/sillon
	go build -trimpath -buildvcs=false -ldflags '-X main.version=$(VERSION)' -o bin/sillon ./cmd/sillon

test: setup ## run every test, on a throwaway PostGIS
	$(WITHDB) go test $(TESTFLAGS) ./...

test-race: setup ## look for data races in what runs concurrently
	$(WITHDB) go test -race $(TESTFLAGS) $(CONCURRENT)

fuzz: ## fuzz each target for 10 s
	scripts/fuzz.sh 10s

lint: ## report what the linters find
	$(GOLANGCI) run ./...

fmt: ## format the Go code
	$(GOLANGCI) fmt ./...

golden: setup ## rewrite the expected outputs of the tests
	$(WITHDB) go test $$(grep -rl --include='*_test.go' 'flag.Bool("update"' . | xargs -n1 dirname | sort -u) -update

web: ## build the map page into web/dist
	cd web && npm ci --no-audit --no-fund && npm run build

e2e: ## drive the map page in a browser
	scripts/setup.sh --browser
	scripts/e2e.sh

bench-push: setup ## measure a push of 100 000 parcels beside ogr2ogr
	scripts/setup.sh --gdal
	go test -run "^$$" -bench Push -benchtime 1x ./bench

bench-records: setup ## push a thousand records in the time of the contract
	go test -run "^$$" -bench Records -benchtime 1x ./bench

bench-read: setup ## read a million parcels back through the list of RFC 002
	go test -run "^$$" -bench Read -benchtime 1x -timeout 30m ./bench

# Paths are given from here; the benchmarks run in their own folder.
TILESENV = BENCH_OUT='$(abspath $(or $(BENCH_OUT),docs))' $(foreach v,BENCH_DATA PG_TILESERV TEGOLA MARTIN PG_FEATURESERV,$(if $($(v)),$(v)='$(abspath $($(v)))'))

bench-tiles: setup ## measure tiles beside other servers, and write docs/performance.*
	$(TILESENV) go test -v -run "^$$" -bench 'Tiles$$' -benchtime 1x -timeout 5h ./bench

bench-tiles-growth: setup ## the same of ours with ever more parcels
	$(TILESENV) go test -v -run "^$$" -bench 'Growth$$' -benchtime 1x -timeout 5h ./bench

setup: ## install PostgreSQL and PostGIS when they are missing
	@scripts/setup.sh

clean: ## remove what was built
	rm -rf bin .cache web/e2e/artifacts

.PHONY: help run build test test-race fuzz lint fmt golden web e2e bench-push bench-records bench-read bench-tiles bench-tiles-growth setup clean
