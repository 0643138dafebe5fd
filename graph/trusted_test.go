package graph_test

import (
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"testing"

	"switchboard/db/dbtest"
	"switchboard/graph"
)

// TestParseDocuments: the manifests of Apollo, Relay and GraphQL Code Generator are understood, and
// others are refused.
func TestParseDocuments(t *testing.T) {
	t.Parallel()
	for manifest, want := range map[string]graph.Documents{
		`{"format":"apollo-persisted-query-manifest","version":1,"operations":[{"id":"a","name":"A","type":"query","body":"query A{asOf}"}]}`: {"a": "query A{asOf}"},
		`{"9f2c":"query A{asOf}","77ab":"query B{asOf}"}`: {"9f2c": "query A{asOf}", "77ab": "query B{asOf}"},
	} {
		if all, err := graph.ParseDocuments([]byte(manifest)); err != nil || !maps.Equal(all, want) {
			t.Errorf("%s is read as %v, %v", manifest, all, err)
		}
	}
	for _, manifest := range []string{
		``, `[]`, `{}`, `{"a":1}`, `{"format":"apollo-persisted-query-manifest","version":2,"operations":[]}`,
		`{"format":"apollo-persisted-query-manifest","version":1,"operations":[{"id":"a"}]}`, `{"format":"other","version":1}`,
	} {
		if all, err := graph.ParseDocuments([]byte(manifest)); err == nil {
			t.Errorf("%s is read as %v", manifest, all)
		}
	}
}

// TestTrustedDocuments: a document is named by its id on every way in, and others are executed or
// not as the mode says.
func TestTrustedDocuments(t *testing.T) {
	t.Parallel()
	const text, other = `query Me { viewer { name } }`, `{ viewer { name } }`
	const answered = `{"data":{"viewer":{"name":"Ann Agent"}}}`
	for mode, others := range map[graph.DocumentsMode]string{"": "", graph.AllowOthers: "", graph.LogOthers: "", graph.TrustedOnly: "DOCUMENT_NOT_FOUND"} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *options) { o.documents = mode })
			known, unknown := "", "DOCUMENT_NOT_FOUND"
			if mode == "" {
				known = unknown
			} else {
				must(t, w.handler.Trust(graph.Documents{"me": text}))
			}
			for _, c := range []struct{ body, code string }{
				{`{"documentId":"me"}`, known}, {`{"documentId":"you"}`, unknown}, {`{"documentId":""}`, unknown},
				{`{"query":"` + text + `"}`, ""}, {`{"query":"` + other + `"}`, others},
				{`{"query":"` + text + `","documentId":"me"}`, "BAD_USER_INPUT"},
			} {
				w.wantOneWay(t, c.body, answered, c.code)
			}
			persisted := `{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"%"}}}`
			if mode == "" {
				known, unknown = "PERSISTED_QUERY_NOT_SUPPORTED", "PERSISTED_QUERY_NOT_SUPPORTED"
			}
			w.wantOneWay(t, strings.Replace(persisted, "%", "me", 1), answered, known)
			w.wantOneWay(t, strings.Replace(persisted, "%", "you", 1), answered, unknown)
			if mode == "" {
				return
			}
			get, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.http.URL+"?documentId=me", nil)
			must(t, err)
			get.Header.Set("Authorization", "Bearer "+w.agent.token)
			if a := w.do(t, get); string(a.body) != answered {
				t.Errorf("GET is answered %s", a.body)
			}
			s := w.connect(t, w.agent.token)
			s.send(map[string]any{"id": "1", "type": "subscribe", "payload": map[string]any{"documentId": "me"}})
			if f := s.receive(); string(f.Payload) != answered {
				t.Errorf("a socket is answered %s %s", f.Type, f.Payload)
			}
		})
	}
}

// TestOthersAreLogged: a document that is not trusted is logged once, by the names of its
// operations.
func TestOthersAreLogged(t *testing.T) {
	t.Parallel()
	var logged dbtest.Journal
	w := newWorld(t, func(o *options) {
		o.documents, o.log = graph.LogOthers, slog.New(slog.NewTextHandler(&logged, nil))
	})
	const trusted = `query Known { viewer { id } }`
	must(t, w.handler.Trust(graph.Documents{"1": trusted}))
	for range 2 {
		w.query(w.agent.token, trusted, nil)
		w.query(w.agent.token, `query Unknown { viewer { id } }`, nil)
	}
	if text := logged.String(); strings.Count(text, "Unknown") != 1 || strings.Contains(text, "Known]") {
		t.Errorf("the log says\n%s", text)
	}
}

// wantOneWay checks the answer to a body: the data, or the code of the first error.
func (w *world) wantOneWay(t *testing.T, body, data, code string) {
	t.Helper()
	a := w.send(t, w.agent.token, body)
	errs := a.errors()
	if code == "" && string(a.body) != data || code != "" && (len(errs) == 0 || errs[0].Extensions.Code != code) {
		t.Errorf("%s is answered %s, not %s%s", body, a.body, code, data)
	}
}

// TestTrust: trusted documents take the place of those before, all or none.
func TestTrust(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *options) { o.documents = graph.TrustedOnly })
	must(t, w.handler.Trust(graph.Documents{"a": `{ asOf }`}))
	for _, bad := range []string{`{`, `{ unknown }`, `{ viewer {` + strings.Repeat(" id", 30) + `} }`, `{ asOf } ` + strings.Repeat(",", 64<<10)} {
		if err := w.handler.Trust(graph.Documents{"b": `{ viewer { id } }`, "bad": bad}); err == nil || !strings.Contains(err.Error(), "bad") {
			t.Errorf("%.40s is trusted: %v", bad, err)
		}
	}
	if a := w.send(t, w.agent.token, `{"documentId":"a"}`); a.errors() != nil {
		t.Errorf("what was trusted before is answered %s", a.body)
	}
	must(t, w.handler.Trust(graph.Documents{"b": `{ viewer { id } }`}))
	w.send(t, w.agent.token, `{"documentId":"a"}`).wantCode("DOCUMENT_NOT_FOUND")
	w.send(t, w.agent.token, `{"query":"{ asOf }"}`).wantCode("DOCUMENT_NOT_FOUND")
	if a := w.send(t, w.agent.token, `{"documentId":"b"}`); a.errors() != nil {
		t.Errorf("what is trusted now is answered %s", a.body)
	}
}
