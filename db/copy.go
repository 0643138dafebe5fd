package db

import (
	"context"
	"iter"
	"reflect"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun/schema"
)

// Copy adds rows by COPY, for large amounts of data: much faster than inserting them. The rows
// are written as they are: nothing is folded, learned or numbered. It returns the number of rows.
func Copy[T any](ctx context.Context, d *DB, rows iter.Seq[*T]) (n int64, err error) {
	table := d.Dialect().Tables().Get(reflect.TypeFor[*T]())
	names := make([]string, len(table.Fields))
	for i, field := range table.Fields {
		names[i] = field.Name
	}
	next, stop := iter.Pull(rows)
	defer stop()
	conn, err := d.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	err = conn.Raw(func(driver any) error {
		source := pgx.CopyFromFunc(func() ([]any, error) {
			row, more := next()
			if !more {
				return nil, nil
			}
			return fieldValues(table.Fields, reflect.ValueOf(row).Elem()), nil
		})
		n, err = driver.(*stdlib.Conn).Conn().CopyFrom(ctx, pgx.Identifier{table.Name}, names, source)
		return err
	})
	return n, err
}

func fieldValues(fields []*schema.Field, row reflect.Value) []any {
	values := make([]any, len(fields))
	for i, field := range fields {
		values[i] = field.Value(row).Interface()
	}
	return values
}

// LearnWords adds the words of the folded texts of contacts and of closing notes to the
// dictionary, after a Copy.
func (tx Tx) LearnWords(ctx context.Context, contacts, notes []*string) error {
	if err := tx.learnWords(ctx, searchedContacts, contacts); err != nil {
		return err
	}
	return tx.learnWords(ctx, searchedNotes, notes)
}
