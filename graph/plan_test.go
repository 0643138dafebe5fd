package graph_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestRefusedDocuments: documents that no plan is made of are refused before anything is executed.
func TestRefusedDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// Each fragment uses the next one twice, so that 20 of them select a million fields.
	var nested strings.Builder
	for i := range 20 {
		fmt.Fprintf(&nested, " fragment f%d on Contact { a: latestConversation { contact { ...f%d } } b: latestConversation { contact { ...f%d } } }", i, i+1, i+1)
	}
	for name, c := range map[string]struct{ doc, code string }{
		"deferred":               {`{ ... @defer { viewer { id } } }`, "GRAPHQL_VALIDATION_FAILED"},
		"deferred in a fragment": {`{ viewer { ...a } } fragment a on Agent { ... @defer(if: false) { id } }`, "GRAPHQL_VALIDATION_FAILED"},
		"a million fields":       {`{ contacts { nodes { ...f0 } } }` + nested.String() + ` fragment f20 on Contact { id }`, "OPERATION_LIMIT"},
	} {
		t.Run(name, func(t *testing.T) { w.post(t, w.agent.token, c.doc, nil).wantCode(c.code) })
	}
	t.Run("a deferred item", func(t *testing.T) {
		s := w.connect(t, w.agent.token)
		s.subscribe("1", `subscription { statusChanged { ... @defer { id } } }`, nil)
		if f := s.receive(); f.Type != "error" || !strings.Contains(string(f.Payload), "GRAPHQL_VALIDATION_FAILED") {
			t.Errorf("answered with %s %s", f.Type, f.Payload)
		}
	})
}
