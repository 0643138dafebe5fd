package db

import (
	"cmp"
	"context"
	"slices"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"
)

// foldIdentities is the migration that folds identities which were stored as they were sent. It is
// written in Go because the folding is. If several contacts' identities fold to the same form, the
// contact with the newest message gets it. The others keep an unfolded form, and UnfoldedIdentities
// returns them.
var foldIdentities = migrate.Migration{
	Name: "20261128020003", Comment: "fold_identities",
	Up: func(ctx context.Context, m *migrate.Migrator, _ *migrate.Migration) error {
		return m.DB().RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			// Servers of the previous version must not add identities meanwhile.
			if _, err := tx.ExecContext(ctx, "LOCK TABLE contact_identities IN SHARE ROW EXCLUSIVE MODE"); err != nil {
				return err
			}
			rows, err := unfoldedIdentities(ctx, tx)
			if err != nil {
				return err
			}
			groups := map[ContactIdentity][]ContactIdentity{}
			for _, row := range rows {
				key := row.Fold()
				key.ContactID = ContactID{}
				groups[key] = append(groups[key], row)
			}
			for folded, group := range groups {
				if err := foldGroup(ctx, tx, folded, group); err != nil {
					return err
				}
			}
			return nil
		})
	},
}

// UnfoldedIdentities returns the identities that are not folded because another contact has the
// folded form. Messages are never matched to them.
func (d *DB) UnfoldedIdentities(ctx context.Context) ([]ContactIdentity, error) {
	return unfoldedIdentities(ctx, d.DB)
}

// unfoldedIdentities selects candidates in SQL and decides in Go, where the folding is defined.
func unfoldedIdentities(ctx context.Context, in bun.IDB) ([]ContactIdentity, error) {
	var rows, unfolded []ContactIdentity
	err := in.NewRaw(`SELECT workspace_id, channel, external_id, contact_id FROM contact_identities
		WHERE channel COLLATE "C" ~ '[^a-z0-9_-]' OR channel = ? AND external_id COLLATE "C" ~ '[^a-z0-9@._+-]'
		ORDER BY workspace_id, channel COLLATE "C", external_id COLLATE "C"`, EmailChannel).Scan(ctx, &rows)
	for _, row := range rows {
		if row.Fold() != row {
			unfolded = append(unfolded, row)
		}
	}
	return unfolded, err
}

// foldGroup gives the folded form to the contact with the newest message. If another contact had
// it, that contact gets the unfolded form that becomes free.
func foldGroup(ctx context.Context, tx bun.Tx, folded ContactIdentity, group []ContactIdentity) error {
	var holders []ContactIdentity
	err := tx.NewRaw(`SELECT workspace_id, channel, external_id, contact_id FROM contact_identities
		WHERE workspace_id = ? AND channel = ? AND external_id = ?`, folded.WorkspaceID, folded.Channel, folded.ExternalID).Scan(ctx, &holders)
	if err != nil {
		return err
	}
	all := append(holders, group...)
	if folded.ContactID, err = newestContact(ctx, tx, all); err != nil {
		return err
	}
	kept := []ContactIdentity{folded}
	for _, identity := range all {
		if identity.ContactID == folded.ContactID {
			continue
		}
		if identity == identity.Fold() {
			free := group[slices.IndexFunc(group, func(i ContactIdentity) bool { return i.ContactID == folded.ContactID })]
			identity.Channel, identity.ExternalID = free.Channel, free.ExternalID
		}
		kept = append(kept, identity)
	}
	if _, err := tx.NewDelete().Model(&all).WherePK().Exec(ctx); err != nil {
		return err
	}
	_, err = tx.NewInsert().Model(&kept).Exec(ctx)
	return err
}

// newestContact returns the contact with the newest message or, if there is no message, the contact
// that was created last.
func newestContact(ctx context.Context, tx bun.Tx, identities []ContactIdentity) (newest ContactID, err error) {
	var ids []ContactID
	for _, i := range identities {
		ids = append(ids, i.ContactID)
		if i.ContactID.UUID.String() > newest.UUID.String() {
			newest = i.ContactID
		}
	}
	slices.SortFunc(ids, func(a, b ContactID) int { return cmp.Compare(a.UUID.String(), b.UUID.String()) })
	if ids = slices.Compact(ids); len(ids) == 1 {
		return newest, nil
	}
	var found []ContactIdentity
	err = tx.NewRaw(`SELECT contact_id FROM conversations AS c, LATERAL (SELECT created_at FROM messages
			WHERE workspace_id = c.workspace_id AND conversation_id = c.id ORDER BY created_at DESC LIMIT 1) AS last
		WHERE workspace_id = ? AND contact_id IN (?) ORDER BY created_at DESC LIMIT 1`, identities[0].WorkspaceID, bun.List(ids)).Scan(ctx, &found)
	if len(found) > 0 {
		newest = found[0].ContactID
	}
	return newest, err
}
