package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/99designs/gqlgen/codegen/config"
)

// A relation is a method that reads a field for many objects at once, such as
//
//	func (r conversationRelations) Contact(ctx context.Context, rows []*db.Conversation) ([]*db.Contact, []error)
type relation struct {
	of, name string // of is what its type is called without "Relations"
	row      string // the type of its rows
}

const relationsSuffix = "Relations"

// findRelations returns the relations that a package declares, by type and method. It looks at the
// source alone, because the package does not compile before it is generated.
func findRelations(dir string) (map[string]map[string]*relation, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	found := map[string]map[string]*relation{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, decl := range file.Decls {
			method, ok := decl.(*ast.FuncDecl)
			if !ok || method.Recv == nil || !method.Name.IsExported() {
				continue
			}
			receiver, _ := method.Recv.List[0].Type.(*ast.Ident)
			if receiver == nil || !strings.HasSuffix(receiver.Name, relationsSuffix) {
				continue
			}
			row, err := rowType(method)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", set.Position(method.Pos()), err)
			}
			of := strings.TrimSuffix(receiver.Name, relationsSuffix)
			if found[of] == nil {
				found[of] = map[string]*relation{}
			}
			found[of][method.Name.Name] = &relation{of, method.Name.Name, row}
		}
	}
	return found, nil
}

// rowType returns the type of a relation's rows, as it is written in its declaration.
func rowType(method *ast.FuncDecl) (string, error) {
	if parameters := method.Type.Params.List; len(parameters) >= 2 {
		if rows, ok := parameters[1].Type.(*ast.ArrayType); ok && rows.Len == nil {
			var text strings.Builder
			err := printer.Fprint(&text, token.NewFileSet(), rows.Elt)
			return text.String(), err
		}
	}
	return "", fmt.Errorf("%s must take a context and its rows", method.Name.Name)
}

// relationOf returns the relation of a field: that of the type in the schema, of its type in Go, or
// of a struct that is embedded in it, with the name of that struct. It returns nil if there is
// none.
func (t *tables) relationOf(object string, goType types.Type, goField string) (r *relation, embedded string) {
	for _, name := range []string{object, typeName(goType)} {
		if r := t.relations[lowerFirst(name)][goField]; r != nil {
			return r, ""
		}
	}
	for _, name := range embeddedIn(goType) {
		if r := t.relations[lowerFirst(name)][goField]; r != nil {
			return r, name
		}
	}
	return nil, ""
}

func typeName(t types.Type) string {
	if named, ok := types.Unalias(t).(*types.Named); ok {
		return named.Obj().Name()
	}
	return ""
}

// embeddedIn returns the names of the structs that are embedded in a type, the outer ones first.
func embeddedIn(t types.Type) (names []string) {
	for level := []types.Type{t}; len(level) > 0; {
		var inner []types.Type
		for _, t := range level {
			if pointer, ok := types.Unalias(t).(*types.Pointer); ok {
				t = pointer.Elem()
			}
			structure, ok := t.Underlying().(*types.Struct)
			if !ok {
				continue
			}
			for field := range structure.Fields() {
				if field.Embedded() {
					names, inner = append(names, field.Name()), append(inner, field.Type())
				}
			}
		}
		level = inner
	}
	return names
}

func lowerFirst(name string) string {
	for i, r := range name {
		return string(unicode.ToLower(r)) + name[i+len(string(r)):]
	}
	return ""
}

// MutateConfig implements plugin.ConfigMutator: it lets gqlgen call a resolver for each field that
// has a relation.
func (t *tables) MutateConfig(cfg *config.Config) (err error) {
	if t.relations, err = findRelations(cfg.Exec.Dir()); err != nil {
		return err
	}
	binder := cfg.NewBinder()
	for _, def := range cfg.Schema.Types {
		if !isTabled(cfg, def) {
			continue
		}
		goType, err := binder.DefaultUserObject(def.Name)
		if err != nil {
			return err
		}
		for _, field := range def.Fields {
			if r, _ := t.relationOf(def.Name, goType, goName(cfg, def.Name, field.Name)); r != nil {
				resolve(cfg, def.Name, field.Name)
			}
		}
	}
	return nil
}

// resolve makes a field one that gqlgen resolves by calling a method of a resolver.
func resolve(cfg *config.Config, object, field string) {
	model := cfg.Models[object]
	if model.Fields == nil {
		model.Fields = map[string]config.TypeMapField{}
	}
	settings := model.Fields[field]
	settings.Resolver = true
	model.Fields[field] = settings
	cfg.Models[object] = model
}
