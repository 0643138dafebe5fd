package command_test

import (
	"strings"
	"testing"
)

func TestAgentCreate(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo")
	c := found(t, s, dir, 0)
	in := func(args ...string) []string { return append(args, "--workspace", c.Workspace, "--data-dir", dir) }

	var bo struct{ Agent string }
	succeed(t, &bo, in("agent", "create", "Bo Berg", "--email", "bo@acme.example", "--role", "manager")...)
	var known struct {
		Agent struct{ Name, Email, Role string }
	}
	s.as(c.Token).ask(&known, `query($id: ID!) { agent(id: $id) { name email role } }`, vars{"id": bo.Agent})
	if a := known.Agent; a.Name != "Bo Berg" || a.Email != "bo@acme.example" || a.Role != "MANAGER" {
		t.Errorf("the API knows %+v", a)
	}

	r := run(t, in("agent", "create", "Cy", "--email", "cy@acme.example")...)
	next := "switchboard token create --workspace " + c.Workspace + " --agent cy@acme.example"
	if r.status != 0 || !strings.Contains(r.output, next) {
		t.Errorf("agent create ends with %d and says\n%s%s", r.status, r.output, r.log)
	}
	var token made
	succeed(t, &token, in("token", "create", "--agent", "cy@acme.example")...)
	var viewer struct{ Viewer struct{ Name, Role string } }
	if s.as(token.Token).ask(&viewer, `{ viewer { name role } }`, nil); viewer.Viewer.Name != "Cy" || viewer.Viewer.Role != "AGENT" {
		t.Errorf("the token is of %+v", viewer.Viewer)
	}

	refused(t, 1, in("agent", "create", "Another", "--email", "cy@acme.example"), "another agent, Cy, has this e-mail address")
	refused(t, 1, in("agent", "create", "Another", "--email", "cy"), "e-mail")
	refused(t, 1, in("agent", "create", "", "--email", "di@acme.example"), "name")
}
