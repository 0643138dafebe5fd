package command

import (
	"context"
	"errors"
	"fmt"
)

// doctor examines the database.
type doctor struct{}

// Run prints what a checkup finds, and what to do about each finding that is not good.
func (doctor) Run(ctx context.Context, c *console, d *database) error {
	b, err := d.open(ctx, c, false)
	if err != nil {
		return err // which says what to do
	}
	defer b.close()
	findings, err := b.service.Operator().Checkup(ctx)
	if err != nil {
		return err
	}
	text, bad := "", 0
	for _, f := range findings {
		mark := "good"
		if !f.Good {
			mark = "BAD "
			bad++
		}
		text += fmt.Sprintf("%s  %-12s %s\n", mark, f.Check, f.Found)
		if f.Advice != "" {
			text += "      → " + f.Advice + "\n"
		}
	}
	if err := c.result(findings, "%s", text); err != nil {
		return err
	}
	if bad > 0 {
		return errors.New("not all is well: " + counted(bad, "finding needs", "findings need") + " attention")
	}
	return nil
}
