package command

import (
	"context"
	"fmt"
	"strings"
)

// migrate brings the database up to date.
type migrate struct{}

// Run migrates the database. It prints the migrations that were applied, and the contact
// identities that a user has to merge by hand.
func (migrate) Run(ctx context.Context, c *console, d *database) error {
	b, err := d.open(ctx, c, true)
	if err != nil {
		return err
	}
	defer b.close()
	unfolded, err := b.service.Operator().UnfoldedIdentities(ctx)
	if err != nil {
		return err
	}
	text := "The database is up to date; there was nothing to do.\n"
	if len(b.applied) > 0 {
		text = "Applied:\n  " + strings.Join(b.applied, "\n  ") + "\nThe database is up to date.\n"
	}
	rows := []map[string]string{}
	if len(unfolded) > 0 {
		text += "These identities differ only in case from an identity of another contact, which receives their messages. Copy what you want to keep to that contact, then remove them:\n"
	}
	for _, i := range unfolded {
		text += fmt.Sprintf("  %s %s of %s\n", i.Channel, i.ExternalID, i.ContactID)
		rows = append(rows, map[string]string{"channel": i.Channel, "externalId": i.ExternalID, "contactId": i.ContactID.String()})
	}
	return c.result(map[string]any{"applied": append([]string{}, b.applied...), "unfoldedIdentities": rows}, "%s", text)
}
