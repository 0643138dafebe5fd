package demo

import (
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/feed"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// newDemoService returns a service on an empty database.
func newDemoService(t *testing.T) *service.Service {
	t.Helper()
	d, err := db.Open(t.Context(), dbtest.New(t, servicetest.Migrate), db.Options{MaxConns: 4, StatementTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	now := func() time.Time { return time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC) }
	f := feed.New(d, feed.Options{Now: now})
	t.Cleanup(f.Flush)
	return service.New(d, f, service.Options{Now: now})
}

func TestCreateDemo(t *testing.T) {
	servicetest.Slow(t)
	t.Parallel()
	s := newDemoService(t)
	begun, err := workspaceFor(t.Context(), s) // and then the server was stopped
	if err != nil {
		t.Fatal(err)
	}
	var steps, of int
	workspace, err := Create(t.Context(), s, func(done, all int) {
		if done <= steps || done > all {
			t.Errorf("progress went from %d to %d of %d", steps, done, all)
		}
		steps, of = done, all
	})
	if err != nil || !workspace.Demo || workspace.ID != begun.ID || steps != of || of == 0 {
		t.Fatal(workspace, steps, of, err)
	}
	checkDemoViewers(t, s, workspace)
	viewer, err := s.DB.ForWorkspace(workspace.Key).AgentByEmail(t.Context(), Viewers()[0])
	if err != nil {
		t.Fatal(err)
	}
	manager := service.Actor{Workspace: workspace.Key, Role: service.RoleManager, Agent: &viewer.ID}
	if another, err := workspaceFor(t.Context(), s); err != nil || another.ID == begun.ID {
		t.Error("the finished workspace is taken for an unfinished one", err)
	}
	log := servicetest.CheckWorkspace(t, s, manager)
	if last := log[len(log)-1]; last.CreatedAt.After(s.Now()) {
		t.Errorf("the log ends in the future, at %s", last.CreatedAt)
	}
	checkDemoNumbers(t, s, manager)
}

// checkDemoViewers checks that the agents whose tokens are printed are online and have open
// conversations.
func checkDemoViewers(t *testing.T, s *service.Service, workspace *db.Workspace) {
	t.Helper()
	for i, address := range Viewers() {
		a, err := s.DB.ForWorkspace(workspace.Key).AgentByEmail(t.Context(), address)
		if err != nil {
			t.Fatal(address, err)
		}
		c, err := s.InboxCounts(t.Context(), service.Actor{Workspace: workspace.Key, Role: service.Role(a.Role), Agent: &a.ID})
		if err != nil || c.Mine == 0 || a.Availability != db.Online || (a.Role == db.RoleManager) != (i == 0) {
			t.Errorf("%s is %s, %s and has %d: %v", address, a.Role, a.Availability, c.Mine, err)
		}
	}
}

func checkDemoNumbers(t *testing.T, s *service.Service, manager service.Actor) {
	t.Helper()
	c, err := s.InboxCounts(t.Context(), manager)
	if err != nil {
		t.Fatal(err)
	}
	between := func(what string, n, least, most int) {
		t.Helper()
		if n < least || n > most {
			t.Errorf("%d %s, want %d to %d", n, what, least, most)
		}
	}
	between("in MINE", c.Mine, 3, 40)
	between("in UNASSIGNED", c.Unassigned, 50, 90)
	between("in ALL", c.All, 350, 450)
	between("in CLOSED", c.Closed, 2700, 3500)
	between("in BLOCKED", c.Blocked, 20, 30)
	for what, q := range map[string]struct {
		sql         string
		least, most int
	}{
		"agents": {"SELECT count(*) FROM agents WHERE workspace_id = ? AND avatar_url IS NOT NULL", 40, 40},
		"pictures elsewhere": {`SELECT count(*) FROM (SELECT workspace_id, avatar_url FROM agents UNION ALL SELECT workspace_id, avatar_url FROM contacts) AS people
			WHERE workspace_id = ? AND avatar_url !~ '^/avatars/([1-9]|1[0-2])\.svg$'`, 0, 0},
		"inactive agents":    {"SELECT count(*) FROM agents WHERE workspace_id = ? AND NOT active", 2, 2},
		"contacts":           {"SELECT count(*) FROM contacts WHERE workspace_id = ?", 2500, 2500},
		"messages":           {"SELECT count(*) FROM messages WHERE workspace_id = ?", 8_000, 13_000},
		"notes":              {"SELECT count(*) FROM messages WHERE workspace_id = ? AND kind = 'NOTE'", 200, 2000},
		"waiting":            {"SELECT count(*) FROM conversations WHERE workspace_id = ? AND waiting_since IS NOT NULL", 150, 350},
		"reopened":           {"SELECT count(*) FROM events WHERE workspace_id = ? AND type = 'CONVERSATION_REOPENED'", 100, 800},
		"owners who left":    {"SELECT count(*) FROM events WHERE workspace_id = ? AND data->>'reason' = 'OWNER_POLICY'", 1, 100},
		"taken away":         {"SELECT count(*) FROM events WHERE workspace_id = ? AND data->>'reason' = 'AGENT_DEACTIVATED'", 1, 50},
		"taken":              {"SELECT count(*) FROM events WHERE workspace_id = ? AND data->>'reason' = 'SELF'", 500, 3000},
		"given":              {"SELECT count(*) FROM events WHERE workspace_id = ? AND data->>'reason' = 'MANUAL'", 200, 2000},
		"assigned by reply":  {"SELECT count(*) FROM events WHERE workspace_id = ? AND data->>'reason' = 'REPLY'", 500, 3000},
		"several at a time":  {"SELECT count(*) FROM (SELECT FROM conversations WHERE workspace_id = ? GROUP BY contact_id HAVING count(*) > 1) AS several", 300, 1500},
		"days with openings": {"SELECT count(DISTINCT opened_at::date) FROM conversations WHERE workspace_id = ?", 29, 31},
		"blanks unfilled":    {"SELECT count(*) FROM messages WHERE workspace_id = ? AND body LIKE '%{%'", 0, 0},
		"odd addresses":      {"SELECT count(*) FROM contacts WHERE workspace_id = ? AND email !~ '^[a-z0-9._]+@example\\.(com|org|net)$'", 0, 0},
	} {
		var n int
		if err := s.DB.NewRaw(q.sql, manager.Workspace).Scan(t.Context(), &n); err != nil {
			t.Fatal(what, err)
		}
		between(what, n, q.least, q.most)
	}
}

// TestDemoIsDeterministic: the workspace is the same whenever it is made.
func TestDemoIsDeterministic(t *testing.T) {
	t.Parallel()
	tell := func(end time.Time) []string {
		d := newDemo(&db.Workspace{}, end)
		var all []string
		for _, a := range d.agents {
			if len(a.Skills) == 0 || len(slices.Compact(slices.Sorted(slices.Values(a.Skills)))) < len(a.Skills) {
				t.Errorf("%s has the skills %q", a.Name, a.Skills)
			}
			all = append(all, a.Name, string(a.Availability))
		}
		for _, c := range d.contacts {
			all = append(all, c.Name, end.Sub(c.CreatedAt).String())
		}
		for _, m := range d.messages {
			all = append(all, m.Body, m.Author.Prefix, end.Sub(m.CreatedAt).String())
		}
		for _, e := range d.events {
			all = append(all, string(e.Type), string(e.Data.Reason))
		}
		return all
	}
	one, other := tell(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)), tell(time.Date(2027, 7, 7, 22, 0, 0, 0, time.UTC))
	if !slices.Equal(one, other) {
		t.Error("two runs differ")
	}
}

func TestDemoScripts(t *testing.T) {
	t.Parallel()
	for _, s := range parseScripts(scriptText) {
		if s.category == "" || s.closing == "" || len(s.lines) < 2 || !s.lines[0].inbound || s.lines[1].inbound {
			t.Errorf("odd script %+v", s)
		}
	}
	for _, k := range families {
		for _, name := range slices.Concat(k.first, k.last) {
			if p := plain(name); strings.ContainsFunc(p, func(r rune) bool { return r < 'a' || r > 'z' }) {
				t.Errorf("%s is plain as %s", name, p)
			}
		}
	}
}
