package db

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// columns are the columns of a table, one for each field of the struct of its rows. A field with
// the tag `save:"text"` is written by each update, as an array of that SQL type; a field without
// the tag is only inserted. A field with the tag `read:"-"` is not read.
type columns[T any] struct {
	read       string        // the columns to select
	insert     string        // the statement that adds rows; $1 is the workspace
	update     string        // the statement that saves rows; $1 is the workspace, $2 their ids
	insertArgs []columnArray // the arguments of insert from $2 on
	updateArgs []columnArray // the arguments of update from $2 on
}

// columnArray builds an array of one field of many rows.
type columnArray struct {
	name  string
	field []int        // the index for reflect.Value.FieldByIndex
	slice reflect.Type // of the field's type
	sql   string       // the SQL type of an element
}

// columnsOf reads the tags of a struct once, so that the text of the statements never changes and
// they stay prepared.
func columnsOf[T any](table string) columns[T] {
	var c columns[T]
	var read, set []string
	for _, field := range pgdialect.New().Tables().Get(reflect.TypeFor[*T]()).Fields {
		tag := field.StructField.Tag
		if tag.Get("read") != "-" {
			read = append(read, field.Name)
		}
		if field.Name == "workspace_id" {
			continue
		}
		array := columnArray{field.Name, field.Index, reflect.SliceOf(field.StructField.Type), sqlType(field.StructField.Type)}
		c.insertArgs = append(c.insertArgs, array)
		if array.name == "id" {
			c.updateArgs = slices.Insert(c.updateArgs, 0, array)
		}
		if array.sql = tag.Get("save"); array.sql != "" {
			c.updateArgs = append(c.updateArgs, array)
			set = append(set, array.name+" = new."+array.name)
		}
	}
	c.read = strings.Join(read, ", ")
	names, arrays := unnested(c.insertArgs)
	c.insert = fmt.Sprintf("INSERT INTO %s (workspace_id, %s) SELECT $1, new.* FROM unnest(%s) AS new (%[2]s)", table, names, arrays)
	names, arrays = unnested(c.updateArgs)
	c.update = fmt.Sprintf("UPDATE %s AS c SET %s FROM unnest(%s) AS new (%s) WHERE c.workspace_id = $1 AND c.id = ANY ($2) AND c.id = new.id",
		table, strings.Join(set, ", "), arrays, names)
	return c
}

// unnested returns the names of the columns, and the arguments for unnest from $2 on.
func unnested(columns []columnArray) (names, arrays string) {
	name, array := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		name[i], array[i] = c.name, fmt.Sprintf("$%d::%s[]", i+2, c.sql)
	}
	return strings.Join(name, ", "), strings.Join(array, ", ")
}

// sqlType returns the SQL type in which a field is inserted.
func sqlType(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t.Implements(reflect.TypeFor[pgtype.UUIDValuer]()):
		return "uuid"
	case t == reflect.TypeFor[time.Time]():
		return "timestamptz"
	case t == reflect.TypeFor[[]byte]():
		return "bytea"
	case t.Kind() == reflect.Int:
		return "int"
	case t.Kind() == reflect.Bool:
		return "boolean"
	}
	return "text"
}

// inserted returns the arguments of insert, and updated those of update: the workspace, then each
// column of the rows as an array.
func (c columns[T]) inserted(workspace WorkspaceKey, rows []*T) []any {
	return arguments(c.insertArgs, workspace, rows)
}

func (c columns[T]) updated(workspace WorkspaceKey, rows []*T) []any {
	return arguments(c.updateArgs, workspace, rows)
}

func arguments[T any](columns []columnArray, workspace WorkspaceKey, rows []*T) []any {
	args := []any{workspace}
	for _, array := range columns {
		values := reflect.MakeSlice(array.slice, len(rows), len(rows))
		for i, row := range rows {
			values.Index(i).Set(reflect.ValueOf(row).Elem().FieldByIndex(array.field))
		}
		args = append(args, values.Interface())
	}
	return args
}
