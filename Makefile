# make test     everything, installing what it needs
# make generate after a change of schema.graphqls
# make lint     staticcheck

.PHONY: test check generate lint tools run

run:
	go run .

# -p 2: each package's tests keep PostgreSQL and a race detector busy.
test: tools check
	go test -race -p 2 -timeout 12m ./...

# What needs no test: form, vet, and generated code that fits the schema.
check:
	@test -z "$$(gofmt -l .)" || { echo "gofmt these:"; gofmt -l .; exit 1; }
	go vet ./...
	@cp graph/generated.go graph/models_gen.go $${TMPDIR:-/tmp}/ && go generate ./graph && \
	for f in generated.go models_gen.go; do cmp graph/$$f $${TMPDIR:-/tmp}/$$f || { echo "graph/$$f did not fit the schema; it is generated anew, commit it"; exit 1; }; done

generate:
	go generate ./graph

lint:
	go run honnef.co/go/tools/cmd/staticcheck@v0.7.0 ./...

tools:
	@.ci/tools
