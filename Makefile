# make test     everything, installing what it needs
# make generate after a change of schema.graphqls
# make lint     staticcheck

.PHONY: test check generate lint tools run

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

lint:
	go run honnef.co/go/tools/cmd/staticcheck@v0.7.0 ./...

tools:
	@.ci/tools
