package db

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"
)

// Page selects a range of an ordered list.
type Page struct {
	Limit    int  // rows at most
	Backward bool // the last rows of the range instead of the first
	After    Key  // only rows after this one; nil: from the beginning
	Before   Key  // only rows before this one; nil: to the end
}

// Key is the position of a row in its list: the values of the columns by which the list is ordered,
// the id last.
type Key []string

// Order is a named order of a list: its columns, all in one direction. The last column is unique.
type Order struct {
	Name    string
	Columns []string
	Desc    bool
}

// Of returns the order of one parent's list. Its cursors are invalid in the lists of other parents.
func (o Order) Of(parent fmt.Stringer) Order {
	o.Name += " " + parent.String()
	return o
}

// pageMark returns a checksum that makes a page cursor valid in its own list, order and workspace
// only, and reveals a damaged cursor.
func (o Order) pageMark(workspace WorkspaceKey, key Key) uint32 {
	return crc32.ChecksumIEEE(fmt.Appendf(nil, "%d %s %v %t %q", workspace, o.Name, o.Columns, o.Desc, []string(key)))
}

// Cursor returns the page cursor of the row with this key.
func (o Order) Cursor(workspace WorkspaceKey, key Key) string {
	b, _ := json.Marshal(append([]string{fmt.Sprint(o.pageMark(workspace, key))}, key...))
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseCursor decodes a page cursor of this list; the error is ErrBadCursor.
func (o Order) ParseCursor(workspace WorkspaceKey, cursor string) (Key, error) {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) > 4096 {
		return nil, ErrBadCursor
	}
	var parts []string
	if json.Unmarshal(b, &parts) != nil || len(parts) != len(o.Columns)+1 {
		return nil, ErrBadCursor
	}
	key := Key(parts[1:])
	// Decoders are lenient, so only the exact form that Cursor returns is accepted. PostgreSQL
	// would reject a NUL character with an error of its own.
	if cursor != o.Cursor(workspace, key) || strings.ContainsRune(strings.Join(key, ""), 0) {
		return nil, ErrBadCursor
	}
	return key, nil
}

// timeKeyFormat is the form of times in keys: microseconds are the precision of the database.
const timeKeyFormat = "2006-01-02T15:04:05.000000Z"

// timeKey returns a time as part of a key.
func timeKey(t time.Time) string { return t.UTC().Format(timeKeyFormat) }

// pageBound is one end of a page's range.
type pageBound struct {
	key Key
	op  string
}

// bounds returns the ends of the page's range that are set.
func (p Page) bounds(o Order) (bounds []pageBound) {
	for _, b := range []pageBound{{p.After, o.beyond()}, {p.Before, o.before()}} {
		if b.key != nil {
			bounds = append(bounds, b)
		}
	}
	return bounds
}

// orderBy returns the columns of the order in the direction in which the page is read.
func (p Page) orderBy(o Order) (columns []string) {
	direction := " ASC"
	if o.Desc != p.Backward {
		direction = " DESC"
	}
	for _, column := range o.Columns {
		columns = append(columns, column+direction)
	}
	return columns
}

// apply adds the page's range, order and limit to a query. It asks for one row more than the limit,
// by which Trim finds out whether the list continues.
func (p Page) apply(q *bun.SelectQuery, o Order) *bun.SelectQuery {
	for _, b := range p.bounds(o) {
		q = q.Where("("+strings.Join(o.Columns, ", ")+") "+b.op+" (?)", bun.List([]string(b.key)))
	}
	for _, column := range p.orderBy(o) {
		q = q.OrderExpr(column)
	}
	return q.Limit(int64(p.Limit + 1))
}

// where adds the page's range to a statement.
func (p Page) where(s *statement, o Order) {
	for _, b := range p.bounds(o) {
		values := make([]string, len(b.key))
		for i, value := range b.key {
			values[i] = s.arg(value)
		}
		s.where("(" + strings.Join(o.Columns, ", ") + ") " + b.op + " (" + strings.Join(values, ", ") + ")")
	}
}

// beyond returns the SQL operator that selects the rows after a key.
func (o Order) beyond() string {
	if o.Desc {
		return "<"
	}
	return ">"
}

// before returns the SQL operator that selects the rows before a key.
func (o Order) before() string { return Order{Desc: !o.Desc}.beyond() }

// count returns the number of rows of a query, at most limit.
func (w ForWorkspace) count(ctx context.Context, q *bun.SelectQuery, limit int) (n int, err error) {
	counted := w.bun.NewSelect().TableExpr("(?) AS counted", q.ColumnExpr("1").Limit(int64(limit))).ColumnExpr("count(*)")
	err = w.sharing(ctx, func() error { return counted.Scan(ctx, &n) })
	return n, err
}

// Trim removes the extra row that apply asked for and puts the others in the order of the list.
func Trim[T any](rows []T, p Page) (kept []T, hasNext, hasPrevious bool) {
	more := len(rows) > p.Limit
	if more {
		rows = rows[:p.Limit]
	}
	if p.Backward {
		slices.Reverse(rows)
		return rows, p.Before != nil, more
	}
	return rows, more, p.After != nil
}
