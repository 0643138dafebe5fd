package db

import (
	"context"
	"time"

	"github.com/uptrace/bun"
)

// WorkspaceKey is the key of a workspace in every table. Clients use its WorkspaceID instead.
type WorkspaceKey int64

// ReopenPolicy decides whether a new message of a contact whose latest conversation is closed
// reopens that conversation or opens a new one.
type ReopenPolicy string

// The reopen policies of rule S6.
const (
	Reopen       ReopenPolicy = "REOPEN"
	ReopenNew    ReopenPolicy = "NEW"
	ReopenWithin ReopenPolicy = "REOPEN_WITHIN"
)

// OwnerPolicy decides whether a conversation that is reopened keeps its assignee.
type OwnerPolicy string

// The owner policies of rule S8.
const (
	OwnerKeep                  OwnerPolicy = "KEEP"
	OwnerUnassign              OwnerPolicy = "UNASSIGN"
	OwnerUnassignIfUnavailable OwnerPolicy = "UNASSIGN_IF_UNAVAILABLE"
)

// Workspace is one company's data with its policies.
type Workspace struct {
	bun.BaseModel `bun:"table:workspaces,alias:workspace"`

	Key               WorkspaceKey `bun:"key,pk,autoincrement"`
	ID                WorkspaceID
	Name              string
	TimeZone          string
	Country           *string // of phone numbers without a country code; ISO 3166-1 alpha-2
	ReopenPolicy      ReopenPolicy
	ReopenWithinDays  int
	OwnerPolicy       OwnerPolicy
	ClosingCategories []string `bun:",array"`
	Demo              bool
	CreatedAt         time.Time
}

// InsertWorkspace adds a workspace with an empty log and sets its key. If then is not nil, it runs
// in the same transaction, to add the workspace's first rows.
func (d *DB) InsertWorkspace(ctx context.Context, w *Workspace, then func(tx Tx) error) error {
	return d.Transact(ctx, 0, func(tx Tx) error {
		if _, err := tx.bun.NewInsert().Model(w).Returning("key").Exec(ctx); err != nil {
			return err
		}
		tx.Key = w.Key
		if _, err := tx.bun.NewRaw("INSERT INTO event_heads (workspace_id) VALUES (?)", w.Key).Exec(ctx); err != nil {
			return err
		}
		if then == nil {
			return nil
		}
		return then(tx)
	})
}

// WorkspaceByID returns the workspace with this id. The error is NotFound if there is none.
func (d *DB) WorkspaceByID(ctx context.Context, id WorkspaceID) (*Workspace, error) {
	w := new(Workspace)
	err := d.NewSelect().Model(w).Where("id = ?", id).Scan(ctx)
	return w, err
}

// Workspaces returns every workspace of the database in the order of creation.
func (d *DB) Workspaces(ctx context.Context) ([]*Workspace, error) {
	var all []*Workspace
	err := d.NewSelect().Model(&all).Order("key").Scan(ctx)
	return all, err
}

// RecentWorkspaces returns the workspaces whose last event was recorded after a time, the latest
// first, at most limit.
func (d *DB) RecentWorkspaces(ctx context.Context, after time.Time, limit int) ([]WorkspaceKey, error) {
	var rows []struct{ WorkspaceID WorkspaceKey }
	err := d.ForWorkspace(0).query(ctx, &rows, `SELECT head.workspace_id FROM event_heads AS head
		JOIN events AS last ON last.workspace_id = head.workspace_id AND last.seq = head.seq
		WHERE last.created_at > $1 ORDER BY last.created_at DESC LIMIT $2`, after, limit)
	keys := make([]WorkspaceKey, len(rows))
	for i, row := range rows {
		keys[i] = row.WorkspaceID
	}
	return keys, err
}

// Workspace returns the workspace itself.
func (w ForWorkspace) Workspace(ctx context.Context) (*Workspace, error) {
	row := new(Workspace)
	err := w.sharing(ctx, func() error { return w.bun.NewSelect().Model(row).Where("key = ?", w.Key).Scan(ctx) })
	return row, err
}

const workspaceColumns = `key, id, name, time_zone, country, reopen_policy, reopen_within_days, owner_policy,
	closing_categories, demo, created_at`

// Workspace adds the reading of the workspace itself.
func (b *Batch) Workspace(into *[]*Workspace) {
	collect(b, into, "SELECT "+workspaceColumns+" FROM workspaces WHERE key = $1", b.tx.Key)
}

// LockWorkspace returns the workspace under an exclusive lock: no other transaction can change it
// until this one ends.
func (tx Tx) LockWorkspace(ctx context.Context) (*Workspace, error) {
	row := new(Workspace)
	err := tx.bun.NewSelect().Model(row).Where("key = ?", tx.Key).For("NO KEY UPDATE").Scan(ctx)
	return row, err
}

// UpdateWorkspace writes the workspace's name, time zone, country and policies.
func (tx Tx) UpdateWorkspace(ctx context.Context, row *Workspace) error {
	_, err := tx.bun.NewUpdate().Model(row).
		Column("name", "time_zone", "country", "reopen_policy", "reopen_within_days", "owner_policy", "closing_categories").
		Where("key = ?", tx.Key).Exec(ctx)
	return err
}
