package attack

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestTrustedOnly: a server that requires trusted documents refuses all others at the price of a
// refused document, and reads its manifest again when it is asked to.
func TestTrustedOnly(t *testing.T) {
	manifest := filepath.Join(t.TempDir(), "documents.json")
	write := func(text string) { check(t, os.WriteFile(manifest, []byte(text), 0o600)) }
	write(`{"me":"{ viewer { name } }"}`)
	s := start(t, "--documents", manifest, "--documents-mode", "require")
	s.attack([]row{
		{name: "an unknown document", send: post(`{ asOf }`), status: 400, code: "DOCUMENT_NOT_FOUND"},
		{name: "an unknown document in the URL", send: byURL(`{ asOf }`), status: 400, code: "DOCUMENT_NOT_FOUND"},
		{name: "an unknown document on a socket", send: subscribe(`{ asOf }`), code: "DOCUMENT_NOT_FOUND"},
		{name: "an unknown document on a stream", send: stream(`{ asOf }`), code: "DOCUMENT_NOT_FOUND"},
		{name: "an unknown id", send: body(`{"documentId":"other"}`), status: 400, code: "DOCUMENT_NOT_FOUND"},
		{name: "an unknown hash", send: body(`{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"other"}}}`), status: 400, code: "DOCUMENT_NOT_FOUND"},
	})
	asOf := body(`{"documentId":"asOf"}`)
	write(`{"asOf":"{ asOf }","bad":"{ unknown }"}`)
	check(t, s.cmd.Process.Signal(syscall.SIGHUP))
	await(t, "the log says that the manifest was refused", func() bool { return s.logs("the trusted documents stay as they were") })
	if a := post(`{ viewer { name } }`)(s); a.status != 200 {
		t.Errorf("what was trusted before is answered %d %s", a.status, a.body)
	}
	write(`{"asOf":"{ asOf }"}`)
	check(t, s.cmd.Process.Signal(syscall.SIGHUP))
	await(t, "the new document is known", func() bool { return asOf(s).status == 200 })
	if a := post(`{ viewer { name } }`)(s); a.code() != "DOCUMENT_NOT_FOUND" {
		t.Errorf("what is trusted no longer is answered %d %s", a.status, a.body)
	}
}

// await waits until something holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for until := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("it does not become true that %s", what)
		}
	}
}
