package service_test

import (
	"slices"
	"strings"
	"testing"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// TestPermissions has the roles that may call each verb. For all others the verb is FORBIDDEN and
// changes nothing.
func TestPermissions(t *testing.T) {
	t.Parallel()
	everybody := []service.Role{service.RoleAgent, service.RoleManager, service.RoleIntegration}
	agents, managers := []service.Role{service.RoleAgent, service.RoleManager}, []service.Role{service.RoleManager}
	may := map[string][]service.Role{
		"assignConversation": everybody, "unassignConversation": everybody, "assignContact": everybody, "unassignContact": everybody,
		"closeConversation": everybody, "openConversation": everybody, "reopenConversation": everybody,
		"assignConversations": everybody, "unassignConversations": everybody, "closeConversations": everybody,
		"blockContact": everybody, "unblockContact": everybody, "createContact": everybody, "updateContact": everybody,
		"assignToMe": agents, "sendMessage": agents, "addNote": agents, "markRead": agents, "setAvailability": managers, // an agent's own availability is tested below
		"createAgent": managers, "updateAgent": managers, "deactivateAgent": managers, "reactivateAgent": managers, "updateWorkspace": managers,
		"createToken": managers, "revokeToken": managers,
		"receiveMessage": {service.RoleIntegration}, "recordBusinessEvent": {service.RoleIntegration},
		"createWorkflow": managers, "createWorkflowFromTemplate": managers, "updateWorkflow": managers,
		"enableWorkflow": managers, "disableWorkflow": managers, "deleteWorkflow": managers, "cancelWorkflowRun": managers,
	}
	for _, v := range verbs {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, role := range []service.Role{service.RoleAgent, service.RoleManager, service.RoleIntegration, service.RoleReader, ""} {
				caller := w.Program(role)
				switch role {
				case service.RoleAgent:
					caller = w.Agent("Ada")
				case service.RoleManager:
					caller = w.Manager
				}
				x := w.ready(v)
				head := w.Head()
				_, err := v.in(w, caller, x)
				if slices.Contains(may[v.name], role) {
					if err != nil || (w.Head() == head) != unlogged[v.name] {
						t.Errorf("%s may not: %v", role, err)
					}
					continue
				}
				servicetest.Failed(t, err, service.Forbidden)
				servicetest.Equal(t, "end of the log", w.Head(), head)
			}
		})
	}
}

func TestOwnAvailability(t *testing.T) {
	hold(t, []rule{
		{"an agent sets their own, and nobody else's", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			for _, id := range []*db.AgentID{nil, ada.Agent} {
				w.OK(w.SetAvailability(w.Context(), ada, service.SetAvailabilityInput{Availability: db.Away, AgentID: id}))
			}
			_, err := w.SetAvailability(w.Context(), ada, service.SetAvailabilityInput{Availability: db.Away, AgentID: ben.Agent})
			servicetest.Failed(t, err, service.Forbidden)
		}},
		{"a program has none of its own", func(t *testing.T, w *world) {
			_, err := w.SetAvailability(w.Context(), w.Program(service.RoleIntegration), service.SetAvailabilityInput{Availability: db.Away})
			servicetest.Failed(t, err, service.Forbidden)
		}},
		{"MINE is an agent's", func(t *testing.T, w *world) {
			for _, role := range []service.Role{service.RoleIntegration, service.RoleReader} {
				_, err := w.Inbox(w.Context(), w.Program(role), service.InboxInput{View: db.ViewMine})
				servicetest.Failed(t, err, service.BadInput)
				_, err = w.WatchInbox(w.Context(), w.Program(role), db.ViewMine, nil, nil, nil)
				servicetest.Failed(t, err, service.BadInput)
				w.Open()
				servicetest.Equal(t, "ALL", len(w.list(w.Program(role), service.InboxInput{View: db.ViewAll})) > 0, true)
				servicetest.Equal(t, "counts", strings.HasPrefix(w.counts(w.Program(role)), "mine 0"), true)
			}
		}},
	})
}

