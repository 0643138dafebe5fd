STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.7.0
GOFMT = test -z "$$(gofmt -l .)" || { echo "gofmt these:"; gofmt -l .; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help run quick rls test check lint portable generate load faults tools

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## serve with an embedded database and demo data
	go run .

quick: ## run the tests without browsers, npm and kill -9, in under a minute
	@$(GOFMT)
	go vet ./...
	go test -short -parallel 8 -timeout 5m ./...

# What is skipped needs the owner of the tables, or counts statements, of which there are more here.
OWNERS = TestTablesChange|TestReadOnlyEnds|TestPageTakesOneStatement|TestThreeRoundTrips|TestLog/P1_no_(change|event)_without|TestWorkflowFailures/W2_what_was_tried|TestWorkflowTriggers/W1_what_a_version|TestPausesInAnOutage|TestDatabaseAway|TestSettingDropped|TestSettings|TestMigrateElsewhere|TestSearchReadsFewRows|TestRestoredInPlace/all_agents

rls: ## run the tests of db, feed, service and auth with row-level security forced on every table
	SWITCHBOARD_TEST_RLS=1 go test -short -timeout 5m -skip '$(OWNERS)' ./db ./feed ./service ./service/workflow ./auth

# These tests start programs of their own; those in which much happens at once have the race detector.
PROGRAMS = ./attack ./bench/... ./command ./faults

# -p 2: each package's tests keep PostgreSQL busy, and most of them a race detector. The second run of
# graph/live is over the write path of other systems than Unix.
test: tools check ## run everything with the race detector; says what it installs before it does
	go test -race -p 2 -timeout 15m $$(go list ./... | grep -vxF "$$(go list $(PROGRAMS))")
	go test -p 2 -timeout 15m $(PROGRAMS)
	$(MAKE) rls
	go test -race -tags plainconn -timeout 5m ./graph/live

check: lint portable ## gofmt, vet, staticcheck, types for Windows and macOS

lint: ## gofmt, vet and staticcheck (staticcheck.conf)
	@$(GOFMT)
	go vet ./...
	$(STATICCHECK) ./...

portable: ## check that the server and its tests would build for Windows and macOS, without building them
	SWITCHBOARD_TEST_PORTABLE=1 go test -count=1 -run TestPortable .
	go vet -tags plainconn ./graph/live

generate: ## generate graph/ after a change of schema.graphqls
	go generate ./graph

load: ## the load tests of command/ at the size of the promises, with their figures
	SWITCHBOARD_TEST_LOAD=full go test -v -count=1 -parallel 1 -timeout 30m -run 'TestCrowd|TestEventLatency|TestUnassignAfterClose|TestLeastBusy' ./command

SEED ?= 1
SEEDS ?= 20
DURATION ?= 2h

faults: ## every fault and pairs of them with SEEDS seeds from SEED on, for at most DURATION; prints a table
	go test -v -count=1 -timeout 24h -run TestLong ./faults -faults.seed $(SEED) -faults.seeds $(SEEDS) -faults.duration $(DURATION)

tools: ## install what the tests need and is missing
	@.ci/tools
