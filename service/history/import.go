// Package history imports past conversations from a file.
package history

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"switchboard/db"
	"switchboard/db/text"
	"switchboard/service"
)

// Result is what an import did.
type Result struct {
	Added, Known               int       // conversations brought in, and those that were there already
	Agents, Contacts, Messages int       // made on the way
	Problems                   []Problem // of records that were skipped
}

func (r *Result) add(more Result) {
	r.Added, r.Known = r.Added+more.Added, r.Known+more.Known
	r.Agents, r.Contacts, r.Messages = r.Agents+more.Agents, r.Contacts+more.Contacts, r.Messages+more.Messages
	r.Problems = append(r.Problems, more.Problems...)
}

// Import brings past conversations into a workspace, the one opened first first. Agents are found
// by name and contacts by identity on the channel, or created. Each batch is one transaction, after
// which progress is called with the number of records done. An import that ended in the middle can
// be run again: it adds what is missing and nothing twice. A record that cannot be imported is a
// problem in the result and does not hold up the others. It is for operators, not for callers of
// the API.
func Import(ctx context.Context, s *service.Service, workspace db.WorkspaceKey, onChannel string, records []Record, progress func(done int)) (result Result, err error) {
	channel, err := service.CheckChannel("channel", onChannel)
	if err != nil {
		return result, err
	}
	records = slices.Clone(records)
	sortRecords(records)
	if err := nameRecords(channel, onChannel, records); err != nil {
		return result, err
	}
	defer func() { sortProblems(result.Problems) }()
	for done, grown := 0, 5*batchRecords; done < len(records); {
		next := importable(records[done:])
		var b *batch
		if _, err := s.Write(ctx, service.System(workspace), "import", &service.Keyed{}, func(w *service.Writer) (service.Changes, error) {
			b = &batch{Writer: w, channel: channel, agents: map[string]*db.Agent{}, threads: map[string]*service.Thread{}, added: map[string]bool{}}
			return b.run(ctx, next)
		}); err != nil {
			return result, err
		}
		result.add(b.result)
		done += len(next)
		if progress != nil {
			progress(done)
		}
		if result.Added >= grown { // the tables may have several times the rows that they had
			s.Analyze(ctx)
			grown *= 4
		}
	}
	return result, nil
}

func sortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
}

