package db

import (
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"
)

// Contact is a customer.
type Contact struct {
	bun.BaseModel `bun:"table:contacts,alias:contact"`

	WorkspaceID WorkspaceKey `bun:",pk"`
	ID          ContactID    `bun:",pk"`
	Name        string
	Email       *string
	Phone       *string
	AvatarURL   *string
	BlockedAt   *time.Time
	AssigneeID  *AgentID // always equal to that of the latest conversation
	Version     int      // always equal to that of the latest conversation
	Revision    int      // 1, 2, 3 … with each change of the row
	CreatedAt   time.Time

	// Folded forms of the fields above, for search only, and the country by which the phone number
	// was interpreted. They are written, never read back.
	NameText, SearchText, SearchCountry *string

	NameOrder string `bun:",scanonly"`
}

const contactColumns = "workspace_id, id, name, email, phone, avatar_url, blocked_at, assignee_id, version, revision, created_at"

// Blocked reports whether the contact is blocked.
func (c *Contact) Blocked() bool { return c.BlockedAt != nil }

// ContactIdentity is an id under which a contact is known on a channel.
type ContactIdentity struct {
	bun.BaseModel `bun:"table:contact_identities,alias:identity"`

	WorkspaceID WorkspaceKey `bun:",pk"`
	Channel     string       `bun:",pk"`
	ExternalID  string       `bun:",pk"`
	ContactID   ContactID
}

// ContactFilter narrows a list of contacts; the zero value lists all.
type ContactFilter struct {
	Search    Search
	Assignees []*AgentID // a nil element means unassigned; an empty list means any
	Blocked   *bool
}

// ContactOrder lists contacts by name or by creation time.
func ContactOrder(byCreation, desc bool) Order {
	if byCreation {
		return Order{Name: "contacts", Columns: []string{"created_at", "id"}, Desc: desc}
	}
	return Order{Name: "contacts", Columns: []string{nameOrder, "id"}, Desc: desc}
}

// Key returns the contact's position in a list of this order.
func (c *Contact) Key(o Order) Key {
	if o.Columns[0] == "created_at" {
		return Key{timeKey(c.CreatedAt), c.ID.UUID.String()}
	}
	return Key{c.NameOrder, c.ID.UUID.String()}
}

// splitAssignees separates the agents of a list from the nil that stands for unassigned.
func splitAssignees(assignees []*AgentID) (some []AgentID, none bool) {
	for _, id := range assignees {
		if id == nil {
			none = true
		} else {
			some = append(some, *id)
		}
	}
	return some, none
}

// Contacts reads the contacts with these ids, in no order; unknown ones are left out.
func (w ForWorkspace) Contacts(ctx context.Context, ids []ContactID) ([]*Contact, error) {
	var rows []*Contact
	err := w.query(ctx, &rows, "SELECT "+contactColumns+" FROM contacts WHERE workspace_id = $1 AND id = ANY ($2)", w.Key, ids)
	return rows, err
}

// ContactIdentities returns the identities of these contacts, in a stable order.
func (w ForWorkspace) ContactIdentities(ctx context.Context, ids []ContactID) ([]*ContactIdentity, error) {
	var rows []*ContactIdentity
	err := w.query(ctx, &rows, `SELECT workspace_id, channel, external_id, contact_id FROM contact_identities
		WHERE workspace_id = $1 AND contact_id = ANY ($2) ORDER BY channel, external_id`, w.Key, ids)
	return rows, err
}

// ContactsByIdentity returns the identities with these external ids on a channel.
func (w ForWorkspace) ContactsByIdentity(ctx context.Context, channel string, externalIDs []string) ([]*ContactIdentity, error) {
	var rows []*ContactIdentity
	err := w.query(ctx, &rows, `SELECT workspace_id, channel, external_id, contact_id FROM contact_identities
		WHERE workspace_id = $1 AND channel = $2 AND external_id = ANY ($3)`, w.Key, channel, externalIDs)
	return rows, err
}

