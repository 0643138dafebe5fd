package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// limits are the rows of the table of limits in docs/clients.md. Braces contain a constant of the
// code or the option whose default it is, and its unit: size, time, rate (times a second) or none.
var limits = map[string]string{
	"a document":                                                                    "{graph/limit.Bytes size}",
	"the URL; all headers of a request":                                             "{graph.urlLimit size}; {command.headerLimit size}",
	"the body of a request":                                                         "{graph.bodyLimit size} ({graph.programBodyLimit size} with an integration's token)",
	"a message on a socket":                                                         "{graph/live.MessageLimit size}",
	"sockets of an agent at one server":                                             "{graph.agentConnections} ({graph.programConnections} with a program's token)",
	"event streams of an agent at one server":                                       "{graph.agentConnections} ({graph.programConnections} with a program's token)",
	"operations at a time on a socket":                                              "{graph.operationsPerConnection}",
	"frames that a client sends on a socket":                                        "{graph/live.FramesPerSecond} a second, {graph/live.FrameBurst} at once",
	"sockets of an address that have not sent `connection_init`":                    "{graph/live.UnauthenticatedLimit}, and {graph/live.UnauthenticatedTotal} of all addresses",
	"time until `connection_init`":                                                  "{graph/live.InitTimeout time}",
	"silence of a client, which is pinged every 15 s":                               "{graph/live.DeadAfter time}",
	"a client that takes no byte":                                                   "{graph/live.WriteTimeout time}",
	"`first` and `last` of a list":                                                  "1 to {service.MaxPage}",
	"ids of `nodes`":                                                                "at most {graph.maxNodes}",
	"items of a bulk mutation":                                                      "1 to {service.maxItems}",
	"a name; a search; a channel":                                                   "{service.MaxName}; {service.maxSearch}; {service.maxChannel} characters",
	"a message of an agent, a note, a closing note":                                 "{service.MaxBody} characters",
	"a message of a customer":                                                       "{service.MaxInbound} characters",
	"the payload of a business event":                                               "{service.maxPayload size}",
	"an idempotency key":                                                            "{service.maxKey} characters, remembered for {service.keyLifetime time}",
	"the id of a customer, a message or an event outside":                           "{service.MaxName} characters",
	"the place after which a subscription begins":                                   "{feed.maxResumeAge time} and {feed.maxResumeEvents} events back",
	"items of `inboxCountsChanged`; of `dashboardChanged`":                          "{service.countsEvery rate}; {service.dashboardEvery rate} a second",
	"tokens; nested fields; aliases; directives of a document":                      "{graph/limit.Tokens}; {graph/limit.Depth}; {graph/limit.Aliases}; {graph/limit.Directives}",
	"fields of a document, counting each use of a fragment":                         "{graph/limit.Fields}",
	"root fields of a query; of a mutation":                                         "{graph/limit.RootFields}; {graph/limit.MutationRoots}",
	"times that one name is selected in one selection set":                          "{graph/limit.Repeats}",
	"operations in a document; variables of an operation":                           "{graph/limit.Operations}; {graph/limit.Variables}",
	"cost of an operation":                                                          "{graph/limit.Cost}",
	"cost that an agent causes":                                                     "{command.defaultRate} a second, {graph.agentBurst} times as much at once",
	"cost that a program causes":                                                    "{graph.programRate} times as much as an agent a second, {graph.programBurst} times at once",
	"errors in an answer":                                                           "{graph.maxErrors}",
	"a query or mutation; the deactivation of an agent":                             "{graph.operationTime time}; {graph.deactivationTime time}",
	"a statement of the database; waiting for a lock; waiting for a connection":     "{db.StatementTimeout time}; {db.LockTimeout time}; {db.PoolTimeout time}",
	"the data of one answer":                                                        "{graph.answerLimit size}",
	"answers that are being written to one caller":                                  "{graph.unreadLimit size}",
	"64 KiB of an answer; 64 KiB on a socket":                                       "{command.writeTime time}; {graph/live.BatchTimeout time}",
	"failed authentications of an address":                                          "{graph.failuresPerSecond} a second, {graph.failuresAtOnce} at once",
	"active agents; valid API tokens; enabled workflows; their steps for one event": "{service.Agents}; {service.Tokens}; {service.Workflows}; {service.Steps}",
	"idempotency keys of a caller in a day":                                         "{service.Keys}",
}

