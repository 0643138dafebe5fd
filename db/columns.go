package db

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/uptrace/bun/dialect/pgdialect"
)

// columns are the columns of a table, one for each field of the struct of its rows. A field with
// the tag `save:"text"` is written by each update, as an array of that SQL type; a field without
// the tag is only inserted. A field with the tag `read:"-"` is not read.
type columns[T any] struct {
	read   string        // the columns to select
	update string        // the statement that saves rows; $1 is the workspace, $2 their ids
	args   []columnArray // its arguments from $2 on
}

// columnArray builds an array of one field of many rows.
type columnArray struct {
	field []int        // the index for reflect.Value.FieldByIndex
	slice reflect.Type // of the field's type
}

// columnsOf reads the tags of a struct once, so that the text of the statements never changes and
// they stay prepared.
func columnsOf[T any](table string) columns[T] {
	var c columns[T]
	var read, set, names, arrays []string
	for _, field := range pgdialect.New().Tables().Get(reflect.TypeFor[*T]()).Fields {
		tag, array := field.StructField.Tag, columnArray{field.Index, reflect.SliceOf(field.StructField.Type)}
		if tag.Get("read") != "-" {
			read = append(read, field.Name)
		}
		if field.Name == "id" {
			c.args = slices.Insert(c.args, 0, array)
		}
		if sqlType := tag.Get("save"); sqlType != "" {
			c.args = append(c.args, array)
			names = append(names, field.Name)
			set = append(set, field.Name+" = new."+field.Name)
			arrays = append(arrays, fmt.Sprintf("$%d::%s[]", len(names)+2, sqlType))
		}
	}
	c.read = strings.Join(read, ", ")
	c.update = fmt.Sprintf("UPDATE %s AS c SET %s FROM unnest($2::uuid[], %s) AS new (id, %s) WHERE c.workspace_id = $1 AND c.id = new.id",
		table, strings.Join(set, ", "), strings.Join(arrays, ", "), strings.Join(names, ", "))
	return c
}

// arguments returns the arguments of update: the workspace, then each column of the rows as an
// array.
func (c columns[T]) arguments(workspace WorkspaceKey, rows []*T) []any {
	args := []any{workspace}
	for _, array := range c.args {
		values := reflect.MakeSlice(array.slice, len(rows), len(rows))
		for i, row := range rows {
			values.Index(i).Set(reflect.ValueOf(row).Elem().FieldByIndex(array.field))
		}
		args = append(args, values.Interface())
	}
	return args
}
