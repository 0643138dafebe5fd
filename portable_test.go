package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// TestPortable: the server, its packages and their tests type-check for Windows and macOS, where no
// test runs. The packages that they import are read without the bodies of their functions, instead
// of being built, which takes a twentieth of the time.
func TestPortable(t *testing.T) {
	if os.Getenv("SWITCHBOARD_TEST_PORTABLE") == "" {
		t.Skip("make portable runs it, without the race detector")
	}
	ours, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, system := range []string{"windows", "darwin"} {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			found, err := packages.Load(&packages.Config{
				Mode: packages.NeedName | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedDeps |
					packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesSizes | packages.NeedModule,
				Env:   append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0"),
				Tests: true,
				ParseFile: func(files *token.FileSet, name string, content []byte) (*ast.File, error) {
					f, err := parser.ParseFile(files, name, content, parser.SkipObjectResolution)
					if f != nil && !strings.HasPrefix(name, ours+string(filepath.Separator)) {
						withoutBodies(f)
					}
					return f, err
				},
			}, ".", "./graph/...", "./service/...", "./feed/...", "./auth/...", "./db/...")
			if err != nil {
				t.Fatal(err)
			}
			read := 0
			packages.Visit(found, nil, func(p *packages.Package) {
				read++
				if p.Module == nil || !p.Module.Main || strings.HasSuffix(p.ID, ".test") {
					return // the standard library and the programs that run tests use what only a build knows
				}
				for _, e := range p.Errors {
					t.Error(e)
				}
			})
			t.Logf("%d packages read", read)
		})
	}
}

func withoutBodies(f *ast.File) {
	for _, d := range f.Decls {
		if function, ok := d.(*ast.FuncDecl); ok {
			function.Body = nil
		}
	}
}