// TestUnknownIDs: unknown ids and those of another workspace are answered alike, and
// nothing changes in either workspace.
func TestUnknownIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.neighbour()
	own := w.ready(verbNamed("assignConversation"))
	foreign := other.ready(verbNamed("assignConversation"))
	foreign.token = other.ready(verbNamed("revokeToken")).token
	foreign.run = other.ready(verbNamed("cancelWorkflowRun")).run
	unknown := target{token: db.TokenID{UUID: db.NewUUID()}, run: db.RunID{UUID: db.NewUUID()}, conversation: db.ConversationID{UUID: db.NewUUID()}, contact: db.ContactID{UUID: db.NewUUID()}, agent: db.AgentID{UUID: db.NewUUID()}, workflow: db.WorkflowID{UUID: db.NewUUID()}}
	heads := func() [2]db.Seq { return [2]db.Seq{w.Head(), other.Head()} }
	for _, v := range verbs {
		for kind, x := range map[string]target{"unknown": unknown, "foreign": foreign} {
			calls := []target{x}
			switch v.on {
			case "":
				continue
			case "conversation", "contact": // and also the agent alone
				calls = append(calls, target{conversation: x.conversation, contact: x.contact, agent: own.agent})
			}
			if strings.HasPrefix(v.name, "assignCon") {
				calls = append(calls, target{conversation: own.conversation, contact: own.contact, agent: x.agent})
			}
			for _, x := range calls {
				before := heads()
				o, err := v.in(w, w.caller(v), x)
				if err == nil || service.Explain(err).Code != service.NotFound {
					t.Errorf("%s of %s: NOT_FOUND was expected, but the answer is: %v", v.name, kind, err)
				}
				if o != nil && x.contact == foreign.contact && objects(o) != "" {
					t.Errorf("%s of %s: the answer shows %s", v.name, kind, objects(o))
				}
				servicetest.Equal(t, v.name+": ends of the logs", heads(), before)
			}
		}
	}
	testNothingCrosses(t, w, foreign)
}

// neighbour returns another workspace on the same server, with a manager of the same address.
func (w *world) neighbour() *world {
	w.T.Helper()
	return &world{w.NewWorkspace("mia@acme.example")}
}

// testNothingCrosses checks that reads do not return another workspace's objects.
func testNothingCrosses(t *testing.T, w *world, foreign target) {
	ctx, a := w.Context(), w.Manager
	for what, count := range map[string]func() (int, error){
		"conversations": func() (int, error) {
			rows, err := w.ConversationsByID(ctx, a, []db.ConversationID{foreign.conversation})
			return len(rows), err
		},
		"contacts": func() (int, error) {
			rows, err := w.ContactsByID(ctx, a, []db.ContactID{foreign.contact})
			return len(rows), err
		},
		"agents": func() (int, error) {
			rows, err := w.AgentsByID(ctx, a, []db.AgentID{foreign.agent})
			return len(rows), err
		},
		"latest": func() (int, error) {
			rows, err := w.LatestConversations(ctx, a, []db.ContactID{foreign.contact})
			return len(rows), err
		},
		"tokens": func() (int, error) {
			rows, err := w.AllTokensByID(ctx, a, []db.TokenID{foreign.token})
			return len(rows), err
		},
		"workflows": func() (int, error) {
			rows, err := w.WorkflowsByID(ctx, a, []db.WorkflowID{foreign.workflow})
			return len(rows), err
		},
		"timeline": func() (int, error) {
			lists, err := w.ContactTimelines(ctx, a, []db.ContactID{foreign.contact}, service.PageInput{})
			return len(lists[0].Rows), err
		},
		"history": func() (int, error) {
			lists, err := w.ConversationsOf(ctx, a, []db.ContactID{foreign.contact}, service.PageInput{})
			return len(lists[0].Rows), err
		},
		"filter": func() (int, error) {
			l, err := w.Inbox(ctx, a, service.InboxInput{View: db.ViewAll, Filter: &db.InboxFilter{Assignees: []*db.AgentID{&foreign.agent}}})
			return len(l.Rows), err
		},
	} {
		if n, err := count(); n != 0 || err != nil {
			t.Errorf("%s: %d of another workspace are seen, %v", what, n, err)
		}
	}
	_, err := w.WatchConversations(ctx, a, []db.ConversationID{foreign.conversation}, nil)
	servicetest.Failed(t, err, service.NotFound)
	_, err = w.WatchAssignments(ctx, a, nil, &foreign.agent, nil)
	servicetest.Failed(t, err, service.NotFound)
	_, err = w.WatchStatus(ctx, a, &foreign.conversation, nil)
	servicetest.Failed(t, err, service.NotFound)
	_, err = w.WatchRuns(ctx, a, &foreign.workflow)
	servicetest.Failed(t, err, service.NotFound)
}
