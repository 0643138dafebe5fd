package db

import (
	"context"
	"time"
)

// A Condition is what a checkup of the database needs to know of it.
type Condition struct {
	VersionNumber     int           // such as 150018 for 15.18
	Encoding          string        // of the database
	MissingExtensions []string      // that migrations create
	CollationChanged  bool          // the library that orders text has changed since the database was made
	MaxConnections    int           // of all clients, without those kept for superusers
	UsedConnections   int           // at the moment
	ReadOnly          bool          // a standby, or the database is set so
	StatementTimeout  string        // in force on this connection
	IdleTimeout       string        // of a transaction; in force on this connection
	IsPooled          bool          // the pool leads to a pooler
	RoleSettings      string        // statements that give the role the settings it needs behind a pooler
	ClockSkew         time.Duration // of the database's clock against this process's; positive if it is ahead
}

// Condition examines the database and its server.
func (d *DB) Condition(ctx context.Context) (c Condition, err error) {
	c.IsPooled = d.isPooled
	var at time.Time
	var role string
	began := time.Now()
	if err := d.NewRaw("SELECT clock_timestamp()").Scan(ctx, &at); err != nil {
		return c, err
	}
	c.ClockSkew = at.Sub(began.Add(time.Since(began) / 2))
	err = d.NewRaw(`SELECT current_setting('server_version_num')::int AS version_number, pg_encoding_to_char(encoding) AS encoding,
			COALESCE(datcollversion <> pg_database_collation_actual_version(oid), false) AS collation_changed,
			current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS max_connections,
			(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used_connections,
			current_setting('transaction_read_only')::boolean AS read_only,
			current_setting('statement_timeout') AS statement_timeout, current_setting('idle_in_transaction_session_timeout') AS idle_timeout, current_user
		FROM pg_database WHERE datname = current_database()`).
		Scan(ctx, &c.VersionNumber, &c.Encoding, &c.CollationChanged, &c.MaxConnections, &c.UsedConnections, &c.ReadOnly, &c.StatementTimeout, &c.IdleTimeout, &role)
	c.RoleSettings = roleSettings(role)
	if err != nil {
		return c, err
	}
	err = d.NewRaw(`SELECT wanted FROM unnest(ARRAY['pg_trgm', 'unaccent', 'fuzzystrmatch']) AS wanted
		WHERE NOT EXISTS (SELECT FROM pg_extension WHERE extname = wanted)`).Scan(ctx, &c.MissingExtensions)
	return c, err
}

// LogCondition is how far the log of a workspace agrees with itself and with the rows.
type LogCondition struct {
	Missing int // numbers up to the end of the log without an event
	Behind  int // open conversations that are not as their last event left them
}

// LogCondition compares the log with its end and with the open conversations.
func (w ForWorkspace) LogCondition(ctx context.Context) (c LogCondition, err error) {
	err = w.db.NewRaw(`SELECT
		COALESCE((SELECT seq FROM event_heads WHERE workspace_id = ?0), 0) - (SELECT count(*) FROM events WHERE workspace_id = ?0),
		(SELECT count(*) FROM conversations AS c LEFT JOIN LATERAL (
			SELECT after FROM events AS e WHERE e.workspace_id = c.workspace_id AND e.conversation_id = c.id ORDER BY seq DESC LIMIT 1
		) AS last ON true WHERE c.workspace_id = ?0 AND c.status = 'OPEN'
			AND (last.after->>'status' IS DISTINCT FROM c.status OR (last.after->>'version')::int IS DISTINCT FROM c.version))`, w.Key).
		Scan(ctx, &c.Missing, &c.Behind)
	return c, err
}
