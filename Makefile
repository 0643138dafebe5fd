STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.7.0
GOFMT = test -z "$$(gofmt -l .)" || { echo "gofmt these:"; gofmt -l .; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help run quick test rls race bench check lint format portable generate load faults tools

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## serve with an embedded database and demo data
	go run .

quick: ## run the tests without browsers, npm and kill -9, in under a minute
	@$(GOFMT)
	go vet ./...
	go test -short -parallel 8 -timeout 5m ./...

# Their tests run under row-level security, but for OWNERS, which need the owner of the tables, or count
# statements, of which there are more then.
CONFINED = ./auth ./db ./feed ./service ./service/workflow
OWNERS = TestOpenInboxAgrees|TestCompanyBroken|TestTablesChange|TestReadOnlyEnds|TestPageTakesOneStatement|TestThreeRoundTrips|TestLog/P1_no_(change|event)_without|TestWorkflowFailures/W2_what_was_tried|TestWorkflowTriggers/W1_what_a_version|TestPausesInAnOutage|TestDatabaseAway|TestSettingDropped|TestSettings|TestMigrateElsewhere|TestSearchReadsFewRows|TestRestoredInPlace/all_agents

# What many goroutines share is in these. With the race detector all tests take an hour of two processors.
RACE = ./feed ./graph/live ./service/projection

# -vet=off: make check runs all of vet. -p 2: each package's tests keep PostgreSQL busy. -parallel 4: the last
# ones mostly wait for servers and browsers.
test: tools format rls ## run the tests; says what it installs before it does
	go test -vet=off -p 2 -timeout 15m -run '$(OWNERS)' $(CONFINED)
	go test -vet=off -race -p 2 -timeout 15m $(RACE)
	go test -vet=off -p 2 -parallel 4 -timeout 18m $$(go list ./... | grep -v /bench/ | grep -vxF "$$(go list $(CONFINED) $(RACE))")

rls: ## run the tests of CONFINED with row-level security forced on every table
	SWITCHBOARD_TEST_RLS=1 go test -vet=off -p 2 -timeout 15m -skip '$(OWNERS)' $(CONFINED)

race: ## run every test with the race detector, the load tests in small, and the write path of other systems
	SWITCHBOARD_TEST_LOAD=small go test -race -p 2 -timeout 90m ./...
	go test -race -tags plainconn -timeout 5m ./graph/live

bench: ## try every benchmark for a moment; bench/README.md has how to measure
	go test -p 2 -timeout 15m ./bench/...

check: lint portable ## gofmt, vet, staticcheck, types for Windows and macOS: before a commit

lint: format ## gofmt, vet and staticcheck (staticcheck.conf)
	go vet ./...
	$(STATICCHECK) ./...

format: ## gofmt
	@$(GOFMT)

portable: ## check that the server and its tests would build for Windows and macOS, without building them
	SWITCHBOARD_TEST_PORTABLE=1 go test -count=1 -run TestPortable .
	go vet -tags plainconn ./graph/live

generate: ## generate graph/ after a change of schema.graphqls
	go generate ./graph

load: ## the load tests of command/ and attack/ at the size of the promises, with their figures
	SWITCHBOARD_TEST_LOAD=full go test -v -count=1 -parallel 1 -timeout 30m -run 'TestCrowd|TestEvery|TestEventLatency|TestUnassignAfterClose|TestLeastBusy|TestConsoleScrolls|TestConsolePaints' ./command
	SWITCHBOARD_TEST_LOAD=full go test -v -count=1 -timeout 30m -run 'TestStorm|TestThousandAgents' ./attack

SEED ?= 1
SEEDS ?= 20
DURATION ?= 2h

faults: ## every fault and pairs of them with SEEDS seeds from SEED on, for at most DURATION; prints a table
	go test -v -count=1 -timeout 24h -run TestLong ./faults -faults.seed $(SEED) -faults.seeds $(SEEDS) -faults.duration $(DURATION)

tools: ## install what the tests need and is missing
	@.ci/tools
