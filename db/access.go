package db

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

// AccessOutcome is what became of a credential, or of an operation that a caller's role forbids.
type AccessOutcome string

// The outcomes in the access log.
const (
	AccessSignedIn       AccessOutcome = "SIGNED_IN"
	AccessRevoked        AccessOutcome = "TOKEN_REVOKED"
	AccessExpired        AccessOutcome = "TOKEN_EXPIRED"
	AccessDeactivated    AccessOutcome = "AGENT_DEACTIVATED"
	AccessSignedOut      AccessOutcome = "SIGNED_OUT"
	AccessUnlinked       AccessOutcome = "UNKNOWN_SIGN_IN"
	AccessOtherWorkspace AccessOutcome = "OTHER_WORKSPACE"
	AccessForbidden      AccessOutcome = "FORBIDDEN"
)

// AccessRecord is a sign-in that lasts from FirstAt to LastAt, or the refusals of one caller for
// one reason in an hour.
type AccessRecord struct {
	bun.BaseModel `bun:"table:access_log,alias:access"`

	WorkspaceID WorkspaceKey `bun:",pk"`
	ID          uuid.UUID    `bun:",pk"`
	Outcome     AccessOutcome
	AgentID     *AgentID // nil for a program
	TokenID     *TokenID // nil if no API token was used
	Issuer      *string  // nil unless an identity provider's token was used
	Address     *string  // network address of the latest request
	Count       int
	FirstAt     time.Time
	LastAt      time.Time
}

// Limits of the access log.
const (
	// AccessRefusals is the most callers and reasons of which the refusals in a workspace and hour
	// are recorded apart. Those of others are counted together, by their reasons.
	AccessRefusals = 1000
	// AccessPause is the time without a sign of the caller after which a sign-in has ended.
	AccessPause = 30 * time.Minute
	// AccessSpan is how long a sign-in lasts at most: a caller who never pauses signs in again.
	AccessSpan = 24 * time.Hour
)

// hour returns the hour in which a record begins.
func (r *AccessRecord) hour() time.Time { return r.FirstAt.UTC().Truncate(time.Hour) }

// caller returns the text by which the records of one caller are found.
func (r *AccessRecord) caller() string {
	var parts []string
	if r.AgentID != nil {
		parts = append(parts, r.AgentID.String())
	}
	if r.TokenID != nil {
		parts = append(parts, r.TokenID.String())
	}
	if r.Issuer != nil {
		parts = append(parts, *r.Issuer)
	}
	return strings.Join(parts, " ")
}

// accessColumns are the values of records as the columns of arrays.
func accessColumns(rows []*AccessRecord) []any {
	n := len(rows)
	ids, agents, tokens := make([]uuid.UUID, n), make([]*AgentID, n), make([]*TokenID, n)
	callers, outcomes, issuers, addresses := make([]string, n), make([]string, n), make([]*string, n), make([]*string, n)
	counts, hours, firsts, lasts := make([]int, n), make([]time.Time, n), make([]time.Time, n), make([]time.Time, n)
	for i, r := range rows {
		ids[i], agents[i], tokens[i], issuers[i], addresses[i] = NewUUID(), r.AgentID, r.TokenID, r.Issuer, r.Address
		callers[i], outcomes[i], counts[i] = r.caller(), string(r.Outcome), r.Count
		hours[i], firsts[i], lasts[i] = r.hour(), r.FirstAt, r.LastAt
	}
	return []any{ids, callers, outcomes, agents, tokens, issuers, addresses, counts, hours, firsts, lasts}
}

const accessAsked = `asked AS (SELECT * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], $8::text[],
		$9::bigint[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[])
		AS asked (id, caller, outcome, agent_id, token_id, issuer, address, count, hour, first_at, last_at))`

const accessAdded = `ON CONFLICT (workspace_id, caller, outcome, hour) DO UPDATE SET count = log.count + excluded.count,
		last_at = greatest(log.last_at, excluded.last_at), address = COALESCE(excluded.address, log.address)`

// recordSignIns prolongs the sign-ins that last, and inserts the others.
const recordSignIns = `WITH ` + accessAsked + `, lasting AS (
		UPDATE access_log AS log SET last_at = greatest(log.last_at, asked.last_at), address = COALESCE(asked.address, log.address)
		FROM asked WHERE log.workspace_id = $1 AND log.caller = asked.caller AND log.outcome = asked.outcome
			AND log.first_at > asked.first_at - $13::interval AND log.last_at >= asked.first_at - $14::interval
		RETURNING log.caller)
	INSERT INTO access_log AS log (workspace_id, id, caller, outcome, agent_id, token_id, issuer, address, count, hour, first_at, last_at)
	SELECT $1, id, caller, outcome, agent_id, token_id, issuer, address, count, hour, first_at, last_at
	FROM asked WHERE caller NOT IN (SELECT caller FROM lasting)
	` + accessAdded

