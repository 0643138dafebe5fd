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

// How long PostgreSQL waits for this process. That also limits how long a vanished process can hold
// locks.
const (
	// checkEvery is the interval of checks that the client of a running statement is still connected.
	checkEvery = 5 * time.Second
	// unconfirmed is the time without an acknowledgement by the client until the connection is closed.
	unconfirmed = 10 * time.Second
)

// requiredSettings are the settings on which the meaning of SQL text depends. bun writes values
// into the text and doubles single quotes, which is safe only if a backslash is a plain character.
// They are checked on every connection, since a connection pooler may drop them.
func requiredSettings(searchPath string) map[string]string {
	if searchPath == "" {
		searchPath = "public"
	}
	return map[string]string{
		"standard_conforming_strings": "on",
		"client_encoding":             "UTF8",
		"search_path":                 searchPath,
	}
}

// addSettings adds the settings of every session to the parameters with which it starts.
func (o Options) addSettings(params map[string]string) {
	maps.Copy(params, requiredSettings(params["search_path"]))
	maps.Copy(params, o.timeouts())
	maps.Copy(params, map[string]string{
		"application_name":                 o.Name,
		"timezone":                         "UTC",
		"client_connection_check_interval": millis(checkEvery),
		"tcp_keepalives_idle":              "5", // these have no effect on a unix socket
		"tcp_keepalives_interval":          "2",
		"tcp_keepalives_count":             "3",
		"tcp_user_timeout":                 millis(unconfirmed),
	})
}

// checkSession returns an error if a setting differs, since SQL text could then have another
// meaning, or if an unexpected pooler may lend the session to others: PostgreSQL's own process then
// has another id than the one that the pooler gave to this connection.
func (all *connections) checkSession(ctx context.Context, conn *pgconn.PgConn, want map[string]string) error {
	names := slices.Sorted(maps.Keys(want))
	columns := make([]string, len(names))
	for i, name := range names {
		columns[i] = "current_setting('" + name + "')"
		if all.isPooled && name == "search_path" {
			// The default of a role also names a schema that does not exist.
			columns[i] = "array_to_string(current_schemas(false), ',')"
		}
	}
	results, err := conn.Exec(ctx, "SELECT pg_backend_pid(), "+strings.Join(columns, ", ")).ReadAll()
	if err != nil {
		return err
	}
	row := results[0].Rows[0]
	if !all.isPooled && string(row[0]) != fmt.Sprint(conn.PID()) {
		return errPooler
	}
	for i, name := range names {
		if value := string(row[i+1]); value != want[name] {
			return &SettingError{Name: name, Value: value, Want: want[name]}
		}
	}
	return nil
}

// SettingError reports that a setting that was requested is not in effect on a connection.
type SettingError struct{ Name, Value, Want string }

func (e *SettingError) Error() string {
	return fmt.Sprintf("the database has %s = %q on this connection although %q was asked for, so it is not used: "+
		"something between this server and PostgreSQL, such as a connection pooler, drops the settings; connect to PostgreSQL itself, or set it for the role with ALTER ROLE",
		e.Name, e.Value, e.Want)
}

// lifetime is how long a connection is used. It is limited so that the pool returns to the primary
// after a failover, and so that memory of long sessions is freed.
const lifetime = 10 * time.Minute

// session is what the pool records about one connection.
type session struct {
	expires time.Time
	used    time.Time
}

const sessionKey = "switchboard"

// sessionOf returns what the pool records about a connection that begin has prepared.
func sessionOf(conn *pgx.Conn) *session { return conn.PgConn().CustomData()[sessionKey].(*session) }

// begin prepares a new connection for use.
func (all *connections) begin(ctx context.Context, conn *pgconn.PgConn, want map[string]string) error {
	now := time.Now()
	conn.CustomData()[sessionKey] = &session{expires: now.Add(lifetime - rand.N(lifetime/5)), used: now}
	markInUse(conn.Conn(), time.Time{})
	return all.checkSession(ctx, conn, want)
}

// isOutdated reports whether a pooled connection must be replaced: its lifetime is over, or since it
// was last used another one has not answered a ping, or PostgreSQL has reported what concerns all.
func (all *connections) isOutdated(s *session) bool {
	return time.Now().After(s.expires) || s.used.UnixNano() <= all.broke.Load()
}

// idleTime is how long a connection may be idle before it is pinged.
const idleTime = time.Second

// mustPing reports whether the pool pings a connection before it reuses it: it was idle for a while,
// or another one may have broken since it was last used.
func (all *connections) mustPing(conn *pgx.Conn, idle time.Duration) bool {
	s := sessionOf(conn)
	if all.isOutdated(s) || idle <= idleTime && s.used.UnixNano() > all.doubted.Load() {
		return false
	}
	markInUse(conn.PgConn().Conn(), time.Now())
	return true
}

// reuse lets the pool reuse a connection, or makes it close one that is outdated.
func (all *connections) reuse(ctx context.Context, conn *pgx.Conn) error {
	s := sessionOf(conn)
	if all.isOutdated(s) {
		return driver.ErrBadConn
	}
	markInUse(conn.PgConn().Conn(), time.Time{})
	if all.isConfined {
		if _, err := conn.Exec(ctx, "RESET "+workspaceSetting); err != nil {
			return driver.ErrBadConn
		}
	}
	s.used = time.Now()
	return nil
}

// isUsableAfter reports whether a connection remains usable after an error of PostgreSQL. Some
// errors affect all connections of the pool, which are then replaced before their next use.
func (all *connections) isUsableAfter(err *pgconn.PgError) bool {
	switch {
	case err.Code == readOnly, isStalePlan(err), strings.HasPrefix(err.Code, "57P"):
		all.replace() // a read-only server, a stale plan, or a shutdown
		return false
	case strings.HasPrefix(err.Code, "08"), err.Code == "XX000":
		return false
	}
	return !strings.EqualFold(err.SeverityUnlocalized, "FATAL") && !strings.EqualFold(err.Severity, "FATAL")
}
