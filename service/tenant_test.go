package service_test

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/feed"
	"switchboard/service"
	"switchboard/service/servicetest"
	"switchboard/service/workflow"
)

// statementLog keeps the text of every statement that is sent to the database.
type statementLog struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (l *statementLog) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[data.SQL] = true
	return ctx
}

func (l *statementLog) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// tenantGuard knows which tables hold the data of many workspaces.
type tenantGuard struct {
	mention   *regexp.Regexp // of such a table, its name the first group
	condition *regexp.Regexp // that names the workspace
}

func newTenantGuard(tables []string) tenantGuard {
	name := `"?\b(` + strings.Join(tables, "|") + `)\b"?`
	return tenantGuard{
		mention:   regexp.MustCompile(`(?i)\b(?:FROM|JOIN|INTO|UPDATE|TABLE|,)\s+` + name),
		condition: regexp.MustCompile(`(?i)\bworkspace_id"?\s*(?:=|IN\b|IS\b)|\bINTO\s+` + name + `(?:\s+AS\s+"?\w+"?)?\s*\(\s*"?workspace_id"?`),
	}
}

// tables returns the tables that a statement names.
func (g tenantGuard) tables(sql string) (names []string) {
	for _, m := range g.mention.FindAllStringSubmatch(sql, -1) {
		names = append(names, strings.ToLower(m[1]))
	}
	return names
}

// allows reports whether a statement names the workspace as often as it names such tables.
func (g tenantGuard) allows(sql string) bool {
	return len(g.condition.FindAllString(sql, -1)) >= len(g.tables(sql))
}

func TestTenantGuard(t *testing.T) {
	t.Parallel()
	g := newTenantGuard([]string{"contacts", "conversations", "events"})
	for sql, allowed := range map[string]bool{
		`SELECT * FROM contacts WHERE workspace_id = $1`:                                                              true,
		`SELECT * FROM contacts WHERE id = $1`:                                                                        false,
		`SELECT workspace_id FROM contacts WHERE id = $1`:                                                             false,
		`SELECT "contact"."workspace_id" FROM "contacts" AS "contact" WHERE (workspace_id = 7)`:                       true,
		`SELECT "contact"."workspace_id" FROM "contacts" AS "contact" WHERE (id = 7)`:                                 false,
		`SELECT FROM contacts JOIN conversations ON contact_id = contacts.id WHERE contacts.workspace_id = $1`:        false,
		`SELECT FROM contacts JOIN conversations USING (workspace_id) WHERE contacts.workspace_id = $1`:               false,
		`SELECT FROM contacts WHERE workspace_id = $1 AND id IN (SELECT contact_id FROM conversations WHERE id = $2)`: false,
		`UPDATE contacts SET name = $2 WHERE id = $1`:                                                                 false,
		`UPDATE contacts SET name = $2 WHERE contacts.workspace_id = $1`:                                              true,
		`DELETE FROM "events" AS "event" WHERE (id = 7)`:                                                              false,
		`INSERT INTO "contacts" ("workspace_id", "id") VALUES (1, 2) RETURNING "id"`:                                  true,
		`INSERT INTO events AS e (workspace_id, id) SELECT $1, id FROM conversations WHERE workspace_id = $1`:         true,
		`INSERT INTO events (workspace_id, id) SELECT $1, id FROM conversations`:                                      false,
		`INSERT INTO contacts (id) VALUES (1)`:                                                                        false,
		`SELECT FROM event_heads, workspaces WHERE key = $1`:                                                          true,
	} {
		if g.allows(sql) != allowed {
			t.Errorf("allowed: %t\n%s", !allowed, sql)
		}
	}
}

