package db

import (
	"context"
	"time"

	"github.com/uptrace/bun"
)

// WorkspaceKey is a workspace's key in every table. Clients know the workspace by its
// WorkspaceID instead.
type WorkspaceKey int64

// ReopenPolicy says what a new message does to a contact whose last conversation is closed.
type ReopenPolicy string

// The reopen policies of rule S6.
const (
	Reopen       ReopenPolicy = "REOPEN"
	ReopenNew    ReopenPolicy = "NEW"
	ReopenWithin ReopenPolicy = "REOPEN_WITHIN"
)

// OwnerPolicy says who owns a conversation that comes back.
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
	Country           *string // whose phone numbers are written without a code; ISO 3166-1 alpha-2
	ReopenPolicy      ReopenPolicy
	ReopenWithinDays  int
	OwnerPolicy       OwnerPolicy
	ClosingCategories []string `bun:",array"`
	Demo              bool
	CreatedAt         time.Time
}

// InsertWorkspace adds a workspace with an empty log, sets its key, and goes on with what
// belongs to it, if anything, in the same transaction.
func (d *DB) InsertWorkspace(ctx context.Context, w *Workspace, then func(tx Tx) error) error {
	return d.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewInsert().Model(w).Returning("key").Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.NewRaw("INSERT INTO event_heads (workspace_id) VALUES (?)", w.Key).Exec(ctx); err != nil {
			return err
		}
		if then == nil {
			return nil
		}
		return then(Tx{ForWorkspace{Key: w.Key, db: d, bun: tx, raw: tx.Tx}})
	})
}

// WorkspaceByID finds a workspace by the id that clients know. The error is NotFound if there
// is none.
func (d *DB) WorkspaceByID(ctx context.Context, id WorkspaceID) (*Workspace, error) {
	w := new(Workspace)
	err := d.NewSelect().Model(w).Where("id = ?", id).Scan(ctx)
	return w, err
}

// Workspaces lists every workspace of the database in the order of creation.
func (d *DB) Workspaces(ctx context.Context) ([]*Workspace, error) {
	var all []*Workspace
	err := d.NewSelect().Model(&all).Order("key").Scan(ctx)
	return all, err
}

// Workspace reads the workspace itself.
func (w ForWorkspace) Workspace(ctx context.Context) (*Workspace, error) {
	row := new(Workspace)
	err := w.bun.NewSelect().Model(row).Where("key = ?", w.Key).Scan(ctx)
	return row, err
}

// LockWorkspace reads the workspace and keeps others from changing it until the end of the transaction.
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