// LockContacts reads and locks contacts, for changing them or their conversations: every mutation
// of a conversation locks its contact first. The locks are taken in id order, so that two calls
// cannot deadlock.
func (tx Tx) LockContacts(ctx context.Context, ids []ContactID) ([]*Contact, error) {
	var rows []*Contact
	err := tx.query(ctx, &rows, "SELECT "+contactColumns+` FROM contacts
		WHERE workspace_id = $1 AND id = ANY ($2) ORDER BY id FOR NO KEY UPDATE`, tx.Key, ids)
	return rows, err
}

// LockFreeContacts is LockContacts without waiting: it leaves out contacts that another transaction
// has locked.
func (tx Tx) LockFreeContacts(ctx context.Context, ids []ContactID) ([]*Contact, error) {
	var rows []*Contact
	err := tx.query(ctx, &rows, "SELECT "+contactColumns+` FROM contacts
		WHERE workspace_id = $1 AND id = ANY ($2) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED`, tx.Key, ids)
	return rows, err
}

// NamedContact is a contact that was named by its own id, by that of one of its conversations
// (Named), or by one of its identities (KnownAs on KnownOn).
type NamedContact struct {
	Contact
	Named            *ConversationID
	KnownOn, KnownAs *string
}

// LockThreads adds the locking of contacts that are named by their own ids, by those of their
// conversations or by identities; one that is named twice comes twice. The locks are taken in the
// order of the contacts' ids, so that two transactions cannot deadlock. Unknown ids are left out
// and, without wait, contacts that another transaction has locked.
//
// A statement that waits for a lock joins what was there before the wait. What depends on the locks
// must therefore be read by a later statement.
func (b *Batch) LockThreads(contacts []ContactID, conversations []ConversationID, identities []ContactIdentity, wait bool, into *[]*NamedContact) {
	on, as := make([]string, len(identities)), make([]string, len(identities))
	for i, identity := range identities {
		on[i], as[i] = identity.Channel, identity.ExternalID
	}
	collect(b, into, `SELECT contact.*, asked.named, asked.known_on, asked.known_as FROM (
			SELECT c.contact_id, named.id AS named, NULL AS known_on, NULL AS known_as
			FROM unnest($2::uuid[]) AS named (id) CROSS JOIN LATERAL (
				SELECT contact_id FROM conversations WHERE workspace_id = $1 AND id = named.id OFFSET 0) AS c
			UNION ALL SELECT named.id, NULL, NULL, NULL FROM unnest($3::uuid[]) AS named (id)
			UNION ALL SELECT i.contact_id, NULL, named.channel, named.external_id
			FROM unnest($4::text[], $5::text[]) AS named (channel, external_id) CROSS JOIN LATERAL (
				SELECT contact_id FROM contact_identities WHERE workspace_id = $1
				AND channel = named.channel AND external_id = named.external_id OFFSET 0) AS i
			ORDER BY 1) AS asked
		CROSS JOIN LATERAL (SELECT `+contactColumns+` FROM contacts
			WHERE workspace_id = $1 AND id = asked.contact_id FOR NO KEY UPDATE`+skipLocked(wait)+`) AS contact`,
		b.tx.Key, conversations, contacts, on, as)
}

// skipLocked makes a statement leave out rows that another transaction has locked, unless it waits.
func skipLocked(wait bool) string {
	if wait {
		return ""
	}
	return " SKIP LOCKED"
}

// Identities adds the reading of the identities of contacts, in a stable order.
func (b *Batch) Identities(ids []ContactID, into *[]*ContactIdentity) {
	collect(b, into, `SELECT identity.* FROM unnest($2::uuid[]) AS asked (id) CROSS JOIN LATERAL (
			SELECT workspace_id, channel, external_id, contact_id FROM contact_identities
			WHERE workspace_id = $1 AND contact_id = asked.id OFFSET 0) AS identity
		ORDER BY channel, external_id`, b.tx.Key, ids)
}

