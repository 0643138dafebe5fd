package db

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// Frequent statements are read by the driver itself. Through database/sql each value would become
// an interface first, and each uuid a text.

// tables describe the structs of rows: which column is which field.
var tables = pgdialect.New().Tables()

// connAttempts is how many connections are tried if they turn out to be broken before the statement
// was sent. After the first the pool replaces the others.
const connAttempts = 3

// read runs a frequent statement and appends its rows to the slice of structs, or of pointers to
// structs, that dest points to. A NULL leaves its field as it is, which is zero.
func (w ForWorkspace) read(ctx context.Context, dest any, statement string, args []any) (err error) {
	if w.conn != nil {
		return readOn(w.conn, func(conn *pgx.Conn) error { return readRows(ctx, conn, dest, statement, args) })
	}
	for range connAttempts {
		if err = w.readOutside(ctx, dest, statement, args); !errors.Is(err, driver.ErrBadConn) {
			break
		}
	}
	return err
}

// readOutside is read outside a transaction, on a connection of the pool. The error is ErrBadConn
// if the statement was not sent.
func (w ForWorkspace) readOutside(ctx context.Context, dest any, statement string, args []any) error {
	pooled, err := w.db.connFor(ctx, w.Key)
	if err != nil {
		return err
	}
	defer func() { _ = pooled.Close() }()
	if err := w.confine(ctx, pooled.Conn.Conn); err != nil {
		return err
	}
	return readOn(pooled.Conn.Conn, func(conn *pgx.Conn) error {
		if conn.IsClosed() {
			return driver.ErrBadConn
		}
		err := readRows(ctx, conn, dest, statement, args)
		if pgconn.SafeToRetry(err) {
			return driver.ErrBadConn
		}
		return err
	})
}

// readOn calls read with the driver's connection. Whatever the error, the pool itself finds out
// whether the connection is broken.
func readOn(conn *sql.Conn, read func(conn *pgx.Conn) error) error {
	var err error
	failed := conn.Raw(func(of any) error {
		err = read(of.(*stdlib.Conn).Conn())
		return nil
	})
	return cmp.Or(failed, err)
}

func readRows(ctx context.Context, conn *pgx.Conn, dest any, statement string, args []any) error {
	rows, err := conn.Query(ctx, statement, args...)
	if err != nil {
		return err
	}
	return appendRows(reflect.ValueOf(dest).Elem(), rows)
}

// appendRows appends rows to a slice and closes them.
func appendRows(slice reflect.Value, rows pgx.Rows) error {
	defer rows.Close()
	item := slice.Type().Elem()
	isPointer := item.Kind() == reflect.Pointer
	if isPointer {
		item = item.Elem()
	}
	var columns []readColumn
	for rows.Next() {
		if columns == nil {
			var err error
			if columns, err = readColumns(item, rows.FieldDescriptions(), rows.Conn().TypeMap()); err != nil {
				return err
			}
		}
		row := reflect.New(item)
		if err := readRow(row.Elem(), rows.RawValues(), columns); err != nil {
			return err
		}
		if !isPointer {
			row = row.Elem()
		}
		slice.Set(reflect.Append(slice, row))
	}
	return rows.Err()
}

// readColumn is a column of a result with the field that it is read into.
type readColumn struct {
	name  string
	field []int // the index for reflect.Value.FieldByIndex
	plan  pgtype.ScanPlan
}

// readColumns finds the field of each column.
func readColumns(row reflect.Type, described []pgconn.FieldDescription, types *pgtype.Map) ([]readColumn, error) {
	table := tables.Get(reflect.PointerTo(row))
	columns := make([]readColumn, len(described))
	for i, d := range described {
		field, ok := table.FieldMap[d.Name]
		if !ok {
			return nil, fmt.Errorf("%v has no field for the column %s", row, d.Name)
		}
		target := reflect.New(row.FieldByIndex(field.Index).Type).Interface()
		columns[i] = readColumn{d.Name, field.Index, types.PlanScan(d.DataTypeOID, d.Format, target)}
	}
	return columns, nil
}

func readRow(row reflect.Value, values [][]byte, columns []readColumn) error {
	for i, c := range columns {
		if values[i] == nil {
			continue
		}
		if err := c.plan.Scan(values[i], row.FieldByIndex(c.field).Addr().Interface()); err != nil {
			return fmt.Errorf("reading the column %s: %w", c.name, err)
		}
	}
	return nil
}
