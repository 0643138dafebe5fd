//go:build unix

package db

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"switchboard/db/dbtest"
)

// TestPoolerSharesSessions: other clients of the pooler that change their sessions change neither
// the meaning of what is sent nor the time-outs, and statements are prepared in no session.
func TestPoolerSharesSessions(t *testing.T) {
	t.Parallel()
	direct := dbtest.New(t, nil)
	through := dbtest.Pooler(t, direct, 1)
	d := pool(t, through, Options{DirectURL: direct})
	other, err := pgx.Connect(t.Context(), through)
	fine(t, err)
	defer other.Close(t.Context())
	for _, hostile := range []string{"SET standard_conforming_strings = off", "SET client_encoding = 'LATIN1'", "SET statement_timeout = 0", "SET lock_timeout = 0"} {
		_, err := other.Exec(t.Context(), hostile)
		fine(t, err)
	}
	for range 3 {
		var echoed, timeout string
		fine(t, d.Transact(t.Context(), 0, func(tx Tx) error {
			fine(t, tx.bun.NewRaw("SELECT current_setting('statement_timeout')").Scan(t.Context(), &timeout))
			return tx.bun.NewRaw("SELECT ?", `PWNED\' -- ž`).Scan(t.Context(), &echoed)
		}))
		if echoed != `PWNED\' -- ž` || timeout != "5s" {
			t.Errorf("in a transaction a text comes back as %q, the time-out is %s", echoed, timeout)
		}
		fine(t, d.NewRaw("SELECT ?", `PWNED\' -- ž`).Scan(t.Context(), &echoed))
		if echoed != `PWNED\' -- ž` {
			t.Errorf("outside transactions a text comes back as %q", echoed)
		}
	}
	var prepared int
	fine(t, d.NewRaw("SELECT count(*) FROM pg_prepared_statements WHERE NOT from_sql").Scan(t.Context(), &prepared))
	if prepared != 0 {
		t.Errorf("%d statements are prepared in a shared session", prepared)
	}
}

// TestPoolerUnexpected: without the direct URL a pooler is recognised, whether it refuses settings
// or drops them.
func TestPoolerUnexpected(t *testing.T) {
	t.Parallel()
	direct := dbtest.New(t, nil)
	for _, settings := range [][]string{nil, {"ignore_startup_parameters = statement_timeout,lock_timeout,idle_in_transaction_session_timeout," +
		"client_connection_check_interval,tcp_keepalives_idle,tcp_keepalives_interval,tcp_keepalives_count,tcp_user_timeout,search_path"}} {
		_, err := Open(t.Context(), dbtest.Pooler(t, direct, 1, settings...), Options{})
		if !errors.Is(err, errPooler) {
			t.Errorf("with the settings %q the error is %v", settings, err)
		}
	}
}

// TestPoolerElsewhere: both URLs must lead to the same database.
func TestPoolerElsewhere(t *testing.T) {
	t.Parallel()
	through := dbtest.Pooler(t, dbtest.New(t, nil), 1)
	if _, err := Open(t.Context(), through, Options{DirectURL: dbtest.New(t, nil)}); err == nil || !strings.Contains(err.Error(), "different databases") {
		t.Errorf("the error is %v", err)
	}
}

// TestPoolerSessions: notifications and the locks of sessions go past the pooler.
func TestPoolerSessions(t *testing.T) {
	t.Parallel()
	direct := dbtest.New(t, nil)
	through := dbtest.Pooler(t, direct, 2)
	first, second := pool(t, through, Options{DirectURL: direct}), pool(t, through, Options{DirectURL: direct})
	listener, err := first.Listen(t.Context(), "news", time.Second)
	fine(t, err)
	defer listener.Close(t.Context())
	fine(t, second.Notify(t.Context(), "news", "hello"))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if heard, err := listener.Wait(ctx); heard != "hello" {
		t.Errorf("the listener heard %q, %v", heard, err)
	}
	held := false
	fine(t, first.Alone(t.Context(), 7, time.Second, func(string) {}, func() error {
		held = second.Alone(t.Context(), 7, 0, func(string) {}, func() error { return nil }) == nil
		return nil
	}))
	if held {
		t.Error("two processes hold the same lock")
	}
	if err := second.Alone(t.Context(), 7, 10*time.Second, func(string) {}, func() error { return nil }); err != nil {
		t.Errorf("the lock is not released: %v", err)
	}
}

// TestRoleSettings: a role with the printed settings has, behind a pooler, those of other sessions.
func TestRoleSettings(t *testing.T) {
	t.Parallel()
	direct := dbtest.New(t, nil)
	var o Options
	o.defaults()
	wanted := map[string]string{}
	o.addSettings(wanted)
	text := roleSettings(`an "app"`)
	for name := range wanted {
		if isOfRole := name != "application_name" && name != "search_path"; strings.Contains(text, " SET "+name+" = ") != isOfRole {
			t.Errorf("%s: %s", name, text)
		}
	}
	admin := pool(t, direct, Options{MaxConns: 1})
	role := "role_of_" + strings.TrimPrefix(admin.config.Database, "test_")
	for _, statement := range slices.Concat([]string{"CREATE ROLE " + role}, strings.Split(roleSettings(role), "; ")) {
		_, err := admin.ExecContext(t.Context(), statement)
		fine(t, err)
	}
	t.Cleanup(func() {
		_, err := admin.ExecContext(context.Background(), "DROP ROLE "+role)
		fine(t, err)
	})
}
