package service

import (
	"context"
	"fmt"
	"strings"
	"time"

	"switchboard/db"
)

// A Finding is the result of one check of a checkup.
type Finding struct {
	Check  string `json:"check"`
	Good   bool   `json:"good"`
	Found  string `json:"found"`
	Advice string `json:"advice,omitempty"` // what to do; empty if the finding is good
}

// What is still good in a checkup.
const (
	oldestPostgres  = 150000
	mostSkew        = time.Second
	fewConnections  = 20 // free ones
	defaultsInForce = "0"
)

// Checkup examines the database and the log of each workspace. An error means that it could not be
// finished.
func (o Operator) Checkup(ctx context.Context) ([]Finding, error) {
	c, err := o.db.Condition(ctx)
	if err != nil {
		return nil, err
	}
	findings := examine(c)
	workspaces, err := o.db.Workspaces(ctx)
	if err != nil {
		return findings, err
	}
	for _, w := range workspaces {
		log, err := o.db.ForWorkspace(w.Key).LogCondition(ctx)
		if err != nil {
			return findings, err
		}
		findings = append(findings, finding("log of "+w.ID.String(), log == (db.LogCondition{}),
			fmt.Sprintf("%d events missing, %d open conversations differ from their last event", log.Missing, log.Behind),
			"something other than Switchboard has changed the tables, or a backup was restored in part: restore a whole backup into a database beside, and rename it"))
	}
	return findings, nil
}

// IsLimited reports whether the database limits how long a statement may take.
func (o Operator) IsLimited(ctx context.Context) (bool, error) { return o.db.IsLimited(ctx) }

func finding(check string, good bool, found, advice string) Finding {
	if good {
		advice = ""
	}
	return Finding{check, good, found, advice}
}

// examine returns what to say about the condition of a database.
func examine(c db.Condition) []Finding {
	free := c.MaxConnections - c.UsedConnections
	settings := "something between this server and PostgreSQL drops the settings: connect to PostgreSQL itself"
	if c.IsPooled {
		settings = "behind a pooler they are settings of the role; execute this, then RECONNECT in the pooler: " + c.RoleSettings
	}
	return []Finding{
		finding("version", c.VersionNumber >= oldestPostgres, fmt.Sprintf("PostgreSQL %d.%d", c.VersionNumber/10000, c.VersionNumber%10000),
			"upgrade PostgreSQL to 15 or newer"),
		finding("encoding", c.Encoding == "UTF8", c.Encoding, "create another database with ENCODING 'UTF8' and restore a backup into it"),
		finding("extensions", len(c.MissingExtensions) == 0, "missing: "+orNone(strings.Join(c.MissingExtensions, ", ")),
			"install PostgreSQL's contrib package, then CREATE EXTENSION for each"),
		finding("collation", !c.CollationChanged, map[bool]string{true: "its library has changed", false: "unchanged"}[c.CollationChanged],
			"REINDEX DATABASE, then ALTER DATABASE … REFRESH COLLATION VERSION"),
		finding("writable", !c.ReadOnly, map[bool]string{true: "read-only", false: "yes"}[c.ReadOnly],
			"this is a standby or set to be read-only: name the primary in DATABASE_URL, or several hosts with target_session_attrs=read-write"),
		finding("clock", c.ClockSkew.Abs() <= mostSkew, fmt.Sprintf("the database is ahead by %v", c.ClockSkew.Round(time.Millisecond)),
			"synchronise both clocks (NTP): times of events and measures of delays depend on them"),
		finding("time-outs", c.StatementTimeout != defaultsInForce && c.IdleTimeout != defaultsInForce,
			fmt.Sprintf("statements %s, idle transactions %s", c.StatementTimeout, c.IdleTimeout),
			settings),
		finding("pooler", true, map[bool]string{true: "sessions are shared", false: "none"}[c.IsPooled], ""),
		finding("connections", free >= fewConnections, fmt.Sprintf("%d of %d free", free, c.MaxConnections),
			"raise max_connections, or end what uses them: each server needs about 20"),
	}
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
