package db

import (
	"cmp"
	"context"
	"slices"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"
)

// foldIdentities is the migration that folds the identities which were stored as they were
// sent. It is written in Go because the rule of folding is. Of several that fold to the
// same, that of the contact with the youngest message gets the folded form; the others
// keep a form of their own, and UnfoldedIdentities lists them.
var foldIdentities = migrate.Migration{
	Name: "20261128020003", Comment: "fold_identities",
	Up: func(ctx context.Context, m *migrate.Migrator, _ *migrate.Migration) error {
		return m.DB().RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			// A server of the version before must not add an identity meanwhile.
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

// UnfoldedIdentities lists the identities that are not in the folded form because another
// contact's is. No message reaches their contacts by them.
func (d *DB) UnfoldedIdentities(ctx context.Context) ([]ContactIdentity, error) {
	return unfoldedIdentities(ctx, d.DB)
}

// unfoldedIdentities narrows the rows in SQL to those that may be meant, and decides in Go.
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

// foldGroup returns the folded form to one of the identities that fold to it. If it was
// another contact's, that one takes a form that becomes free.
func foldGroup(ctx context.Context, tx bun.Tx, folded ContactIdentity, group []ContactIdentity) error {
	var holders []ContactIdentity
	err := tx.NewRaw(`SELECT workspace_id, channel, external_id, contact_id FROM contact_identities
		WHERE workspace_id = ? AND channel = ? AND external_id = ?`, folded.WorkspaceID, folded.Channel, folded.ExternalID).Scan(ctx, &holders)
	if err != nil {
		return err
	}
	all := append(holders, group...)
	if folded.ContactID, err = youngestContact(ctx, tx, all); err != nil {
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

// youngestContact returns which of the identities' contacts has the youngest message, or
// without any message was made last.
func youngestContact(ctx context.Context, tx bun.Tx, identities []ContactIdentity) (youngest ContactID, err error) {
	var ids []ContactID
	for _, i := range identities {
		ids = append(ids, i.ContactID)
		if i.ContactID.UUID.String() > youngest.UUID.String() {
			youngest = i.ContactID
		}
	}
	slices.SortFunc(ids, func(a, b ContactID) int { return cmp.Compare(a.UUID.String(), b.UUID.String()) })
	if ids = slices.Compact(ids); len(ids) == 1 {
		return youngest, nil
	}
	var found []ContactIdentity
	err = tx.NewRaw(`SELECT contact_id FROM conversations AS c, LATERAL (SELECT created_at FROM messages
			WHERE workspace_id = c.workspace_id AND conversation_id = c.id ORDER BY created_at DESC LIMIT 1) AS last
		WHERE workspace_id = ? AND contact_id IN (?) ORDER BY created_at DESC LIMIT 1`, identities[0].WorkspaceID, bun.List(ids)).Scan(ctx, &found)
	if len(found) > 0 {
		youngest = found[0].ContactID
	}
	return youngest, err
}
