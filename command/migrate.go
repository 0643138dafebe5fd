package command

import (
	"context"
	"strings"
)

// migrate brings the database up to date.
type migrate struct{}

// Run says what was applied.
func (migrate) Run(ctx context.Context, c *console, d *database) error {
	h, err := d.open(ctx, c, true)
	if err != nil {
		return err
	}
	defer h.close()
	said := "The database is up to date; there was nothing to do.\n"
	if len(h.applied) > 0 {
		said = "Applied:\n  " + strings.Join(h.applied, "\n  ") + "\nThe database is up to date.\n"
	}
	return c.result(map[string]any{"applied": append([]string{}, h.applied...)}, "%s", said)
}
