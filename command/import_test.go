package command

import (
	"bytes"
	"strings"
	"testing"

	"switchboard/service/history"
)

// TestImportResult: lines are reported in order, and it is a failure only if nothing of the
// file is in and something was skipped.
func TestImportResult(t *testing.T) {
	t.Parallel()
	skipped := []history.Problem{{Line: 7, Message: "seven"}, {Line: 2, Message: "two"}}
	for _, c := range []struct {
		result   history.Result
		problems []history.Problem
		fails    bool
	}{
		{history.Result{}, nil, false},
		{history.Result{}, skipped, true},
		{history.Result{Added: 1}, skipped, false},
		{history.Result{Known: 1}, skipped, false},
	} {
		var out bytes.Buffer
		err := (&console{out: &out}).importResult(c.result, append([]history.Problem{}, c.problems...))
		if (err != nil) != c.fails {
			t.Errorf("%+v with %d problems: %v", c.result, len(c.problems), err)
		}
		if two := strings.Index(out.String(), "line 2: two"); c.problems != nil && (two < 0 || two > strings.Index(out.String(), "line 7: seven")) {
			t.Errorf("not in order: %s", &out)
		}
	}
}