// nameRecords sets the key of each record: its external id or, without one, its content and, since
// real data has equal records, its number among those. Keys must never change, or importing a file
// again would add everything again. They once included the channel as it was given, so records have
// that key as well.
func nameRecords(channel, sent string, records []Record) error {
	seen := map[[sha256.Size]byte]int{}
	key := func(channel string, r Record) ([]byte, error) {
		if r.ExternalID != "" {
			key := sha256.Sum256(fmt.Appendf(nil, "%q %q", channel, r.ExternalID))
			return key[:], nil
		}
		content, err := json.Marshal([]any{channel, r}, json.Deterministic(true))
		if err != nil {
			return nil, err
		}
		said := sha256.Sum256(content)
		key := sha256.Sum256(fmt.Append(said[:], seen[said]))
		seen[said]++
		return key[:], nil
	}
	for i := range records {
		var err error
		if records[i].key, err = key(channel, records[i]); err != nil {
			return err
		}
		if records[i].sent = records[i].key; sent != channel {
			if records[i].sent, err = key(sent, records[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// The most that one transaction brings in.
const (
	batchRecords = 100
	batchBytes   = 4 << 20 // of message bodies
)

// importable returns the records of the next batch.
func importable(records []Record) []Record {
	size := 0
	for i, r := range records[:min(len(records), batchRecords)] {
		for _, m := range r.Messages {
			size += len(m.Body)
		}
		if i > 0 && size > batchBytes {
			return records[:i]
		}
	}
	return records[:min(len(records), batchRecords)]
}

// batch is one transaction of an import. It reads the agents and contacts of its records, adds the
// records in memory one by one, and stores everything new at the end, so that the number of
// statements does not grow with the number of records.
type batch struct {
	*service.Writer
	channel string
	result  Result

	agents  map[string]*db.Agent       // by name
	threads map[string]*service.Thread // by the contact's external id
	added   map[string]bool            // records, by key
	locked  []*db.Contact
	latest  []*db.Conversation // of the locked contacts

	newAgents        []*db.Agent
	newContacts      []*db.Contact
	newIdentities    []*db.ContactIdentity
	newConversations []*db.Conversation
	newMessages      []*db.Message
	events           service.Changes
}

func (b *batch) run(ctx context.Context, records []Record) (service.Changes, error) {
	// Two imports at once would both create the agents that they do not find.
	if _, err := b.LockWorkspace(ctx); err != nil {
		return nil, err
	}
	records, err := b.fresh(ctx, records)
	if err != nil || len(records) == 0 {
		return service.Unchanged, err
	}
	if err := b.findContacts(ctx, records); err != nil {
		return nil, err
	}
	if err := b.findAgents(ctx, records); err != nil {
		return nil, err
	}
	for i := range records {
		b.add(&records[i])
	}
	return b.events, b.store(ctx)
}

// fresh returns the records that are to be added.
func (b *batch) fresh(ctx context.Context, records []Record) ([]Record, error) {
	var keys [][]byte
	for _, r := range records {
		keys = append(keys, r.key, r.sent)
	}
	known, err := b.ImportedKeys(ctx, keys)
	if err != nil {
		return nil, err
	}
	var fresh []Record
	for _, r := range records {
		switch problem := r.check(b.At); {
		case known[string(r.key)], known[string(r.sent)]:
			b.result.Known++
		case problem != nil:
			b.problem(&r, problem.Error())
		default:
			fresh = append(fresh, r)
		}
	}
	return fresh, nil
}

func (b *batch) problem(r *Record, message string) {
	b.result.Problems = append(b.result.Problems, Problem{Line: r.Line, Message: message})
}

// findContacts locks the contacts of the records that exist already.
func (b *batch) findContacts(ctx context.Context, records []Record) error {
	externalIDs := make([]string, len(records))
	for i, r := range records {
		externalIDs[i] = b.idOf(&r)
	}
	identities, err := b.ContactsByIdentity(ctx, b.channel, externalIDs)
	if err != nil || len(identities) == 0 {
		return err
	}
	ids := make([]db.ContactID, len(identities))
	for i, identity := range identities {
		ids[i] = identity.ContactID
	}
	if b.locked, err = b.LockContacts(ctx, ids); err != nil {
		return err
	}
	if b.latest, err = b.LatestConversations(ctx, ids); err != nil {
		return err
	}
	threads := map[db.ContactID]*service.Thread{}
	for _, contact := range b.locked {
		threads[contact.ID] = &service.Thread{Contact: contact}
	}
	for _, c := range b.latest {
		threads[c.ContactID].Latest = c
	}
	for _, identity := range identities {
		b.threads[identity.ExternalID] = threads[identity.ContactID]
	}
	return nil
}

// idOf is the id of a record's contact on the channel, in the form in which it is stored.
func (b *batch) idOf(r *Record) string {
	return db.FoldExternalID(b.channel, r.Contact.ExternalID)
}

// findAgents reads the agents of the records that exist already and keeps them from being
// deactivated meanwhile. An active agent is preferred among several with the same name.
func (b *batch) findAgents(ctx context.Context, records []Record) error {
	names := make([]string, len(records))
	for i, r := range records {
		names[i] = r.Company
	}
	found, err := b.AgentsByName(ctx, names)
	if err != nil || len(found) == 0 {
		return err
	}
	ids := make([]db.AgentID, len(found))
	for i, a := range found {
		ids[i] = a.ID
	}
	shared, err := b.ShareAgents(ctx, ids)
	if err != nil {
		return err
	}
	for _, a := range shared {
		if known := b.agents[a.Name]; known == nil || !known.Active {
			b.agents[a.Name] = a
		}
	}
	return nil
}

// add adds one record. A record with the external id of an earlier one of the batch is known.
func (b *batch) add(r *Record) {
	if b.added[string(r.key)] {
		b.result.Known++
		return
	}
	t := b.threads[b.idOf(r)]
	c := &db.Conversation{
		ID: db.ConversationID{UUID: db.NewUUID()}, Channel: b.channel, Status: db.StatusClosed,
		OpenedAt: r.OpenedAt, ImportKey: r.key,
	}
	older := t != nil && t.Latest != nil && !isLater(c, t.Latest)
	if refusal := checkThread(t, r); refusal != "" && !older {
		b.problem(r, refusal)
		return
	}
	agent := b.agent(r.Company)
	if t == nil {
		t = b.contact(r, agent)
	}
	at := r.Messages[len(r.Messages)-1].At
	c.ContactID, c.OpenedBy, c.ClosedBy = t.Contact.ID, t.Contact.ID.Ref(), agent.ID.Ref()
	c.ClosedAt, c.LastActivityAt = &at, at
	if r.ClosingNote != nil && !text.Blank(*r.ClosingNote) {
		c.ClosingText = r.ClosingNote
	}
	if older {
		c.AssigneeID, c.Version = assignable(agent), 1
	} else {
		continueWith(t, c)
	}
	b.messages(r, c, agent)
	b.newConversations = append(b.newConversations, c)
	b.events = append(b.events, b.About(&service.Thread{Contact: t.Contact, Latest: c}, db.ConversationImported, nil, db.EventData{}))
	b.added[string(r.key)] = true
	b.result.Added++
}

// isLater reports whether a is later than b among the conversations of a contact: by openedAt, then
// id.
func isLater(a, b *db.Conversation) bool {
	return cmp.Or(a.OpenedAt.Compare(b.OpenedAt), bytes.Compare(a.ID.UUID[:], b.ID.UUID[:])) > 0
}

// checkImport: the problem of adding a latest conversation to a contact that is blocked (S4)
// or has an open conversation; empty without one.
func checkThread(t *service.Thread, r *Record) string {
	switch {
	case t == nil:
		return ""
	case t.Contact.Blocked():
		return fmt.Sprintf("the contact %s (%s) is blocked: unblock it, then import again", t.Contact.Name, r.Contact.ExternalID)
	case t.IsOpen():
		return fmt.Sprintf("the contact %s (%s) has an open conversation, opened at %s: close it first, then import again",
			t.Contact.Name, r.Contact.ExternalID, t.Latest.OpenedAt.Format(time.RFC3339))
	}
	return ""
}

// continueWith makes a closed conversation the latest. The former latest one is unchanged
// otherwise, and the contact keeps its assignee.
func continueWith(t *service.Thread, c *db.Conversation) {
	if t.Latest != nil {
		t.Latest.Latest = false
	}
	c.Latest, c.AssigneeID = true, t.Contact.AssigneeID
	t.Latest = c
	t.NextVersion()
}

// assignable returns the agent to assign; nil if the agent is deactivated (A7).
func assignable(a *db.Agent) *db.AgentID {
	if !a.Active {
		return nil
	}
	return &a.ID
}

func (b *batch) agent(company string) *db.Agent {
	if a := b.agents[company]; a != nil {
		return a
	}
	a := &db.Agent{
		ID: db.AgentID{UUID: db.NewUUID()}, Name: company, Role: db.RoleAgent, Skills: []string{},
		Availability: db.Offline, Active: true, CreatedAt: b.At,
	}
	b.agents[company], b.newAgents = a, append(b.newAgents, a)
	b.events = append(b.events, b.AboutAgent(a, db.AgentCreated, db.EventData{}))
	b.result.Agents++
	return a
}

// contact makes the record's contact, which is called by its id if its name is blank. The record
// keeps the name that it has, because its key depends on it.
func (b *batch) contact(r *Record, owner *db.Agent) *service.Thread {
	name := r.Contact.Name
	if text.Blank(name) {
		name = b.idOf(r)
	}
	contact := &db.Contact{
		ID: db.ContactID{UUID: db.NewUUID()}, Name: name, AssigneeID: assignable(owner), Version: 1, CreatedAt: b.At,
	}
	t := &service.Thread{Contact: contact}
	b.threads[b.idOf(r)], b.newContacts = t, append(b.newContacts, contact)
	b.newIdentities = append(b.newIdentities, &db.ContactIdentity{
		ContactID: contact.ID, Channel: b.channel, ExternalID: b.idOf(r),
	})
	b.events = append(b.events, b.About(t, db.ContactCreated, nil, db.EventData{}))
	b.result.Contacts++
	return t
}

func (b *batch) messages(r *Record, c *db.Conversation, agent *db.Agent) {
	for _, m := range r.Messages {
		row := &db.Message{
			ID: db.MessageID{UUID: db.NewUUID()}, ConversationID: &c.ID, ContactID: c.ContactID,
			Kind: db.Inbound, Author: c.ContactID.Ref(), Body: m.Body, Channel: b.channel, SentAt: &m.At, CreatedAt: m.At,
		}
		if m.From == FromAgent {
			row.Kind, row.Author = db.Outbound, agent.ID.Ref()
		} else {
			c.LastInboundAt, c.LastInboundChannel = &row.CreatedAt, &row.Channel
		}
		c.LastMessageID, b.newMessages = &row.ID, append(b.newMessages, row)
	}
	b.result.Messages += len(r.Messages)
}

// store writes the rows that are new or changed.
func (b *batch) store(ctx context.Context) error {
	if err := b.InsertAgents(ctx, b.newAgents...); err != nil {
		return err
	}
	if err := b.InsertContacts(ctx, b.newContacts, b.newIdentities); err != nil {
		if db.Taken(err) == db.ContactExternal {
			return service.ErrStartOver // the contact has just written in by itself
		}
		return err
	}
	if len(b.locked) > 0 {
		if err := b.SaveContacts(ctx, b.locked); err != nil {
			return err
		}
	}
	// A former latest makes room for the new one, of which there can be only one.
	former := slices.DeleteFunc(b.latest, func(c *db.Conversation) bool { return c.Latest })
	if err := b.SaveConversations(ctx, former); err != nil {
		return err
	}
	if err := b.InsertConversations(ctx, b.newConversations); err != nil {
		return err
	}
	return b.InsertMessages(ctx, b.newMessages)
}