// recordRefusals adds refusals to the rows of their callers and hours. Callers beyond the limit
// share a row without a caller.
const recordRefusals = `WITH ` + accessAsked + `, known AS (
		UPDATE access_log AS log SET count = log.count + asked.count, last_at = greatest(log.last_at, asked.last_at),
			address = COALESCE(asked.address, log.address)
		FROM asked WHERE log.workspace_id = $1 AND log.caller = asked.caller AND log.outcome = asked.outcome AND log.hour = asked.hour
		RETURNING asked.id),
	fresh AS (
		SELECT asked.*, row_number() OVER (ORDER BY id) + (SELECT count(*) FROM access_log
			WHERE workspace_id = $1 AND first_at >= (SELECT min(hour) FROM asked) AND outcome <> 'SIGNED_IN') <= $13 AS apart
		FROM asked WHERE id NOT IN (SELECT id FROM known)),
	merged AS (
		SELECT (array_agg(id))[1] AS id, CASE WHEN apart THEN caller ELSE '' END AS caller, outcome,
			CASE WHEN apart THEN agent_id END AS agent_id, CASE WHEN apart THEN token_id END AS token_id,
			CASE WHEN apart THEN issuer END AS issuer, CASE WHEN apart THEN address END AS address,
			sum(count) AS count, hour, min(first_at) AS first_at, max(last_at) AS last_at
		FROM fresh GROUP BY 2, 3, 4, 5, 6, 7, hour)
	INSERT INTO access_log AS log (workspace_id, id, caller, outcome, agent_id, token_id, issuer, address, count, hour, first_at, last_at)
	SELECT $1, id, caller, outcome, agent_id, token_id, issuer, address, count, hour, first_at, last_at FROM merged
	` + accessAdded

// RecordAccess adds records to the access log. There may be one for each caller and outcome in an
// hour.
func (w ForWorkspace) RecordAccess(ctx context.Context, rows []*AccessRecord) error {
	rows = slices.SortedFunc(slices.Values(rows), func(a, b *AccessRecord) int { return strings.Compare(a.caller(), b.caller()) })
	var signIns, refusals []*AccessRecord
	for _, r := range rows {
		if r.Outcome == AccessSignedIn {
			signIns = append(signIns, r)
		} else {
			refusals = append(refusals, r)
		}
	}
	if len(signIns) > 0 {
		args := append([]any{w.Key}, accessColumns(signIns)...)
		if _, err := w.exec(ctx, recordSignIns, append(args, AccessSpan, AccessPause)...); err != nil {
			return err
		}
	}
	if len(refusals) == 0 {
		return nil
	}
	args := append([]any{w.Key}, accessColumns(refusals)...)
	_, err := w.exec(ctx, recordRefusals, append(args, AccessRefusals)...)
	return err
}

// AccessOrder lists access records, the latest first.
var AccessOrder = Order{Name: "access", Columns: []string{"first_at", "id"}, Desc: true}

// Key returns the record's position in AccessOrder.
func (r *AccessRecord) Key() Key { return Key{timeKey(r.FirstAt), r.ID.String()} }

// AccessPage returns one page of the access log, and whether rows follow and precede it.
func (w ForWorkspace) AccessPage(ctx context.Context, p Page) ([]*AccessRecord, bool, bool, error) {
	var rows []*AccessRecord
	q := w.bun.NewSelect().Model(&rows).Where("workspace_id = ?", w.Key)
	if err := p.apply(q, AccessOrder).Scan(ctx); err != nil {
		return nil, false, false, err
	}
	rows, next, previous := Trim(rows, p)
	return rows, next, previous, nil
}

// AccessCount counts access records up to a limit.
func (w ForWorkspace) AccessCount(ctx context.Context, limit int) (int, error) {
	return w.count(ctx, w.bun.NewSelect().Model((*AccessRecord)(nil)).Where("workspace_id = ?", w.Key), limit)
}

// ForgetAccess deletes the access records of all workspaces that began before a time.
func (d *DB) ForgetAccess(ctx context.Context, before time.Time) error {
	_, err := d.NewDelete().Model((*AccessRecord)(nil)).
		Where("workspace_id IS NOT NULL").Where("first_at < ?", before).Exec(ctx)
	return err
}
