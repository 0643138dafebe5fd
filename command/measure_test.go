package command_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// metricsText returns what a server answers at /metrics.
func metricsText(t *testing.T, admin string) string {
	t.Helper()
	response, err := http.Get("http://" + admin + "/metrics")
	check(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	check(t, err)
	return string(text)
}

// measuresOf returns the measures of a server, by name with labels.
func measuresOf(t *testing.T, admin string) map[string]float64 {
	t.Helper()
	found := map[string]float64{}
	for line := range strings.Lines(metricsText(t, admin)) {
		name, text, ok := strings.Cut(strings.TrimSpace(line), " ")
		if at := strings.LastIndex(line, "} "); at >= 0 { // a label may contain a space
			name, text = line[:at+1], strings.TrimSpace(line[at+2:])
		}
		var value float64
		if _, err := fmt.Sscan(text, &value); ok && err == nil && !strings.HasPrefix(line, "#") {
			found[name] = value
		}
	}
	return found
}

// sumOf returns the sum of the measures with this name and a label of this value; "" for any.
func sumOf(measures map[string]float64, name, label string) (sum float64) {
	for key, value := range measures {
		base, labels, _ := strings.Cut(key, "{")
		if base == name && (label == "" || strings.Contains(labels, `"`+label+`"`)) {
			sum += value
		}
	}
	return sum
}

// TestMeasures lets things happen and checks that each measure moves as they do, and that no
// measure repeats what people wrote.
func TestMeasures(t *testing.T) {
	t.Parallel()
	dir, admin := newDir(t), freePort(t)
	documents := filepath.Join(t.TempDir(), "documents.json")
	check(t, os.WriteFile(documents, []byte(`{"when": "query When { asOf }"}`), 0o600))
	s := start(t, "--data-dir", dir, "--no-demo", "--admin-addr", admin, "--documents", documents)
	c := found(t, s, dir, 1)
	manager := s.as(c.Token)
	before := measuresOf(t, admin)
	beginning := manager.asOf()

	conversation := manager.open("Ada Novak")
	after := manager.asOf()
	watching := manager.watch(assignments, after)
	sockets := measuresOf(t, admin)
	var waits []float64
	var ignored any
	for range 20 {
		began := time.Now()
		manager.assign(conversation, c.agents[0].id)
		manager.ask(&ignored, "mutation ($id: ID!) { unassignConversation(input: {conversationId: $id}) { userErrors { code } } }", vars{"id": conversation})
		watching.change(t)
		watching.change(t)
		waits = append(waits, time.Since(began).Seconds())
	}
	manager.ask(&ignored, "mutation ($id: ID!) { unassignConversation(input: {conversationId: $id}) { userErrors { code } } }", vars{"id": conversation})
	manager.ask(&ignored, `mutation ($id: ID!) { closeConversation(input: {conversationId: $id, note: {category: "no such category"}}) { userErrors { code } } }`, vars{"id": conversation})
	manager.ask(&ignored, `query When { asOf }`, nil)
	manager.ask(&ignored, `query mars { asOf }`, nil) // not among the trusted documents
	manager.ask(&ignored, `{ dashboard { oldestWaiting } inboxCounts { all } }`, nil)
	if _, a, err := manager.post(context.Background(), `{ contact(id: "nonsense from mars") { id } }`, nil); err != nil || a.code() == "" {
		t.Errorf("a malformed id was answered %v, %v", a, err)
	}
	if status := s.as("nonsense").status(); status != 401 {
		t.Errorf("a malformed token was answered %d", status)
	}
	manager.watch(assignments, beginning).change(t)
	now := measuresOf(t, admin)

	moved := func(name, label string) float64 { return sumOf(now, name, label) - sumOf(before, name, label) }
	for _, row := range []struct {
		name, label string
		least, most float64
	}{
		{"switchboard_commit_to_frame_seconds_count", "", 20, 41},
		{"switchboard_wake_seconds_count", "own", 20, 45},
		{"switchboard_frames_total", "", 40, 300},
		{"switchboard_resumes_total", "live", 1, 1},
		{"switchboard_resumes_total", "replayed", 1, 1},
		{"switchboard_replayed_items_total", "", 1, 50},
		{"switchboard_operation_seconds_count", "mutation", 42, 50},
		{"switchboard_operation_seconds_count", "refused", 1, 2},
		{"switchboard_operation_seconds_count", "When", 1, 1},
		{"switchboard_mutation_seconds_count", "assignConversation", 20, 20},
		{"switchboard_mutation_seconds_count", "unassignConversation", 21, 21},
		{"switchboard_refusals_total", "closeConversation", 1, 1},
		{"switchboard_write_company_count", "", 41, 45},
		{"switchboard_projection_builds_total", "dashboards", 1, 1},
		{"switchboard_auth_total", "malformed", 1, 1},
		{"switchboard_db_statement_seconds_count", "select events", 1, 10_000},
		{"switchboard_sockets", "", 2, 2},
		{"switchboard_shared_executions", "", 1, 3},
		{"switchboard_subscriptions", "assignmentChanged", 2, 2},
	} {
		if by := moved(row.name, row.label); by < row.least || by > row.most {
			t.Errorf("%s %s moved by %v, not by %v to %v", row.name, row.label, by, row.least, row.most)
		}
	}
	if sumOf(sockets, "switchboard_sockets", "") != 1 {
		t.Errorf("with one socket %v are measured", sumOf(sockets, "switchboard_sockets", ""))
	}
	var seen float64 // by the client, from before each commit until after the frame
	for _, wait := range waits {
		seen += wait
	}
	measured := moved("switchboard_commit_to_frame_seconds_sum", "")
	if measured <= 0 || measured > 2*seen {
		t.Errorf("commit to frame took %.4f s in sum; the client waited %.4f s", measured, seen)
	}
	for key := range now {
		if strings.Contains(key, "mars") || strings.Contains(key, "Ada") || strings.Contains(key, "nonsense") {
			t.Errorf("a measure repeats a value: %s", key)
		}
	}
	t.Logf("commit to frame, mean of %v: %.2f ms; the client's round of two mutations: %.2f ms",
		moved("switchboard_commit_to_frame_seconds_count", ""),
		1000*measured/moved("switchboard_commit_to_frame_seconds_count", ""), 1000*seen/float64(len(waits)))
	wantDescribed(t, metricsText(t, admin))
}

// wantDescribed checks the text of /metrics against what the specification names.
func wantDescribed(t *testing.T, text string) {
	t.Helper()
	for _, name := range []string{
		"commit_to_frame_seconds", "feed_lag_events", "feed_lag_seconds", "wake_seconds", "sockets", "streams", "subscriptions",
		"shared_executions", "frames_total", "frames_together_total", "replayed_items_total", "resumes_total", "operation_seconds",
		"mutation_seconds", "refusals_total", "write_company", "projection_entries", "projection_builds_total",
		"projection_build_seconds", "row_memory_bytes", "workflow_pending", "workflow_run_age_seconds", "db_pool_in_use", "db_pool_waiting_seconds",
		"db_statement_seconds", "auth_total",
	} {
		if !strings.Contains(text, "# HELP switchboard_"+name+" ") {
			t.Errorf("switchboard_%s is not measured", name)
		}
	}
	for _, name := range []string{"go_goroutines", "process_resident_memory_bytes"} {
		if !strings.Contains(text, "\n"+name+" ") {
			t.Errorf("%s is not measured", name)
		}
	}
}
