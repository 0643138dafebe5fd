package dataset

import (
	"context"

	"golang.org/x/sync/errgroup"

	"switchboard/db"
)

// An index is one that loading goes without.
type index struct{ Name, Definition string }

// dropIndexes drops the indexes that are no constraint. Making them again takes a fraction of the
// time of keeping them.
func dropIndexes(ctx context.Context, d *db.DB) ([]index, error) {
	var all []index
	err := d.NewRaw(`SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
		FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE n.nspname = 'public' AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
		ORDER BY name`).Scan(ctx, &all)
	for _, i := range all {
		if err == nil {
			_, err = d.ExecContext(ctx, "DROP INDEX "+i.Name)
		}
	}
	return all, err
}

// createIndexes makes them again, two at a time.
func createIndexes(ctx context.Context, d *db.DB, all []index) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2)
	for _, i := range all {
		g.Go(func() error {
			_, err := d.ExecContext(ctx, i.Definition)
			return err
		})
	}
	return g.Wait()
}
