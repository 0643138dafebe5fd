package db

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// A pooler such as PgBouncer in transaction mode lends a session of PostgreSQL to a client for one
// transaction. Nothing may then depend on the session: no parameters at its start, no prepared
// statements, no settings beyond the transaction. Time-outs are settings of the role; what a
// transaction depends on is set in it as well. LISTEN and locks of sessions, which outlast a
// transaction, use connections to PostgreSQL itself.

// shareSessions makes connections independent of their sessions.
func shareSessions(config *pgx.ConnConfig) {
	clear(config.RuntimeParams)
	// Statements are described once and planned each time. bun's own cost a round trip more.
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
}

// sessions returns the pool whose sessions are this process's own.
func (d *DB) sessions() *DB {
	if d.isPooled {
		return d.direct
	}
	return d
}

// openDirect opens the connections to PostgreSQL itself. It returns an error if they lead to
// another database.
func (d *DB) openDirect(ctx context.Context, o Options) (err error) {
	if !d.isPooled {
		return nil
	}
	url := o.DirectURL
	o.DirectURL, o.MaxConns = "", 2
	if d.direct, err = open(ctx, url, o, o.StatementTimeout+o.Grace); err != nil {
		return fmt.Errorf("the direct connection: %w", err)
	}
	var here, there struct {
		Started time.Time
		Name    string
	}
	const identity = "SELECT pg_postmaster_start_time() AS started, current_database() AS name"
	if err := errors.Join(d.NewRaw(identity).Scan(ctx, &here), d.direct.NewRaw(identity).Scan(ctx, &there)); err != nil {
		return err
	}
	if !here.Started.Equal(there.Started) || here.Name != there.Name {
		return fmt.Errorf("the two URLs lead to different databases, to %q through the pooler and to %q directly: name the same server and database in both", here.Name, there.Name)
	}
	return nil
}

// timeouts returns the settings that limit how long PostgreSQL works or waits for this process.
func (o Options) timeouts() map[string]string {
	return map[string]string{
		"statement_timeout":                   millis(o.StatementTimeout),
		"lock_timeout":                        millis(o.LockTimeout),
		"idle_in_transaction_session_timeout": millis(o.IdleTimeout),
	}
}

// transactionSettings returns the statement that asserts the required settings and the time-outs
// for one transaction.
func (o Options) transactionSettings(required map[string]string) string {
	all := o.timeouts()
	maps.Copy(all, required)
	var calls []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		calls = append(calls, fmt.Sprintf("set_config('%s', '%s', TRUE)", name, strings.ReplaceAll(all[name], "'", "''")))
	}
	return "SELECT " + strings.Join(calls, ", ")
}

// roleSettings returns the statements that give a role the settings with which other sessions begin.
func roleSettings(role string) string {
	var o Options
	o.defaults()
	settings := map[string]string{}
	o.addSettings(settings)
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if name != "application_name" && name != "search_path" {
			lines = append(lines, fmt.Sprintf("ALTER ROLE %s SET %s = '%s';", pgx.Identifier{role}.Sanitize(), name, settings[name]))
		}
	}
	return strings.Join(lines, " ")
}

// errPooler reports a pooler that the caller did not expect.
var errPooler = errors.New("between this server and PostgreSQL is a connection pooler, such as PgBouncer, so sessions may be shared: " +
	"add --pooler, and --direct-url with a URL that leads to PostgreSQL itself")

// isPooler reports whether a pooler refused a connection, or the connection was given up because it
// leads to one.
func isPooler(err error) bool {
	pg := answer(err)
	return errors.Is(err, errPooler) || pg != nil && strings.Contains(pg.Message, "unsupported startup parameter")
}

// IsLimited reports whether the sessions of the pool limit how long a statement outside transactions
// may take, which behind a pooler only a setting of the role does.
func (d *DB) IsLimited(ctx context.Context) (bool, error) {
	if !d.isPooled {
		return true, nil
	}
	var limit string
	err := d.NewRaw("SHOW statement_timeout").Scan(ctx, &limit)
	return limit != "0", err
}
