# make test     everything, installing what it needs
# make generate after a change of schema.graphqls
# make load     the load tests of command/ at the size of the promises, with their figures
# make lint     staticcheck

.PHONY: test check generate load lint tools run

run:
	go run .

# -p 2: each package's tests keep PostgreSQL and a race detector busy.
test: tools check
	go test -race -p 2 -timeout 12m ./...

# What needs no test; that generated code fits the schema is one (house_test.go).
check:
	@test -z "$$(gofmt -l .)" || { echo "gofmt these:"; gofmt -l .; exit 1; }
	go vet ./...

generate:
	go generate ./graph

load:
	SWITCHBOARD_TEST_LOAD=full go test -v -count=1 -parallel 1 -timeout 30m -run 'TestCrowd|TestEventLatency|TestUnassignAfterClose|TestLeastBusy' ./command

lint:
	go run honnef.co/go/tools/cmd/staticcheck@v0.7.0 ./...

tools:
	@.ci/tools
