package graph

import (
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"switchboard/graph/compiled"
)

// TestTables: each field of each object type has a row that says how it is read, and nothing else
// has.
func TestTables(t *testing.T) {
	t.Parallel()
	tables, fields := newTables(&Resolver{}), 0
	for name, def := range schema.Types {
		table := tables[name]
		if def.Kind != ast.Object || def.BuiltIn {
			if table != nil {
				t.Errorf("%s has a table but is not an object type of ours", name)
			}
			continue
		}
		for _, field := range def.Fields {
			row := table.Fields[field.Name]
			if row == nil {
				t.Errorf("%s.%s has no row in its table", name, field.Name)
				continue
			}
			fields++
			if ways := waysToRead(row); ways != 1 {
				t.Errorf("%s.%s is read in %d ways", name, field.Name, ways)
			}
			if isPersonal := field.Directives.ForName("perCaller") != nil; isPersonal != row.PerCaller {
				t.Errorf("%s.%s depends on the caller: %v in the schema, %v in its table", name, field.Name, isPersonal, row.PerCaller)
			}
			if len(field.Arguments) > 0 && !takesArguments(row) && field.Name != "__type" {
				t.Errorf("the arguments of %s.%s are not read", name, field.Name)
			}
		}
		if len(table.Fields) != len(def.Fields) {
			t.Errorf("the table of %s has %d rows for %d fields", name, len(table.Fields), len(def.Fields))
		}
	}
	if fields < 400 {
		t.Errorf("%d fields; does this test still look?", fields)
	}
}

func waysToRead(f *compiled.Field) (ways int) {
	for _, is := range []bool{f.Append != nil, f.AppendFor != nil, f.Object != nil, f.List != nil, f.Relation != nil, f.Stream != nil} {
		if is {
			ways++
		}
	}
	return ways
}

func takesArguments(f *compiled.Field) bool {
	return f.Relation != nil && f.Relation.Args != nil || f.Stream != nil && f.Stream.Args != nil
}
