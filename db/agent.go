package db

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"switchboard/db/text"
)

// Role decides what an agent may do.
type Role string

// The roles of agents.
const (
	RoleAgent   Role = "AGENT"
	RoleManager Role = "MANAGER"
)

// Availability is whether an agent is available for conversations.
type Availability string

// The availabilities, in the order in which agents are listed.
const (
	Online  Availability = "ONLINE"
	Away    Availability = "AWAY"
	Offline Availability = "OFFLINE"
)

// Agent is a person who answers customers.
type Agent struct {
	bun.BaseModel `bun:"table:agents,alias:agent"`

	WorkspaceID  WorkspaceKey `bun:",pk"`
	ID           AgentID      `bun:",pk"`
	Name         string
	Email        *string
	AvatarURL    *string
	Role         Role
	Skills       []string `bun:",array"`
	Availability Availability
	Active       bool
	Issuer       *string // of the identity provider at which the agent signs in
	Subject      *string // the agent's identifier at that provider
	Linked       bool    // whether the agent has, or ever had, a sign-in at a provider
	Revision     int     // 1, 2, 3 … with each change of the row
	CreatedAt    time.Time

	// Folded forms of the fields above, for search only. They are written, never read back.
	NameText, SearchText, EmailKey *string

	NameOrder string `bun:",scanonly"`
	Load      int    `bun:",scanonly"` // only in lists that are ordered by it
}

// AgentFilter narrows a list of agents; the zero value lists all.
type AgentFilter struct {
	Search       Search
	Availability []Availability // empty means any
	Skill        *string
	Active       *bool
}

// availabilityRank orders agents by availability: online, away, offline.
const availabilityRank = "array_position('{ONLINE,AWAY,OFFLINE}', availability)"

// agentLoad counts the open conversations of an agent, without those of blocked contacts (I4).
const agentLoad = `(SELECT count(*) FROM conversations WHERE workspace_id = agent.workspace_id AND assignee_id = agent.id
	AND status = 'OPEN' AND NOT blocked)`

// AgentOrderField is the field by which a list of agents is ordered.
type AgentOrderField string

// The orders of rule I4.
const (
	AgentAvailability AgentOrderField = "AVAILABILITY" // then by name
	AgentName         AgentOrderField = "NAME"
	AgentLoad         AgentOrderField = "LOAD" // then by name
	AgentCreatedAt    AgentOrderField = "CREATED_AT"
)

// agentColumns are the SQL expressions of each order; the id, which comes last, is not among them.
var agentColumns = map[AgentOrderField][]string{
	AgentAvailability: {availabilityRank, nameOrder}, AgentName: {nameOrder}, AgentLoad: {agentLoad, nameOrder}, AgentCreatedAt: {"created_at"},
}

// AgentOrder lists agents by availability, then by name.
var AgentOrder = AgentOrderBy(AgentAvailability, false)

// AgentOrderBy lists agents by a field.
func AgentOrderBy(field AgentOrderField, desc bool) Order {
	return Order{Name: "agents", Columns: append(slices.Clone(agentColumns[field]), "id"), Desc: desc}
}

// Key returns the agent's position in a list of this order.
func (a *Agent) Key(o Order) Key {
	rank := map[Availability]string{Online: "1", Away: "2", Offline: "3"}[a.Availability]
	values := map[string]string{
		availabilityRank: rank, nameOrder: a.NameOrder, agentLoad: strconv.Itoa(a.Load), "created_at": timeKey(a.CreatedAt), "id": a.ID.UUID.String(),
	}
	key := make(Key, len(o.Columns))
	for i, column := range o.Columns {
		key[i] = values[column]
	}
	return key
}

// AgentPage returns one page of agents.
func (w ForWorkspace) AgentPage(ctx context.Context, f AgentFilter, o Order, p Page) ([]*Agent, bool, bool, error) {
	var rows []*Agent
	q := w.bun.NewSelect().Model(&rows).ColumnExpr("?TableColumns, "+nameOrder+" AS name_order").Where("workspace_id = ?", w.Key)
	if slices.Contains(o.Columns, agentLoad) {
		q = q.ColumnExpr(agentLoad + " AS load")
	}
	if err := w.sharing(ctx, func() error { return p.apply(f.apply(q), o).Scan(ctx) }); err != nil {
		return nil, false, false, err
	}
	rows, next, previous := Trim(rows, p)
	return rows, next, previous, nil
}

// AgentCount counts agents up to a limit.
func (w ForWorkspace) AgentCount(ctx context.Context, f AgentFilter, limit int) (int, error) {
	return w.count(ctx, f.apply(w.bun.NewSelect().Model((*Agent)(nil)).Where("workspace_id = ?", w.Key)), limit)
}

func (f AgentFilter) apply(q *bun.SelectQuery) *bun.SelectQuery {
	q = f.Search.apply(q, searchedAgents)
	if len(f.Availability) > 0 {
		q = q.Where("availability IN (?)", bun.List(f.Availability))
	}
	if f.Skill != nil {
		q = q.Where("? = ANY (skills)", *f.Skill)
	}
	if f.Active != nil {
		q = q.Where("active = ?", *f.Active)
	}
	return q
}

