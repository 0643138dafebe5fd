package db

import "context"

// A Checkpoint is the state of a projection at one place of a workspace's log, so that a start need
// not compute it from all rows.
type Checkpoint struct {
	Projection string
	Head       Head   // this place
	State      []byte // JSON of the projection
}

// SaveCheckpoint replaces the checkpoint of a projection in its workspace.
func (d *DB) SaveCheckpoint(ctx context.Context, c Checkpoint) error {
	_, err := d.ForWorkspace(c.Head.WorkspaceID).exec(ctx, `INSERT INTO checkpoints (workspace_id, projection, seq, event_id, state)
		VALUES ($1, $2, $3, $4, $5::text::json)
		ON CONFLICT (workspace_id, projection) DO UPDATE SET seq = excluded.seq, event_id = excluded.event_id, state = excluded.state`,
		c.Head.WorkspaceID, c.Projection, c.Head.Seq, c.Head.EventID, string(c.State))
	return err
}

// Checkpoint returns the checkpoint of a projection; nil if there is none, or if its place is not in
// the log.
func (w ForWorkspace) Checkpoint(ctx context.Context, projection string) (*Checkpoint, error) {
	var rows []struct {
		Seq     Seq
		EventID EventID
		State   []byte
	}
	err := w.query(ctx, &rows, `SELECT seq, event_id, state FROM checkpoints AS saved WHERE workspace_id = $1 AND projection = $2
		AND EXISTS (SELECT FROM events WHERE workspace_id = $1 AND seq = saved.seq AND id = saved.event_id)`, w.Key, projection)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	saved := rows[0]
	return &Checkpoint{projection, Head{WorkspaceID: w.Key, Seq: saved.Seq, EventID: saved.EventID}, saved.State}, nil
}