// TestEveryStatementNamesItsWorkspace calls everything that the service can do.
func TestEveryStatementNamesItsWorkspace(t *testing.T) {
	t.Parallel()
	log := &statementLog{seen: map[string]bool{}}
	d, err := db.Open(t.Context(), dbtest.New(t, servicetest.Migrate), db.Options{MaxConns: 8, Tracer: log})
	servicetest.Fine(t, err)
	var tables []string
	servicetest.Fine(t, d.NewRaw("SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'workspace_id'").Scan(t.Context(), &tables))
	f := feed.New(d, feed.Options{Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { f.Run(ctx); close(done) }()
	defer func() { cancel(); <-done; f.Flush(); _ = d.Close() }()
	w := &world{&servicetest.World{Service: workflow.New(service.New(d, f, service.Options{})), T: t, Clock: time.Now()}}
	workspace, manager, err := w.CreateWorkspace(ctx, "Acme", "Mia", "mia@acme.example")
	servicetest.Fine(t, err)
	w.Manager = service.Actor{Workspace: workspace.Key, Role: service.RoleManager, Agent: &manager.ID}

	w.changeEverything()
	w.readEverything()
	w.watchEverything()
	w.foldEverything()
	servicetest.Fine(t, d.ForgetKeys(ctx, time.Now()))

	guard, touched := newTenantGuard(tables), map[string]bool{}
	log.mu.Lock()
	defer log.mu.Unlock()
	for sql := range log.seen {
		for _, table := range guard.tables(sql) {
			touched[table] = true
		}
		if !guard.allows(sql) {
			t.Errorf("a statement reaches beyond its workspace:\n%s", sql)
		}
	}
	for _, table := range tables {
		// Only servers of the previous version use these two.
		if !touched[table] && table != "search_words" && table != "dashboard_days" {
			t.Errorf("nothing touched %s; the test shows nothing about it", table)
		}
	}
}

// TestConfinedToItsWorkspace: with row-level security a statement of a workspace sees and changes no
// other, even without a condition, and a session of no workspace sees nothing.
func TestConfinedToItsWorkspace(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, dbtest.Confined(t, servicetest.Migrate), db.Options{MaxConns: 8})
	other := w.neighbour()
	own, foreign := w.Open(), other.Open()
	for of, count := range map[string]func(ctx context.Context, key db.WorkspaceKey) (int, error){
		"transaction": func(ctx context.Context, key db.WorkspaceKey) (n int, err error) {
			return n, w.DB.Transact(ctx, key, func(tx db.Tx) (err error) {
				rows, err := tx.Conversations(ctx, []db.ConversationID{own.ID, foreign.ID})
				n = len(rows)
				return err
			})
		},
		"outside": func(ctx context.Context, key db.WorkspaceKey) (int, error) {
			rows, err := w.DB.ForWorkspace(key).Conversations(ctx, []db.ConversationID{own.ID, foreign.ID})
			return len(rows), err
		},
	} {
		n, err := count(w.Context(), w.Manager.Workspace)
		servicetest.Fine(t, err)
		servicetest.Equal(t, of, n, 1)
	}
	conn, err := w.DB.Conn(w.Context())
	servicetest.Fine(t, err)
	defer conn.Close()
	for setting, want := range map[string]int{"*": 2, "": 0, fmt.Sprint(w.Manager.Workspace): 1, fmt.Sprint(other.Manager.Workspace): 1} {
		var n, changed int
		_, err := conn.ExecContext(w.Context(), "SELECT set_config('switchboard.workspace', ?, false)", setting)
		servicetest.Fine(t, err)
		servicetest.Fine(t, conn.QueryRowContext(w.Context(), "SELECT count(*) FROM conversations").Scan(&n))
		servicetest.Fine(t, conn.QueryRowContext(w.Context(), "WITH c AS (UPDATE contacts SET name = name RETURNING 1) SELECT count(*) FROM c").Scan(&changed))
		servicetest.Equal(t, "seen and changed as "+setting, [2]int{n, changed}, [2]int{want, want})
	}
}

// did fails the test on an error that is not a refusal.
func (w *world) did(_ any, err error) {
	w.T.Helper()
	if _, refused := err.(*service.Refusal); err != nil && !refused {
		w.T.Error(err)
	}
}

func (w *world) changeEverything() {
	ctx, me := w.T.Context(), w.Manager
	agents := w.Team("A", "B")
	identities := []*service.ContactIdentityInput{{"email", "a@b.example"}}
	contact := w.ContactWith(service.CreateContactInput{Name: "Jana", Email: new("a@b.example"), Identities: identities})
	w.did(w.UpdateContact(ctx, me, service.UpdateContactInput{ContactID: contact.ID, Name: new("Jana Nováková"), Identities: identities}))
	for range 2 {
		w.did(w.OpenConversation(ctx, me, service.OpenConversationInput{ContactID: contact.ID, Channel: "email", Keyed: service.Keyed{new("key")}}))
		w.did(w.OpenConversation(ctx, me, service.OpenConversationInput{ContactID: contact.ID, Channel: "email", Keyed: service.Keyed{new("refused")}}))
	}
	c := w.Open()
	w.did(w.PutMessage(ctx, me, c.ID, db.Inbound, "hello"))
	o, err := w.AddNote(ctx, me, service.AddNoteInput{ConversationID: c.ID, Body: "hello"})
	w.did(o, err)
	w.did(w.SendMessage(ctx, me, service.SendMessageInput{ConversationID: c.ID, Body: "hello", OnlyIfLastMessageID: o.Events[0].Data.MessageID}))
	w.did(w.MarkRead(ctx, me, service.MarkReadInput{ConversationID: c.ID}))
	w.did(w.AssignToMe(ctx, me, service.AssignToMeInput{ConversationID: c.ID}))
	w.did(w.AssignConversation(ctx, me, service.AssignConversationInput{ConversationID: c.ID, AssigneeID: *agents[0].Agent}))
	w.did(w.UnassignConversation(ctx, me, service.UnassignConversationInput{ConversationID: c.ID}))
	w.did(w.AssignContact(ctx, me, service.AssignContactInput{ContactID: c.ContactID, AssigneeID: *agents[0].Agent}))
	w.did(w.BlockContact(ctx, me, service.BlockContactInput{ContactID: c.ContactID}))
	w.did(w.UnblockContact(ctx, me, service.UnblockContactInput{ContactID: c.ContactID}))
	token, err := w.CreateToken(ctx, me, service.CreateTokenInput{Scope: db.ScopeAgent, AgentID: agents[0].Agent})
	w.did(token, err)
	w.did(w.RevokeToken(ctx, me, service.RevokeTokenInput{TokenID: token.Token.ID}))
	w.did(w.DeactivateAgent(ctx, me, service.DeactivateAgentInput{AgentID: *agents[0].Agent, HandOverTo: agents[1].Agent}))
	w.did(w.DeactivateAgent(ctx, me, service.DeactivateAgentInput{AgentID: *agents[1].Agent}))
	w.did(w.ReactivateAgent(ctx, me, service.ReactivateAgentInput{AgentID: *agents[0].Agent}))
	w.did(w.UpdateAgent(ctx, me, service.UpdateAgentInput{AgentID: *agents[0].Agent, Name: new("Anna")}))
	w.did(w.SetAvailability(ctx, me, service.SetAvailabilityInput{Availability: db.Online}))
	w.did(w.UpdateWorkspace(ctx, me, service.UpdateWorkspaceInput{Name: new("Acme & Co")}))
	w.did(w.CloseConversation(ctx, me, service.CloseConversationInput{ConversationID: c.ID, Note: &service.ClosingNoteInput{Category: new("Other"), Text: new("refund promised")}}))
	w.did(w.ReopenConversation(ctx, me, service.ReopenConversationInput{ConversationID: c.ID}))
	w.did(w.CloseConversation(ctx, me, service.CloseConversationInput{ConversationID: c.ID}))
	w.did(w.OpenConversation(ctx, me, service.OpenConversationInput{ContactID: c.ContactID, Channel: "email"}))
	w.did(w.UnassignContact(ctx, me, service.UnassignContactInput{ContactID: c.ContactID}))
	sender, program := &service.SenderInput{Channel: "email", ExternalID: "c@d.example"}, w.Program(service.RoleIntegration)
	for _, name := range []*string{nil, new("Cyril"), nil} {
		sender.Name = name
		w.did(w.ReceiveMessage(ctx, program, service.ReceiveMessageInput{Contact: sender, Body: "hello", ExternalMessageID: name}))
		w.did(w.RecordBusinessEvent(ctx, program, service.RecordBusinessEventInput{Contact: sender, Type: "order.placed", ExternalEventID: new("1")}))
	}
	w.did(w.RecordBusinessEvent(ctx, program, service.RecordBusinessEventInput{ContactID: &w.Contact("Karla").ID, Type: "order.placed", RequiresAction: true}))
	w.workEverything()
}

func (w *world) workEverything() {
	ctx, me := w.T.Context(), w.Manager
	f := w.Template("round-robin-online", new(1))
	chosen := w.Open()
	w.Workflow(servicetest.When(db.TriggerOpened, servicetest.AddNote("Opened"), servicetest.AssignTo(w.Agent("Cy")), servicetest.Always(servicetest.Pause(60)), servicetest.Always(servicetest.Act(db.StepClose))))
	w.Open()
	w.did(w.EnableWorkflow(ctx, me, workflow.EnableWorkflowInput{WorkflowID: f.ID, AlsoForWaiting: true}))
	w.WriteBusinessEvent(chosen, "order.placed")
	w.Settle()
	w.did(w.SetAvailability(ctx, me, service.SetAvailabilityInput{Availability: db.Online}))
	w.Settle()
	run := w.LastRun(f)
	w.did(nil, w.Postpone(ctx, me.Workspace, run, context.DeadlineExceeded))
	w.did(w.UpdateWorkflow(ctx, me, workflow.UpdateWorkflowInput{WorkflowID: f.ID, Name: new("Renamed")}))
	w.did(w.DryRunWorkflow(ctx, me, workflow.DryRunWorkflowInput{WorkflowID: &f.ID, ConversationID: chosen.ID}))
	w.did(w.CancelWorkflowRun(ctx, me, workflow.CancelWorkflowRunInput{RunID: run.ID}))
	w.did(w.WorkflowProblems(ctx, me, []*db.Workflow{f}))
	w.did(w.DisableWorkflow(ctx, me, workflow.DisableWorkflowInput{WorkflowID: f.ID, CancelRuns: true}))
	w.did(w.DeleteWorkflow(ctx, me, workflow.DeleteWorkflowInput{WorkflowID: f.ID}))
	_, err := w.DB.WorkflowWorkspaces(ctx)
	servicetest.Fine(w.T, err)
	_, err = w.DB.ForWorkspace(me.Workspace).NextDue(ctx)
	servicetest.Fine(w.T, err)
}

func (w *world) foldEverything() {
	w.before("UPDATE agents SET search_text = NULL WHERE workspace_id = %W", "UPDATE contacts SET search_text = NULL WHERE workspace_id = %W",
		"UPDATE conversations SET note_text = NULL WHERE workspace_id = %W")
	servicetest.Fine(w.T, w.MakeSearchable(w.T.Context()))
	w.did(w.UpdateWorkspace(w.T.Context(), w.Manager, service.UpdateWorkspaceInput{Country: new("DE")}))
	servicetest.Fine(w.T, w.MakeSearchable(w.T.Context()))
}

func (w *world) readEverything() {
	ctx, me, now := w.T.Context(), w.Manager, time.Now()
	filter := &db.InboxFilter{Assignees: []*db.AgentID{nil, me.Agent}, Channels: []string{"email"}, ClosingCategories: []string{"Other"},
		Waiting: new(true), Unread: new(true), OpenedAfter: &now, OpenedBefore: &now, ClosedAfter: &now, ClosedBefore: &now}
	var conversations []db.ConversationID
	var contacts []db.ContactID
	for _, view := range db.Views {
		for _, field := range []db.InboxOrderField{db.LastActivity, db.WaitingSince, db.OpenedAt} {
			for _, f := range []*db.InboxFilter{nil, filter} {
				for _, term := range []*string{nil, new("novk"), new("no"), new("refnud promised")} {
					in := service.InboxInput{View: view, Search: term, Filter: f, OrderBy: &service.InboxOrder{field, service.Descending}}
					l, err := w.Inbox(ctx, me, in)
					servicetest.Fine(w.T, err)
					_, _, err = w.InboxTotal(ctx, me, l)
					w.did(nil, err)
					for _, c := range l.Rows {
						conversations, contacts = append(conversations, c.ID), append(contacts, c.ContactID)
						in.After, in.Before = new(l.Cursor(c)), new(l.Cursor(c))
					}
					w.did(w.Inbox(ctx, me, in))
				}
			}
		}
	}
	pages := service.PageInput{First: new(2)}
	for _, term := range []*string{nil, new("novk"), new("no"), new("555 123")} {
		w.did(w.Agents(ctx, me, service.AgentsInput{Search: term, Availability: []db.Availability{db.Online}, Skill: new("x"), Active: new(true), PageInput: pages}))
		w.did(w.Contacts(ctx, me, service.ContactsInput{Search: term, Filter: &service.ContactFilter{[]*db.AgentID{nil}, new(false)}, PageInput: pages}))
	}
	timelines, err := w.ContactTimelines(ctx, me, contacts, pages)
	servicetest.Fine(w.T, err)
	w.did(w.EventsByID(ctx, me, []db.EventID{timelines[0].Rows[0].ID}))
	w.did(w.ConversationTimelines(ctx, me, conversations, pages))
	w.did(w.MessagesOf(ctx, me, conversations, pages))
	w.did(w.ConversationsOf(ctx, me, contacts, pages))
	w.did(w.UnreadCounts(ctx, me, conversations))
	w.did(w.LatestConversations(ctx, me, contacts))
	w.did(w.ContactIdentities(ctx, me, contacts))
	w.did(w.AgentsByID(ctx, me, []db.AgentID{*me.Agent}))
	w.did(w.ContactsByID(ctx, me, contacts))
	w.did(w.ConversationsByID(ctx, me, conversations))
	w.did(w.MessagesByID(ctx, me, []db.MessageID{{UUID: db.NewUUID()}}))
	w.did(w.TokensByID(ctx, me, []db.TokenID{{UUID: db.NewUUID()}}))
	w.did(w.AllTokensByID(ctx, me, []db.TokenID{{UUID: db.NewUUID()}}))
	w.did(w.Tokens(ctx, me, pages))
	w.did(w.AuditEvents(ctx, me, pages))
	w.did(w.AccessLog(ctx, me, pages))
	w.did(w.Workflows(ctx, me, pages))
	w.did(w.WorkflowsByID(ctx, me, []db.WorkflowID{{UUID: db.NewUUID()}}))
	w.did(w.RunsByID(ctx, me, []db.RunID{{UUID: db.NewUUID()}}))
	w.did(w.AsOf(ctx, me))
	w.did(w.Workspace(ctx, me))
	w.did(w.InboxCounts(ctx, me))
	w.did(w.OpenConversations(ctx, me, []db.AgentID{*me.Agent}))
	w.did(w.Dashboard(ctx, me))
}

func (w *world) watchEverything() {
	ctx, me := w.T.Context(), w.Manager
	c := w.Open()
	beginning := &db.EventCursor{Workspace: me.Workspace}
	s, err := w.WatchConversations(ctx, me, []db.ConversationID{c.ID}, beginning)
	servicetest.Fine(w.T, err)
	defer s.Close()
	live, err := w.WatchInbox(ctx, me, db.ViewMine, nil, nil, nil)
	servicetest.Fine(w.T, err)
	defer live.Close()
	counts, err := w.WatchCounts(ctx, me)
	servicetest.Fine(w.T, err)
	defer counts.Close()
	runs, err := w.WatchRuns(ctx, me, nil)
	servicetest.Fine(w.T, err)
	defer runs.Close()
	w.did(servicetest.Await(w.Context(), runs))
	w.did(w.AssignToMe(ctx, me, service.AssignToMeInput{ConversationID: c.ID}))
	w.did(servicetest.Await(w.Context(), s))
	w.did(servicetest.Await(w.Context(), live))
	w.did(servicetest.Await(w.Context(), counts))
}