const agentColumnsRead = `workspace_id, id, name, email, avatar_url, role, skills, availability, active,
	issuer, subject, linked, revision, created_at`

// Agents reads the agents with these ids, in no order; unknown ones are left out.
func (w ForWorkspace) Agents(ctx context.Context, ids []AgentID) ([]*Agent, error) {
	var rows []*Agent
	err := w.query(ctx, &rows, "SELECT "+agentColumnsRead+" FROM agents WHERE workspace_id = $1 AND id = ANY ($2)", w.Key, ids)
	return rows, err
}

// AgentByEmail returns the agent with this e-mail address, ignoring case. The error is NotFound if
// there is none.
func (w ForWorkspace) AgentByEmail(ctx context.Context, email string) (*Agent, error) {
	var rows []*Agent
	key := text.EmailKey(email)
	q := w.bun.NewSelect().Model(&rows).Where("workspace_id = ?", w.Key).
		Where("email_key = ? OR email_key IS NULL AND email IS NOT NULL", key).OrderExpr("email_key NULLS LAST, id")
	err := w.sharing(ctx, func() error { return q.Scan(ctx) })
	if err != nil {
		return nil, err
	}
	for _, a := range rows {
		if text.EmailKey(*a.Email) == key {
			return a, nil
		}
	}
	return nil, sql.ErrNoRows
}

// AgentsByName returns the agents whose names equal one of these, for imports.
func (w ForWorkspace) AgentsByName(ctx context.Context, names []string) ([]*Agent, error) {
	var rows []*Agent
	q := w.bun.NewSelect().Model(&rows).Where("workspace_id = ?", w.Key).Where("name IN (?)", bun.List(names)).Order("created_at", "id")
	err := w.sharing(ctx, func() error { return q.Scan(ctx) })
	return rows, err
}

// ShareAgents reads agents under a shared lock: they cannot change until the end of the
// transaction, but other transactions may share them too. The locks are taken in id order, so that
// two calls cannot deadlock.
func (tx Tx) ShareAgents(ctx context.Context, ids []AgentID) (rows []*Agent, err error) {
	err = tx.send(ctx, func(b *Batch) { b.ShareAgents(ids, true, &rows) })
	return rows, err
}

// ShareAgents is Tx.ShareAgents in a batch. Without wait, it leaves out agents that another
// transaction is changing.
func (b *Batch) ShareAgents(ids []AgentID, wait bool, into *[]*Agent) {
	b.lockAgents(ids, "SHARE"+skipLocked(wait), into)
}

// LockAgents reads agents under an exclusive lock, for changing them. The locks are taken in id
// order, so that two calls cannot deadlock.
func (tx Tx) LockAgents(ctx context.Context, ids []AgentID) (rows []*Agent, err error) {
	err = tx.send(ctx, func(b *Batch) { b.lockAgents(ids, "NO KEY UPDATE", &rows) })
	return rows, err
}

func (b *Batch) lockAgents(ids []AgentID, strength string, into *[]*Agent) {
	collect(b, into, `SELECT agent.* FROM (SELECT id FROM unnest($2::uuid[]) AS asked (id) ORDER BY id) AS asked
		CROSS JOIN LATERAL (SELECT `+agentColumnsRead+` FROM agents
			WHERE workspace_id = $1 AND id = asked.id FOR `+strength+`) AS agent`, b.tx.Key, ids)
}

// LockManagers reads and locks all active managers. Without it two calls could each remove a
// manager, relying on the other one to remain.
func (tx Tx) LockManagers(ctx context.Context) ([]*Agent, error) {
	var rows []*Agent
	err := tx.bun.NewSelect().Model(&rows).Where("workspace_id = ?", tx.Key).
		Where("active").Where("role = ?", RoleManager).Order("id").For("NO KEY UPDATE").Scan(ctx)
	return rows, err
}

// InsertAgents adds agents.
func (tx Tx) InsertAgents(ctx context.Context, agents ...*Agent) error {
	if len(agents) == 0 {
		return nil
	}
	for _, a := range agents {
		a.WorkspaceID, a.Revision, a.Linked = tx.Key, 1, a.Issuer != nil
		a.Fold()
	}
	if err := tx.insert(ctx, &agents); err != nil {
		return err
	}
	return tx.learnAgents(ctx, agents)
}

// UpdateAgent writes all mutable fields of an agent, as the next revision.
func (tx Tx) UpdateAgent(ctx context.Context, a *Agent) error {
	a.Revision++
	a.Linked = a.Linked || a.Issuer != nil
	a.Fold()
	_, err := tx.bun.NewUpdate().Model(a).
		Column("name", "email", "avatar_url", "role", "skills", "availability", "active", "issuer", "subject", "linked", "revision",
			"name_text", "search_text", "email_key").
		Where("workspace_id = ?", tx.Key).Where("id = ?", a.ID).Exec(ctx)
	if err != nil {
		return err
	}
	return tx.learnAgents(ctx, []*Agent{a})
}

func (tx Tx) learnAgents(ctx context.Context, agents []*Agent) error {
	texts := make([]*string, len(agents))
	for i, a := range agents {
		texts[i] = a.SearchText
	}
	return tx.learnWords(ctx, searchedAgents, texts)
}
