package command_test

import (
	"slices"
	"strings"
	"testing"
)

// TestDoctor examines a database in good health, then one whose rows and log were changed by hand.
func TestDoctor(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo")
	c := found(t, s, dir, 0)
	manager := s.as(c.Token)
	conversation := manager.open("Ada Novak")
	var ignored any
	manager.ask(&ignored, "mutation ($id: ID!) { assignToMe(input: {conversationId: $id}) { userErrors { code } } }", vars{"id": conversation})
	var findings []struct {
		Check, Found, Advice string
		Good                 bool
	}
	succeed(t, &findings, "doctor", "--data-dir", dir)
	var checks []string
	for _, f := range findings {
		if checks = append(checks, f.Check); !f.Good || f.Advice != "" || f.Found == "" {
			t.Errorf("in good health the doctor finds %+v", f)
		}
	}
	for _, name := range []string{"version", "encoding", "extensions", "collation", "writable", "clock", "time-outs", "pooler", "connections", "log of " + c.Workspace} {
		if !slices.Contains(checks, name) {
			t.Errorf("the doctor does not check the %s", name)
		}
	}
	d, leave := openDatabase(t, dir)
	defer leave()
	if _, err := d.ExecContext(t.Context(), "UPDATE conversations SET version = version + 1"); err != nil {
		t.Fatal(err)
	}
	refused(t, 1, []string{"doctor", "--data-dir", dir}, "1 finding needs attention")
	r := run(t, "doctor", "--data-dir", dir)
	for _, part := range []string{"BAD", "0 events missing, 1 open conversations differ", "→ "} {
		if !strings.Contains(r.output, part) {
			t.Errorf("%q is missing in what the doctor prints:\n%s", part, r.output)
		}
	}
}
