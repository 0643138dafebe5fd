package service

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
)

// ImportResult says what an import did.
type ImportResult struct {
	Added, Known               int             // conversations brought in, and those that were there already
	Agents, Contacts, Messages int             // made on the way
	Problems                   []ImportProblem // of records that were skipped
}

func (r *ImportResult) add(more ImportResult) {
	r.Added, r.Known = r.Added+more.Added, r.Known+more.Known
	r.Agents, r.Contacts, r.Messages = r.Agents+more.Agents, r.Contacts+more.Contacts, r.Messages+more.Messages
	r.Problems = append(r.Problems, more.Problems...)
}

// Import brings past conversations into a workspace, the one opened first first. Agents
// are found by name and contacts by identity on the channel, or made. Batch by batch is
// one transaction, after which progress hears how many records are done: whatever ends
// an import in the middle, running it again adds what is missing and nothing twice. A
// record that cannot be brought in is a problem of the result and holds up no other one.
// It is for whoever runs the server, not for callers of the API.
func (s *Service) Import(ctx context.Context, workspace db.WorkspaceKey, onChannel string, records []ImportRecord, progress func(done int)) (result ImportResult, err error) {
	channel, err := CheckChannel("channel", onChannel)
	if err != nil {
		return result, err
	}
	records = slices.Clone(records)
	sortImport(records)
	if err := nameRecords(channel, onChannel, records); err != nil {
		return result, err
	}
	defer func() { sortProblems(result.Problems) }()
	for done, grown := 0, 5*importRecords; done < len(records); {
		batch := importable(records[done:])
		var b *importBatch
		if _, err := s.Write(ctx, System(workspace), "import", &Keyed{}, func(w *Writer) (Changes, error) {
			b = &importBatch{Writer: w, channel: channel, agents: map[string]*db.Agent{}, threads: map[string]*Thread{}, added: map[string]bool{}}
			return b.run(ctx, batch)
		}); err != nil {
			return result, err
		}
		result.add(b.result)
		done += len(batch)
		if progress != nil {
			progress(done)
		}
		if result.Added >= grown { // the tables may have several times the rows that they had
			s.analyze(ctx)
			grown *= 4
		}
	}
	return result, nil
}

func sortProblems(problems []ImportProblem) {
	slices.SortStableFunc(problems, func(a, b ImportProblem) int { return cmp.Compare(a.Line, b.Line) })
}

// analyze makes up for many new rows. Without it things are slow for a minute, no worse.
func (s *Service) analyze(ctx context.Context) {
	if err := s.DB.Analyze(ctx); err != nil {
		s.Log.Debug("the tables could not be analyzed", "error", err)
	}
}

