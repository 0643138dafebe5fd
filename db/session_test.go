package db

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"switchboard/db/dbtest"
)

// TestSettings: sessions have the required settings, even if the database or its role has others.
func TestSettings(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t, migrated)
	admin := pool(t, url, Options{MaxConns: 1})
	for name, value := range map[string]string{
		"standard_conforming_strings": "off", "client_encoding": "LATIN1", "search_path": "pg_catalog",
		"idle_in_transaction_session_timeout": "0", "statement_timeout": "0",
	} {
		_, err := admin.ExecContext(t.Context(), fmt.Sprintf(
			"DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I SET %s = ''%s''', current_database()); END $$", name, value))
		fine(t, err)
	}
	d := pool(t, url, Options{MaxConns: 1})
	for name, want := range map[string]string{
		"standard_conforming_strings": "on", "client_encoding": "UTF8", "search_path": "public", "timezone": "UTC",
		"idle_in_transaction_session_timeout": "5s", "statement_timeout": "5s", "lock_timeout": "2s",
		"client_connection_check_interval": "5s",
	} {
		var is string
		fine(t, d.NewRaw("SELECT current_setting(?)", name).Scan(t.Context(), &is))
		if is != want {
			t.Errorf("%s is %s, not %s", name, is, want)
		}
	}
	var echoed string
	fine(t, d.NewRaw("SELECT ?", `PWNED\' --`).Scan(t.Context(), &echoed))
	if echoed != `PWNED\' --` {
		t.Errorf("a text came back as %q", echoed)
	}
}

// TestSearchPath: the URL can select another schema.
func TestSearchPath(t *testing.T) {
	t.Parallel()
	d := pool(t, dbtest.New(t, nil)+"&search_path=other,public", Options{MaxConns: 1})
	var is string
	fine(t, d.NewRaw("SHOW search_path").Scan(t.Context(), &is))
	if is != "other,public" {
		t.Errorf("it is %s", is)
	}
}

// forgetful is a connection through a pooler that drops one startup parameter.
type forgetful struct {
	net.Conn
	drop    string
	started bool
}

func (f *forgetful) Write(b []byte) (int, error) {
	if f.started {
		return f.Conn.Write(b)
	}
	f.started = true
	var start pgproto3.StartupMessage
	if err := start.Decode(b[4:]); err != nil {
		return 0, err
	}
	delete(start.Parameters, f.drop)
	text, err := start.Encode(nil)
	if err != nil {
		return 0, err
	}
	_, err = f.Conn.Write(text)
	return len(b), err
}

// TestSettingDropped: a connection without a setting on which the meaning of SQL depends is
// refused. The error names the setting and a remedy.
func TestSettingDropped(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t, migrated)
	admin := pool(t, url, Options{MaxConns: 1})
	for name, value := range map[string]string{"standard_conforming_strings": "off", "client_encoding": "LATIN1", "search_path": "pg_catalog"} {
		_, err := admin.ExecContext(t.Context(), fmt.Sprintf(
			"DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I SET %s = ''%s''', current_database()); END $$", name, value))
		fine(t, err)
	}
	for _, name := range []string{"standard_conforming_strings", "client_encoding", "search_path"} {
		_, err := Open(t.Context(), url, Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			return &forgetful{Conn: conn, drop: name}, err
		}})
		var setting *SettingError
		if !errors.As(err, &setting) || setting.Name != name || !strings.Contains(err.Error(), "pooler") {
			t.Errorf("without %s the error is %v", name, err)
		}
	}
}
