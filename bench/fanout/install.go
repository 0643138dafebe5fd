package main

import (
	"context"
	"encoding/json"
	"path/filepath"

	"switchboard/bench/harness"
)

// yoga installs GraphQL Yoga and graphql-ws with npm.
func yoga(ctx context.Context) (*program, error) {
	root, err := harness.Repository(ctx)
	if err != nil {
		return nil, err
	}
	npm := []string{"npm", "ci", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"}
	folder, err := harness.Install(ctx, filepath.Join(root, "bench", "fanout", "yoga"), []string{"package.json", "package-lock.json", ".npmrc", "server.mjs"}, npm)
	if err != nil {
		return nil, err
	}
	options, err := json.Marshal(map[string]string{"schema": filepath.Join(root, "schema.graphqls"), "data": event{}.data()})
	return &program{
		path: "node",
		args: []string{filepath.Join(folder, "server.mjs"), string(options)},
		env:  []string{"NODE_ENV=production", "NODE_NO_WARNINGS=1"},
	}, err
}

// centrifuge builds a program that uses the library.
func centrifuge(ctx context.Context) (*program, error) {
	root, err := harness.Repository(ctx)
	if err != nil {
		return nil, err
	}
	build := []string{"go", "build", "-o", "centrifuge", "."}
	folder, err := harness.Install(ctx, filepath.Join(root, "bench", "fanout", "centrifuge"), []string{"go.mod", "go.sum", "main.go"}, build)
	data := dataTemplate()
	return &program{path: filepath.Join(folder, "centrifuge"), args: []string{data.before, data.after}}, err
}