// InsertContacts adds contacts with their identities.
func (tx Tx) InsertContacts(ctx context.Context, contacts []*Contact, identities []*ContactIdentity) error {
	if len(contacts) == 0 {
		return nil
	}
	for _, c := range contacts {
		c.WorkspaceID, c.Revision = tx.Key, 1
	}
	if err := tx.foldContacts(ctx, contacts); err != nil {
		return err
	}
	if err := tx.insert(ctx, &contacts); err != nil {
		return err
	}
	if err := tx.insertIdentities(ctx, identities); err != nil {
		return err
	}
	return tx.learnContacts(ctx, contacts)
}

func (tx Tx) insertIdentities(ctx context.Context, identities []*ContactIdentity) error {
	if len(identities) == 0 {
		return nil
	}
	for _, i := range identities {
		i.WorkspaceID = tx.Key
	}
	return tx.insert(ctx, &identities)
}

// UpdateContactData writes a contact's name, addresses and picture, as its next revision.
func (tx Tx) UpdateContactData(ctx context.Context, c *Contact) error {
	c.Revision++
	if err := tx.foldContacts(ctx, []*Contact{c}); err != nil {
		return err
	}
	_, err := tx.bun.NewUpdate().Model(c).
		Column("name", "email", "phone", "avatar_url", "revision", "name_text", "search_text", "search_country").
		Where("workspace_id = ?", tx.Key).Where("id = ?", c.ID).Exec(ctx)
	if err != nil {
		return err
	}
	return tx.learnContacts(ctx, []*Contact{c})
}

// ReplaceIdentities replaces all identities of a contact with these.
func (tx Tx) ReplaceIdentities(ctx context.Context, id ContactID, identities []*ContactIdentity) error {
	_, err := tx.bun.NewDelete().Model((*ContactIdentity)(nil)).
		Where("workspace_id = ?", tx.Key).Where("contact_id = ?", id).Exec(ctx)
	if err != nil {
		return err
	}
	return tx.insertIdentities(ctx, identities)
}

// SaveContacts is Batch.SaveContacts, as the contacts' next revisions.
func (tx Tx) SaveContacts(ctx context.Context, contacts []*Contact) error {
	for _, c := range contacts {
		c.Revision++
	}
	return tx.send(ctx, func(b *Batch) { b.SaveContacts(contacts) })
}

// SaveContacts adds the writing of the assignee, the version, the revision and the block of
// contacts. Nothing else of a contact changes with its conversations.
func (b *Batch) SaveContacts(contacts []*Contact) {
	if len(contacts) == 0 {
		return
	}
	ids, assignees := make([]ContactID, len(contacts)), make([]*AgentID, len(contacts))
	versions, revisions, blocked := make([]int, len(contacts)), make([]int, len(contacts)), make([]*time.Time, len(contacts))
	for i, c := range contacts {
		ids[i], assignees[i], versions[i], revisions[i], blocked[i] = c.ID, c.AssigneeID, c.Version, c.Revision, c.BlockedAt
	}
	b.exec(`UPDATE contacts SET assignee_id = new.assignee_id, version = new.version, revision = new.revision,
			blocked_at = new.blocked_at
		FROM unnest($2::uuid[], $3::uuid[], $4::int[], $5::int[], $6::timestamptz[]) AS new (id, assignee_id, version, revision, blocked_at)
		WHERE contacts.workspace_id = $1 AND contacts.id = ANY ($2) AND contacts.id = new.id`, b.tx.Key, ids, assignees, versions, revisions, blocked)
}

// foldContacts sets the folded search fields of contacts, interpreting phone numbers by the country
// of the workspace.
func (tx Tx) foldContacts(ctx context.Context, contacts []*Contact) (err error) {
	country := ""
	if slices.ContainsFunc(contacts, func(c *Contact) bool { return c.Phone != nil }) {
		if country, err = tx.country(ctx); err != nil {
			return err
		}
	}
	for _, c := range contacts {
		c.Fold(country)
	}
	return nil
}

func (tx Tx) learnContacts(ctx context.Context, contacts []*Contact) error {
	texts := make([]*string, len(contacts))
	for i, c := range contacts {
		texts[i] = c.SearchText
	}
	return tx.learnWords(ctx, searchedContacts, texts)
}