// nameRecords gives each record its key: its external id or, without one, what it says
// and, as real data has records that say exactly the same, its number among those. Keys
// must stay the same for good, or else importing a file again adds everything again. They
// once had the channel as it was given, so records have that key as well.
func nameRecords(channel, sent string, records []ImportRecord) error {
	seen := map[[sha256.Size]byte]int{}
	key := func(channel string, r ImportRecord) ([]byte, error) {
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
	importRecords = 100
	importBytes   = 4 << 20 // of message bodies
)

// importable gives the next batch of records.
func importable(records []ImportRecord) []ImportRecord {
	size := 0
	for i, r := range records[:min(len(records), importRecords)] {
		for _, m := range r.Messages {
			size += len(m.Body)
		}
		if i > 0 && size > importBytes {
			return records[:i]
		}
	}
	return records[:min(len(records), importRecords)]
}

// importBatch is one transaction of an import. It reads what its records are about, adds
// them in memory one by one, and stores all that is new at the end, so that the number
// of statements does not grow with the number of records.
type importBatch struct {
	*Writer
	channel string
	result  ImportResult

	agents  map[string]*db.Agent // by name
	threads map[string]*Thread   // by the contact's external id
	added   map[string]bool      // records, by key
	locked  []*db.Contact
	latest  []*db.Conversation // of the locked contacts

	newAgents        []*db.Agent
	newContacts      []*db.Contact
	newIdentities    []*db.ContactIdentity
	newConversations []*db.Conversation
	newMessages      []*db.Message
	events           Changes
}

func (b *importBatch) run(ctx context.Context, records []ImportRecord) (Changes, error) {
	// Two imports at once would both make the agents that they do not find.
	if _, err := b.LockWorkspace(ctx); err != nil {
		return nil, err
	}
	records, err := b.fresh(ctx, records)
	if err != nil || len(records) == 0 {
		return Unchanged, err
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

// fresh gives those of the records that are to be added.
func (b *importBatch) fresh(ctx context.Context, records []ImportRecord) ([]ImportRecord, error) {
	var keys [][]byte
	for _, r := range records {
		keys = append(keys, r.key, r.sent)
	}
	known, err := b.ImportedKeys(ctx, keys)
	if err != nil {
		return nil, err
	}
	var fresh []ImportRecord
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

func (b *importBatch) problem(r *ImportRecord, message string) {
	b.result.Problems = append(b.result.Problems, ImportProblem{Line: r.Line, Message: message})
}

// findContacts locks those contacts of the records that exist already.
func (b *importBatch) findContacts(ctx context.Context, records []ImportRecord) error {
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
	threads := map[db.ContactID]*Thread{}
	for _, contact := range b.locked {
		threads[contact.ID] = &Thread{Contact: contact}
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
func (b *importBatch) idOf(r *ImportRecord) string {
	return db.FoldExternalID(b.channel, r.Contact.ExternalID)
}

// findAgents reads those agents of the records that exist already; nobody can deactivate
// them meanwhile. Of several with a name an active one counts.
func (b *importBatch) findAgents(ctx context.Context, records []ImportRecord) error {
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

// add brings in one record. One with the external id of another of the batch is there
// already once that one is.
func (b *importBatch) add(r *ImportRecord) {
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
	if refusal := checkImport(t, r); refusal != "" && !older {
		b.problem(r, refusal)
		return
	}
	agent := b.agent(r.Company)
	if t == nil {
		t = b.contact(r, agent)
	}
	at := r.Messages[len(r.Messages)-1].At
	c.ContactID, c.OpenedBy, c.ClosedBy = t.Contact.ID, t.Contact.ID.Ref(), agent.ID.Ref()
	c.ClosedAt, c.LastActivityAt, c.ClosingText = &at, at, r.ClosingNote
	if older {
		c.AssigneeID, c.Version = assignable(agent), 1
	} else {
		t.continueWith(c)
	}
	b.messages(r, c, agent)
	b.newConversations = append(b.newConversations, c)
	b.events = append(b.events, b.About(&Thread{Contact: t.Contact, Latest: c}, db.ConversationImported, nil, db.EventData{}))
	b.added[string(r.key)] = true
	b.result.Added++
}

// isLater says which of two conversations of a contact is the latest: by openedAt, then id.
func isLater(a, b *db.Conversation) bool {
	return cmp.Or(a.OpenedAt.Compare(b.OpenedAt), bytes.Compare(a.ID.UUID[:], b.ID.UUID[:])) > 0
}

// checkImport: what becomes the latest conversation begins where nothing is blocked (S4)
// and nothing open; it gives the problem.
func checkImport(t *Thread, r *ImportRecord) string {
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

// continueWith makes a closed conversation the latest; the one before keeps what it had,
// and the contact keeps its assignee.
func (t *Thread) continueWith(c *db.Conversation) {
	if t.Latest != nil {
		t.Latest.Latest = false
	}
	c.Latest, c.AssigneeID = true, t.Contact.AssigneeID
	t.Latest = c
	t.NextVersion()
}

// assignable gives the agent who becomes responsible: a deactivated one cannot (A7).
func assignable(a *db.Agent) *db.AgentID {
	if !a.Active {
		return nil
	}
	return &a.ID
}

func (b *importBatch) agent(company string) *db.Agent {
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

func (b *importBatch) contact(r *ImportRecord, owner *db.Agent) *Thread {
	contact := &db.Contact{
		ID: db.ContactID{UUID: db.NewUUID()}, Name: r.Contact.Name, AssigneeID: assignable(owner), Version: 1, CreatedAt: b.At,
	}
	t := &Thread{Contact: contact}
	b.threads[b.idOf(r)], b.newContacts = t, append(b.newContacts, contact)
	b.newIdentities = append(b.newIdentities, &db.ContactIdentity{
		ContactID: contact.ID, Channel: b.channel, ExternalID: b.idOf(r),
	})
	b.events = append(b.events, b.About(t, db.ContactCreated, nil, db.EventData{}))
	b.result.Contacts++
	return t
}

func (b *importBatch) messages(r *ImportRecord, c *db.Conversation, agent *db.Agent) {
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

// store writes all that is new or changed.
func (b *importBatch) store(ctx context.Context) error {
	if err := b.InsertAgents(ctx, b.newAgents...); err != nil {
		return err
	}
	if err := b.InsertContacts(ctx, b.newContacts, b.newIdentities); err != nil {
		if db.Taken(err) == db.ContactExternal {
			return ErrStartOver // the contact has just written in by itself
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
