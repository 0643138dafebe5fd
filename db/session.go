package db

import (
	"context"
	"database/sql/driver"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// How long PostgreSQL waits for this process, and for how long a vanished process can
// therefore hold locks.
const (
	checkEvery  = 5 * time.Second  // it looks whether the client of a running statement is there
	unconfirmed = 10 * time.Second // it gives up a client that confirms no byte
)

// meant are the settings on which the meaning of SQL text depends. bun writes values into
// the text and doubles single quotes, which is safe only if a backslash is a plain
// character. They are asserted on every connection, as a pooler in between may drop what
// was asked for.
func meant(searchPath string) map[string]string {
	if searchPath == "" {
		searchPath = "public"
	}
	return map[string]string{
		"standard_conforming_strings": "on",
		"client_encoding":             "UTF8",
		"search_path":                 searchPath,
	}
}

// ask sets what every session is asked for when it begins.
func (o Options) ask(params map[string]string) {
	maps.Copy(params, meant(params["search_path"]))
	maps.Copy(params, map[string]string{
		"application_name":                    o.Name,
		"timezone":                            "UTC",
		"statement_timeout":                   millis(o.StatementTimeout),
		"lock_timeout":                        millis(o.LockTimeout),
		"idle_in_transaction_session_timeout": millis(o.IdleTimeout),
		"client_connection_check_interval":    millis(checkEvery),
		"tcp_keepalives_idle":                 "5", // of no effect on a unix socket
		"tcp_keepalives_interval":             "2",
		"tcp_keepalives_count":                "3",
		"tcp_user_timeout":                    millis(unconfirmed),
	})
}

// assert refuses a connection on which SQL text would mean something else than is meant.
func assert(ctx context.Context, conn *pgconn.PgConn, want map[string]string) error {
	names := slices.Sorted(maps.Keys(want))
	columns := make([]string, len(names))
	for i, name := range names {
		columns[i] = "current_setting('" + name + "')"
	}
	results, err := conn.Exec(ctx, "SELECT "+strings.Join(columns, ", ")).ReadAll()
	if err != nil {
		return err
	}
	for i, value := range results[0].Rows[0] {
		if name := names[i]; string(value) != want[name] {
			return &SettingError{Name: name, Value: string(value), Want: want[name]}
		}
	}
	return nil
}

// SettingError is a connection whose server does not have a setting that it was asked for.
type SettingError struct{ Name, Value, Want string }

func (e *SettingError) Error() string {
	return fmt.Sprintf("the database has %s = %q on this connection although %q was asked for, so it is not used: "+
		"something between this server and PostgreSQL, such as a connection pooler, drops the settings; connect to PostgreSQL itself",
		e.Name, e.Value, e.Want)
}

// lifetime is how long a connection is used, so that a server finds its way back to a
// primary, and sheds what a session gathers.
const lifetime = 10 * time.Minute

// session is what the pool remembers of one connection.
type session struct {
	expires time.Time
	used    time.Time
}

const sessionKey = "switchboard"

// begin makes a connection ready.
func (all *connections) begin(ctx context.Context, conn *pgconn.PgConn, want map[string]string) error {
	now := time.Now()
	conn.CustomData()[sessionKey] = &session{expires: now.Add(lifetime - rand.N(lifetime/5)), used: now}
	all.began(conn.Conn())
	return assert(ctx, conn, want)
}

// isOutdated reports whether a connection from the pool is to be replaced: it has lived
// its time, or another one was found broken since it was used.
func (all *connections) isOutdated(conn *pgx.Conn) bool {
	s := conn.PgConn().CustomData()[sessionKey].(*session)
	return time.Now().After(s.expires) || s.used.UnixNano() <= all.broke.Load()
}

// reuse lets the pool use a connection again, or has it closed.
func (all *connections) reuse(_ context.Context, conn *pgx.Conn) error {
	if all.isOutdated(conn) {
		return driver.ErrBadConn
	}
	conn.PgConn().CustomData()[sessionKey].(*session).used = time.Now()
	return nil
}

// keeps decides whether a connection is used on after an error of PostgreSQL. With some
// the others of the pool are in the same state and are replaced before they are used.
func (all *connections) keeps(err *pgconn.PgError) bool {
	switch {
	case err.Code == readOnly, isStalePlan(err), strings.HasPrefix(err.Code, "57P"):
		all.suspect() // read-only, prepared for tables that have changed, or shutting down
		return false
	case strings.HasPrefix(err.Code, "08"), err.Code == "XX000":
		return false
	}
	return !strings.EqualFold(err.SeverityUnlocalized, "FATAL") && !strings.EqualFold(err.Severity, "FATAL")
}
