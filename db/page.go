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

// Page asks for one stretch of an ordered list.
type Page struct {
	Limit    int  // rows at most
	Backward bool // the last rows of the range instead of the first
	After    Key  // only rows after this one; nil: from the beginning
	Before   Key  // only rows before this one; nil: to the end
}

// Key is where a row lies in its list: the values of the columns that the list is
// ordered by, the id last.
type Key []string

// Order names a list and the columns it is ordered by, all in one direction; the last
// one is unique.
type Order struct {
	Name    string
	Columns []string
	Desc    bool
}

// Of is this list of one of many parents, whose cursors fit no other.
func (o Order) Of(parent fmt.Stringer) Order {
	o.Name += " " + parent.String()
	return o
}

// pageMark makes a page cursor fit its own list, order and workspace only, and notices
// a damaged one.
func (o Order) pageMark(workspace WorkspaceKey, key Key) uint32 {
	return crc32.ChecksumIEEE(fmt.Appendf(nil, "%d %s %v %t %q", workspace, o.Name, o.Columns, o.Desc, []string(key)))
}

// Cursor gives the page cursor of a row with this key.
func (o Order) Cursor(workspace WorkspaceKey, key Key) string {
	b, _ := json.Marshal(append([]string{fmt.Sprint(o.pageMark(workspace, key))}, key...))
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseCursor reads a page cursor of this list; the error is ErrBadCursor.
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
	// Decoders are lenient; only the one form that Cursor gives is taken. No column holds NUL.
	if cursor != o.Cursor(workspace, key) || strings.ContainsRune(strings.Join(key, ""), 0) {
		return nil, ErrBadCursor
	}
	return key, nil
}

// timeKey gives a time as part of a key, exact to the microsecond like the database.
func timeKey(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// apply puts the page's range, order and limit on a query; it asks for one row more
// than the limit, by which Trim sees whether the list goes on.
func (p Page) apply(q *bun.SelectQuery, o Order) *bun.SelectQuery {
	for _, bound := range []struct {
		key Key
		op  string
	}{{p.After, o.beyond()}, {p.Before, o.before()}} {
		if bound.key != nil {
			q = q.Where("("+strings.Join(o.Columns, ", ")+") "+bound.op+" (?)", bun.List([]string(bound.key)))
		}
	}
	direction := " ASC"
	if o.Desc != p.Backward {
		direction = " DESC"
	}
	for _, column := range o.Columns {
		q = q.OrderExpr(column + direction)
	}
	return q.Limit(int64(p.Limit + 1))
}

// beyond is the comparison that holds for what comes later in the list.
func (o Order) beyond() string {
	if o.Desc {
		return "<"
	}
	return ">"
}

// before is the comparison that holds for what comes earlier in the list.
func (o Order) before() string { return Order{Desc: !o.Desc}.beyond() }

// count counts the rows of a query up to a limit.
func (w ForWorkspace) count(ctx context.Context, q *bun.SelectQuery, limit int) (n int, err error) {
	counted := q.ColumnExpr("1").Limit(int64(limit))
	err = w.bun.NewSelect().TableExpr("(?) AS counted", counted).ColumnExpr("count(*)").Scan(ctx, &n)
	return n, err
}

// Trim takes the extra row away and puts the rest in the list's order.
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
