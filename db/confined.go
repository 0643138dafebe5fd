package db

import (
	"context"
	"database/sql"
	"strconv"

	"github.com/uptrace/bun"
)

// In a test run with row-level security, policies compare each row's workspace with a setting of the
// session. A pool whose URL has that setting, which is "*" there, is confined: what it does for a
// workspace is done with the setting of that workspace. Decision 7 says why servers do without.

const workspaceSetting = "switchboard.workspace"

const confine = "SELECT set_config('" + workspaceSetting + "', $1, $2)"

// confined is a pool whose statements are those of one workspace.
type confined struct {
	*bun.DB
	key WorkspaceKey
}

// setting returns the value of the setting for a workspace.
func (w WorkspaceKey) setting() string { return strconv.FormatInt(int64(w), 10) }

// confine sets the workspace's setting on a connection, if the pool is confined. The pool resets it
// before it uses the connection again.
func (w ForWorkspace) confine(ctx context.Context, conn *sql.Conn) error {
	if !w.db.isConfined || w.Key == 0 {
		return nil
	}
	_, err := conn.ExecContext(ctx, confine, w.Key.setting(), false)
	return err
}

// conn returns a connection with the workspace's setting, which the pool resets before it uses the
// connection again.
func (c confined) conn(ctx context.Context) (*sql.Conn, error) {
	conn, err := c.DB.DB.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, confine, c.key.setting(), false); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// QueryContext returns rows that keep their connection until they are closed.
func (c confined) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	conn, err := c.conn(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := conn.QueryContext(ctx, query, args...)
	go conn.Close() // which waits for the rows
	return rows, err
}

// ExecContext executes a statement without a result.
func (c confined) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	conn, err := c.conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	return conn.ExecContext(ctx, query, args...)
}

// The statements that bun builds.

// NewSelect returns a query of the workspace.
func (c confined) NewSelect() *bun.SelectQuery { return c.DB.NewSelect().Conn(c) }

// NewInsert returns an insert into the workspace.
func (c confined) NewInsert() *bun.InsertQuery { return c.DB.NewInsert().Conn(c) }

// NewUpdate returns an update of the workspace.
func (c confined) NewUpdate() *bun.UpdateQuery { return c.DB.NewUpdate().Conn(c) }

// NewDelete returns a delete in the workspace.
func (c confined) NewDelete() *bun.DeleteQuery { return c.DB.NewDelete().Conn(c) }

// NewRaw returns a statement of the workspace.
func (c confined) NewRaw(query string, args ...any) *bun.RawQuery {
	return c.DB.NewRaw(query, args...).Conn(c)
}
