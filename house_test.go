package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gofrs/flock"
	"github.com/vektah/gqlparser/v2"
	gql "github.com/vektah/gqlparser/v2/ast"
)

// Rules about the code that no compiler checks.

const module = "switchboard"

// listed is a package in the output of `go list -json`.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles, Imports        []string
}

// room is the package's folder in the repository; empty for the root.
func (p listed) room() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

func list(t *testing.T, args ...string) (packages []listed) {
	t.Helper()
	command := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,Export,GoFiles,Imports"}, args...)...)
	var complaints bytes.Buffer
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, complaints.String())
	}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		switch err := decoder.Decode(&p); err {
		case nil:
			packages = append(packages, p)
		case io.EOF:
			return packages
		default:
			t.Fatal(err)
		}
	}
}

// mayImport lists, for each room, the other rooms that it may import; it may always import its own
// parts. Rooms that are not listed may import anything but command.
var mayImport = map[string][]string{
	"":           {"command"},
	"graph":      {"graph/compiled", "graph/limit", "graph/live", "graph/address", "service/workflow", "service", "service/projection", "db"},
	"graph/live": {"graph/address"},

	"graph/compiled": {},
	"graph/limit":    {},
	"graph/address":  {},

	"service": {"service/projection", "service/definition", "service/apitoken", "feed", "db"},
	"feed":    {"db"},

	"service/projection": {"db"},
	"service/definition": {"db"},
	"service/apitoken":   {},

	// Packages above service; service imports none of them.
	"service/workflow":    {"service", "service/definition", "feed", "db"},
	"service/history":     {"service", "db"},
	"service/demo":        {"service", "db"},
	"service/servicetest": {"service/workflow", "service", "feed", "db"},

	"db":   {},
	"auth": {"service", "service/apitoken", "db"},
	"web":  {},

	"bench": {"graph", "graph/live", "auth", "service/servicetest", "service/workflow", "service", "feed", "db", "command"},
}

// owners lists the only rooms that may import a library.
var owners = map[string][]string{
	"github.com/99designs/gqlgen": {"graph", "graph/compiled", "graph/live", "bench"}, // the benchmark measures it
	"github.com/uptrace/bun":      {"db"},
	"github.com/jackc/pgx/v5":     {"db", "bench"},
	"database/sql":                {"db"},
	"github.com/nats-io/nats.go":  {"feed"},

	"github.com/prometheus/client_golang/prometheus/promhttp": {"command"},

	"github.com/nats-io/nats-server/v2": {"tests"}, // test files are not checked
}

// roomOf returns the room of a package: its own folder, or the nearest one above that has a rule.
func roomOf(folder string) (room string, known bool) {
	for room = folder; room != "." && room != ""; room = path.Dir(room) {
		if _, known := mayImport[room]; known {
			return room, true
		}
	}
	_, known = mayImport[folder]
	return folder, known
}

func TestImportsRunOneWay(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, "./...") {
		room, known := roomOf(p.room())
		for _, imported := range p.Imports {
			if target, ours := strings.CutPrefix(imported, module+"/"); ours {
				target, _ = roomOf(target)
				allowed := target == room || known && slices.Contains(mayImport[room], target) || !known && target != "command"
				if !allowed {
					t.Errorf("%s imports %s", p.ImportPath, imported)
				}
			}
			for library, rooms := range owners {
				if (imported == library || strings.HasPrefix(imported, library+"/")) && !slices.Contains(rooms, room) {
					t.Errorf("%s imports %s; only %s may", p.ImportPath, imported, strings.Join(rooms, " and "))
				}
			}
		}
		for _, folder := range strings.Split(p.room(), "/") {
			if slices.Contains([]string{"internal", "pkg", "cmd", "utils", "models", "repository"}, folder) {
				t.Errorf("there is no room called %s: %s", folder, p.ImportPath)
			}
		}
	}
}

// TestVerbsAreAskedOnly checks that graph and command reach the database and the transaction only
// through the verbs and reads of service.
func TestVerbsAreAskedOnly(t *testing.T) {
	t.Parallel()
	exports, asking := map[string]string{}, map[string]listed{}
	for _, p := range list(t, "-export", "-deps", "./graph", "./command") {
		exports[p.ImportPath], asking[p.room()] = p.Export, p
	}
	for room, forbidden := range behindVerbs {
		t.Run(room, func(t *testing.T) {
			t.Parallel()
			named := map[string]int{}
			for at, used := range uses(t, asking[room], exports) {
				target := strings.TrimPrefix(used.Pkg().Path(), module+"/")
				if slices.Contains(owners[used.Pkg().Path()], "db") {
					t.Errorf("%s: %s uses %s of %s, which is db's", at, room, used.Name(), target)
				}
				if forbidden[target] == nil {
					continue
				}
				if named[target]++; forbidden[target](used) {
					t.Errorf("%s: %s uses %s.%s, which is reached through service only", at, room, target, used.Name())
				}
			}
			for target := range forbidden {
				if named[target] == 0 {
					t.Errorf("nothing of %s was found in %s; does this test still look?", target, room)
				}
			}
		})
	}
}

// uses returns the objects of packages that a package's code names, by position. exports are the
// compiled packages.
func uses(t *testing.T, p listed, exports map[string]string) map[token.Position]types.Object {
	t.Helper()
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })}
	if _, err := config.Check(p.ImportPath, set, files, info); err != nil {
		t.Fatal(err)
	}
	found := map[token.Position]types.Object{}
	for name, used := range info.Uses {
		if used.Pkg() != nil {
			found[set.Position(name.Pos())] = used
		}
	}
	return found
}

