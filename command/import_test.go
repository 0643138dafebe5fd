package command

import (
	"bytes"
	"strings"
	"testing"

	"switchboard/service/history"
)

// TestImportResult: skipped lines are reported in order, and the import fails only if lines were
// skipped and no conversation of the file is in the workspace.
func TestImportResult(t *testing.T) {
	t.Parallel()
	skipped := []history.Problem{{Line: 7, Message: "seven"}, {Line: 2, Message: "two"}}
	for _, c := range []struct {
		result   history.Result
		problems []history.Problem
		fails    bool
		says     string
	}{
		{history.Result{}, nil, false, "Brought in 0 conversations with 0 messages; made 0 contacts and 0 agents.\n"},
		{history.Result{Added: 1, Messages: 1, Contacts: 1, Agents: 1}, skipped[:1], false, "Brought in 1 conversation with 1 message; made 1 contact and 1 agent.\nSkipped 1 line:\n"},
		{history.Result{}, skipped, true, "Skipped 2 lines:\n"},
		{history.Result{Added: 1}, skipped, false, "Brought in 1 conversation with"},
		{history.Result{Known: 1}, skipped, false, "Already there: 1 conversation.\n"},
	} {
		var out bytes.Buffer
		err := (&console{out: &out}).importResult(c.result, append([]history.Problem{}, c.problems...))
		if !strings.Contains(out.String(), c.says) {
			t.Errorf("%+v with %d problems is reported as %q", c.result, len(c.problems), out.String())
		}
		if (err != nil) != c.fails {
			t.Errorf("%+v with %d problems: %v", c.result, len(c.problems), err)
		}
		if two := strings.Index(out.String(), "line 2: two"); len(c.problems) > 1 && (two < 0 || two > strings.Index(out.String(), "line 7: seven")) {
			t.Errorf("not in order: %s", &out)
		}
	}
}