// TestDocumentedLimits: each number in the table of limits is that of the code, and no row is left
// out on either side.
func TestDocumentedLimits(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/clients.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| what | limit | beyond it |\n|---|---|---|\n")
	if !found {
		t.Fatal("docs/clients.md has no table of limits")
	}
	source := numbers{}
	rows := map[string]bool{}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 3 {
			break
		}
		what, documented := strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1])
		rows[what] = true
		inCode := regexp.MustCompile(`\{([\w/]+)\.(\w+) ?(\w*)\}`).ReplaceAllStringFunc(limits[what], func(one string) string {
			fields := strings.Fields(strings.Trim(one, "{}"))
			folder, name, _ := strings.Cut(fields[0], ".")
			return shownAs(source.find(t, folder, name), strings.Join(fields[1:], ""))
		})
		if documented != inCode {
			t.Errorf("%s: docs/clients.md says %q, the code %q", what, documented, inCode)
		}
	}
	for what := range limits {
		if !rows[what] {
			t.Errorf("docs/clients.md has no limit for %s", what)
		}
	}
}

// numbers are packages by folder, with their constants and defaults of options by name.
type numbers map[string]map[string]int64

// find returns the value of a constant of the package in a folder, or the second argument of cmp.Or
// if the first is a field of this name.
func (n numbers) find(t *testing.T, folder, name string) int64 {
	t.Helper()
	if n[folder] == nil {
		n[folder] = numbersIn(t, folder)
	}
	value, found := n[folder][name]
	if !found {
		t.Fatalf("%s has no constant or default %s", folder, name)
	}
	return value
}

func numbersIn(t *testing.T, folder string) map[string]int64 {
	t.Helper()
	exports := map[string]string{}
	var here listed
	for _, p := range list(t, "-export", "-deps", "./"+folder) {
		if exports[p.ImportPath] = p.Export; p.room() == folder {
			here = p
		}
	}
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range here.GoFiles {
		file, err := parser.ParseFile(set, filepath.Join(here.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	config := types.Config{
		IgnoreFuncBodies: true, Error: func(error) {}, // such as imports that only bodies use
		Importer: importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }),
	}
	pkg, _ := config.Check(here.ImportPath, set, files, nil)
	found := map[string]int64{}
	add := func(name string, value constant.Value) {
		if value == nil || constant.ToInt(value).Kind() != constant.Int {
			return
		}
		n, _ := constant.Int64Val(constant.ToInt(value))
		if other, known := found[name]; known && other != n {
			t.Errorf("%s has two defaults for %s: %d and %d", folder, name, other, n)
		}
		found[name] = n
	}
	for _, name := range pkg.Scope().Names() {
		if c, ok := pkg.Scope().Lookup(name).(*types.Const); ok {
			add(name, c.Val())
		}
	}
	for _, file := range files {
		ast.Inspect(file, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok || len(call.Args) != 2 || types.ExprString(call.Fun) != "cmp.Or" {
				return true
			}
			if option, ok := call.Args[0].(*ast.SelectorExpr); ok {
				if value, err := types.Eval(set, pkg, call.Pos(), types.ExprString(call.Args[1])); err == nil {
					add(option.Sel.Name, value.Value)
				}
			}
			return true
		})
	}
	return found
}

// shownAs returns a number as the documents show it.
func shownAs(n int64, unit string) string {
	switch d := time.Duration(n); {
	case unit == "size" && n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case unit == "size":
		return fmt.Sprintf("%d KiB", n>>10)
	case unit == "rate":
		return strconv.Itoa(int(time.Second / d))
	case unit == "time" && d > 2*24*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case unit == "time" && d >= time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case unit == "time":
		return fmt.Sprintf("%d s", d/time.Second)
	case n >= 1_000_000:
		return fmt.Sprintf("%d,%03d,%03d", n/1_000_000, n/1000%1000, n%1000)
	case n >= 1000:
		return fmt.Sprintf("%d,%03d", n/1000, n%1000)
	}
	return strconv.FormatInt(n, 10)
}
