package db

import (
	"context"
	"fmt"
	"strings"
)

// Unfolded rows lack their folded text, since an older version wrote them, or their phone number
// was interpreted by another country than the workspace has now.

// UnfoldedWorkspaces returns the workspaces that have unfolded rows or doubted words.
func (d *DB) UnfoldedWorkspaces(ctx context.Context) (keys []WorkspaceKey, err error) {
	var conditions []string
	for _, in := range []*searched{searchedAgents, searchedContacts, searchedNotes} {
		conditions = append(conditions, in.isMissing("w.key"))
	}
	for _, operator := range []string{"<", ">"} { // an index serves these, but not <>
		conditions = append(conditions, "EXISTS (SELECT FROM contacts WHERE workspace_id = w.key AND phone IS NOT NULL AND search_country "+
			operator+" coalesce(w.country, ''))")
	}
	conditions = append(conditions, "EXISTS (SELECT FROM doubted_words WHERE workspace_id = w.key)")
	err = d.NewRaw("SELECT key FROM workspaces AS w WHERE "+strings.Join(conditions, " OR ")+" ORDER BY key").Scan(ctx, &keys)
	return keys, err
}

// FoldAgents folds up to limit agents and returns their number. taken are those whose e-mail
// address differs from another agent's only in its spelling: they keep the address, but are not
// found by it.
func (tx Tx) FoldAgents(ctx context.Context, limit int) (done int, taken []*Agent, err error) {
	var rows []*Agent
	if err = tx.unfolded(ctx, &rows, "id, name, email", searchedAgents, searchedAgents.missing, limit); err != nil || len(rows) == 0 {
		return 0, nil, err
	}
	for _, a := range rows {
		a.Fold()
		if isTaken, err := tx.emailTaken(ctx, a); err != nil {
			return 0, nil, err
		} else if isTaken {
			a.EmailKey, taken = nil, append(taken, a)
		}
		_, err := tx.exec(ctx, "UPDATE agents SET name_text = $3, search_text = $4, email_key = $5 WHERE workspace_id = $1 AND id = $2",
			tx.Key, a.ID, a.NameText, a.SearchText, a.EmailKey)
		if err != nil {
			return 0, nil, err
		}
	}
	return len(rows), taken, tx.learnAgents(ctx, rows)
}

func (tx Tx) emailTaken(ctx context.Context, a *Agent) (bool, error) {
	if a.EmailKey == nil {
		return false, nil
	}
	var others []*Agent
	err := tx.query(ctx, &others, "SELECT id FROM agents WHERE workspace_id = $1 AND email_key = $2 AND id <> $3", tx.Key, a.EmailKey, a.ID)
	return len(others) > 0, err
}

// FoldContacts folds up to limit contacts and returns their number.
func (tx Tx) FoldContacts(ctx context.Context, limit int) (int, error) {
	country, err := tx.country(ctx)
	if err != nil {
		return 0, err
	}
	var rows []*Contact
	const columns = "id, name, email, phone"
	err = tx.unfolded(ctx, &rows, columns, searchedContacts, searchedContacts.missing, limit)
	for _, operator := range []string{"<", ">"} {
		if len(rows) == 0 && err == nil {
			err = tx.unfolded(ctx, &rows, columns, searchedContacts, "phone IS NOT NULL AND search_country "+operator+" $3", limit, country)
		}
	}
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	ids, names, texts := make([]ContactID, len(rows)), make([]*string, len(rows)), make([]*string, len(rows))
	for i, c := range rows {
		c.Fold(country)
		ids[i], names[i], texts[i] = c.ID, c.NameText, c.SearchText
	}
	_, err = tx.exec(ctx, `UPDATE contacts SET name_text = new.name, search_text = new.text, search_country = $2
		FROM unnest($3::uuid[], $4::text[], $5::text[]) AS new (id, name, text)
		WHERE contacts.workspace_id = $1 AND contacts.id = new.id`, tx.Key, country, ids, names, texts)
	if err != nil {
		return 0, err
	}
	return len(rows), tx.learnContacts(ctx, rows)
}

// FoldNotes folds up to limit closing notes and returns their number.
func (tx Tx) FoldNotes(ctx context.Context, limit int) (int, error) {
	var rows []*Conversation
	err := tx.unfolded(ctx, &rows, "id, closing_category, closing_text", searchedNotes, searchedNotes.missing, limit)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	ids, texts := make([]ConversationID, len(rows)), make([]*string, len(rows))
	for i, c := range rows {
		c.Fold()
		ids[i], texts[i] = c.ID, c.NoteText
	}
	_, err = tx.exec(ctx, `UPDATE conversations SET note_text = new.text FROM unnest($2::uuid[], $3::text[]) AS new (id, text)
		WHERE conversations.workspace_id = $1 AND conversations.id = new.id`, tx.Key, ids, texts)
	if err != nil {
		return 0, err
	}
	return len(rows), tx.send(ctx, func(b *Batch) { b.learnNotes(rows) })
}

// unfolded reads and locks rows that are to be folded, in id order. It skips rows that are locked.
func (tx Tx) unfolded(ctx context.Context, rows any, columns string, in *searched, condition string, limit int, more ...any) error {
	return tx.query(ctx, rows, fmt.Sprintf(`SELECT %s FROM %s WHERE workspace_id = $1 AND %s
		ORDER BY id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED`, columns, in.table, condition), append([]any{tx.Key, limit}, more...)...)
}