// behindVerbs reports, for each package and each package that it imports, which objects it may
// reach only through service.
var behindVerbs = map[string]map[string]func(types.Object) bool{
	"graph": {
		"db":               reachesDatabase,
		"service":          isMachinery,
		"service/workflow": isMachinery,
		"service/projection": func(used types.Object) bool {
			_, function := used.(*types.Func)
			return function || strings.HasSuffix(used.Type().String(), "/projection.Inbox") || strings.HasSuffix(used.Type().String(), "/projection.Dashboards")
		},
	},
	// command opens the database and keeps other servers from opening it; it reads data through
	// service.
	"command": {"db": func(used types.Object) bool {
		opens := []string{"DB", "Open", "Close", "Migrate", "CheckSchema", "CheckMigrated", "Alone", "Measures"}
		return reachesDatabase(used) && !slices.Contains(opens, used.Name())
	}},
}

// isMachinery reports whether an object of package service is a part that verbs are made of: the
// transaction, the thread, the recorder, the operator's reads, functions with one of them in the
// signature or that work on a workspace without a caller, the fields of a Service, and the rules.
func isMachinery(used types.Object) bool {
	for _, name := range []string{"service.Writer", "service.Thread", "service.Recorder", "service.Changes", "service.Operator", "db.DB", "feed.Feed"} {
		if strings.Contains(used.Type().String(), "switchboard/"+name) {
			return true
		}
	}
	_, function := used.(*types.Func)
	return function && (used.Name() == "New" || strings.Contains(used.Type().String(), "db.WorkspaceKey") || strings.HasPrefix(used.Name(), "Check") || strings.HasPrefix(used.Name(), "May"))
}

// reachesDatabase reports whether an object of package db uses the database: functions with a
// context do, and so do the types that have queries as methods.
func reachesDatabase(used types.Object) bool {
	switch used := used.(type) {
	case *types.TypeName:
		return slices.Contains([]string{"DB", "ForWorkspace", "Tx"}, used.Name())
	case *types.Func:
		parameters := used.Signature().Params()
		for i := range parameters.Len() {
			if parameters.At(i).Type().String() == "context.Context" {
				return true
			}
		}
		receiver := used.Signature().Recv()
		return receiver != nil && (strings.HasSuffix(receiver.Type().String(), "/db.DB") || strings.HasSuffix(receiver.Type().String(), "/db.ForWorkspace"))
	}
	return false
}

// TestEverythingIsDescribed: every type, field, argument and value of the schema has a description.
func TestEverythingIsDescribed(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := gqlparser.LoadSchema(&gql.Source{Name: "schema.graphqls", Input: string(text)})
	if err != nil {
		t.Fatal(err)
	}
	described := func(description, format string, args ...any) {
		if description = strings.TrimSpace(description); !strings.HasSuffix(description, ".") && !strings.HasSuffix(description, ".)") {
			t.Errorf("%s is described as %q", fmt.Sprintf(format, args...), description)
		}
	}
	for _, def := range schema.Types {
		if def.BuiltIn {
			continue
		}
		described(def.Description, "%s", def.Name)
		for _, field := range def.Fields {
			if strings.HasPrefix(field.Name, "__") {
				continue
			}
			described(field.Description, "%s.%s", def.Name, field.Name)
			for _, argument := range field.Arguments {
				described(argument.Description, "%s.%s(%s)", def.Name, field.Name, argument.Name)
			}
		}
		for _, value := range def.EnumValues {
			described(value.Description, "%s.%s", def.Name, value.Name)
		}
	}
	for _, directive := range schema.Directives {
		if directive.Position == nil || directive.Position.Src.BuiltIn {
			continue
		}
		described(directive.Description, "@%s", directive.Name)
		for _, argument := range directive.Arguments {
			described(argument.Description, "@%s(%s)", directive.Name, argument.Name)
		}
	}
}

// TestGeneratedCodeIsUpToDate generates in a copy of the repository. The copy's place is
// always the same, so that the compiler remembers it from one run to the next: 2 s
// instead of 14.
func TestGeneratedCodeIsUpToDate(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	t.Parallel()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(os.TempDir(), fmt.Sprintf("switchboard-generate-%d-%x", os.Getuid(), here))
	lock := flock.New(copied + ".lock")
	if err := lock.Lock(); err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	t.Cleanup(func() { _ = os.RemoveAll(copied) })
	_ = os.RemoveAll(copied)
	if err := copyRepository(copied); err != nil {
		t.Fatal(err)
	}
	generated := []string{"graph/generated.go", "graph/models_gen.go", "graph/tables_gen.go"}
	for _, name := range generated {
		if err := os.Remove(filepath.Join(copied, name)); err != nil {
			t.Fatal(err)
		}
	}
	generate := exec.Command("go", "generate", "./graph")
	generate.Dir = copied
	if out, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range generated {
		committed, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fresh, err := os.ReadFile(filepath.Join(copied, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(committed, fresh) {
			t.Errorf("%s is not what the schema gives; run go generate ./graph", name)
		}
	}
}

// copyRepository copies what the generator needs, which is everything but tests and
// what is no source.
func copyRepository(to string) error {
	return filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || slices.Contains([]string{"node_modules", "artifacts", "testdata"}, entry.Name())):
			return fs.SkipDir
		case !entry.Type().IsRegular() || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(to, filepath.Dir(name)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), content, 0o644)
	})
}
