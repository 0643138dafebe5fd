package db

import (
	"strings"
	"testing"
)

// TestUnencrypted (finding 13): a connection over a network that may be unencrypted is recognised.
func TestUnencrypted(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"postgres://a@db.example/a":                                      "db.example",
		"postgres://a@db.example/a?sslmode=prefer":                       "db.example",
		"postgres://a@db.example/a?sslmode=allow":                        "db.example",
		"postgres://a@db.example/a?sslmode=disable":                      "db.example",
		"postgres://a@db.example/a?sslmode=require":                      "",
		"postgres://a@db.example/a?sslmode=verify-full":                  "",
		"postgres://a@192.0.2.1:5433/a":                                  "192.0.2.1",
		"postgres://a@127.0.0.1,db.example/a?sslmode=prefer":             "db.example",
		"postgres://a@localhost/a":                                       "",
		"postgres://a@127.0.0.2/a":                                       "",
		"postgres://a@[::1]/a":                                           "",
		"postgres:///a?host=/run/postgresql":                             "",
		"host=db.example user=a dbname=a":                                "db.example",
		"host=/run/postgresql,db.example user=a dbname=a sslmode=prefer": "db.example",
	} {
		if got, err := Unencrypted(url); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", url, got, err, want)
		}
	}
	if _, err := Unencrypted("postgres://a:secret@db.example:port/a"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a URL that cannot be read: %v", err)
	}
}
