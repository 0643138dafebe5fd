package projection

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"switchboard/db"
)

// openedAll opens conversations, all at the same moment, each with an event.
func (l *log) openedAll(number int) {
	l.t.Helper()
	run := func(sql string, args ...any) {
		_, err := l.db.DB.DB.ExecContext(l.t.Context(), sql, append([]any{l.Key}, args...)...)
		fine(l.t, err)
	}
	run(`INSERT INTO contacts (workspace_id, id, name, version, created_at)
		SELECT $1, gen_random_uuid(), 'Bulk', 1, now() FROM generate_series(1, $2)`, number)
	run(`INSERT INTO conversations (workspace_id, id, contact_id, channel, status, latest, version, revision, opened_at, last_activity_at)
		SELECT $1, gen_random_uuid(), id, 'email', 'OPEN', TRUE, 1, 1, '2026-03-01', '2026-03-01' FROM contacts WHERE workspace_id = $1`)
	run(`INSERT INTO events (workspace_id, seq, id, type, conversation_id, contact_id, data, created_at)
		SELECT $1, row_number() OVER (), gen_random_uuid(), 'CONVERSATION_OPENED', id, contact_id, '{}', now()
		FROM conversations WHERE workspace_id = $1`)
	run(`UPDATE event_heads SET (seq, event_id) = (SELECT seq, id FROM events WHERE workspace_id = $1 ORDER BY seq DESC LIMIT 1)
		WHERE workspace_id = $1`)
}

// list returns a list from memory, once the open conversations are there.
func (l *log) list(open *Open, limit int) (*OpenList, db.InboxQuery) {
	l.t.Helper()
	q := db.InboxQuery{View: db.ViewAll, Field: db.OpenedAt, Page: db.Page{Limit: limit}}
	for {
		list, err := open.List(l.t.Context(), l.ForWorkspace, q, func() error { return nil })
		fine(l.t, err)
		if list != nil {
			return list, q
		}
		fine(l.t, open.Preload(l.t.Context(), l.ForWorkspace))
	}
}

// listed returns the number of open conversations in memory.
func (l *log) listed(open *Open) int {
	l.t.Helper()
	list, _ := l.list(open, 1)
	if n := list.Count(1_000_000); n != list.Len() {
		l.t.Errorf("%d are counted of %d", n, list.Len())
	}
	return list.Len()
}

// TestOpenIsBuiltInSteps: the rows are read in several statements, even if all have the same order,
// and what the log names meanwhile is read again.
func TestOpenIsBuiltInSteps(t *testing.T) {
	t.Parallel()
	w := newLog(t, db.Options{MaxConns: 4, StatementTimeout: time.Minute})
	early, late := NewOpen(NewRows(1<<20)), NewOpen(NewRows(1<<20))
	if n := w.listed(early); n != 0 {
		t.Fatalf("%d are listed before anything is opened", n)
	}
	const number = db.MaxChanges + 50 // more than are read in one statement, too
	w.openedAll(number)
	for name, open := range map[string]*Open{"which starts now": late, "which is far behind": early} {
		if n := w.listed(open); n != number {
			t.Errorf("a projection %s lists %d of %d", name, n, number)
		}
	}
	w.opened()
	if n := w.listed(early); n != number+1 {
		t.Errorf("afterwards %d are listed", n)
	}

	seen := 0
	head, err := w.EachOpen(t.Context(), func(c *db.Conversation) {
		if seen++; seen == 1 { // and others are still to be read
			_, err := w.db.DB.DB.ExecContext(t.Context(), `UPDATE conversations SET version = 7 WHERE workspace_id = $1 AND opened_at > '2026-03-01'`, w.Key)
			fine(t, err)
			w.opened()
		}
		if c.Version == 7 {
			t.Errorf("number %d is as it was later than the first", seen)
		}
	})
	fine(t, err)
	if seen != number+1 || head.Seq != db.Seq(seen) {
		t.Errorf("%d are read as they were at event %d", seen, head.Seq)
	}
}

// loses makes the log end before an event, as if the database came from a backup.
func (l *log) loses(seq db.Seq) {
	l.t.Helper()
	for _, sql := range []string{
		"DELETE FROM events WHERE workspace_id = $1 AND seq >= $2",
		"DELETE FROM conversations WHERE workspace_id = $1 AND NOT EXISTS (SELECT FROM events WHERE workspace_id = $1 AND seq < $2 AND conversation_id = conversations.id)",
		"UPDATE event_heads SET seq = $2 - 1, event_id = (SELECT id FROM events WHERE workspace_id = $1 AND seq = $2 - 1) WHERE workspace_id = $1",
	} {
		_, err := l.db.DB.DB.ExecContext(l.t.Context(), sql, l.Key, seq)
		fine(l.t, err)
	}
}

// TestOpenOfReplacedLog: another event under the number of the last one means that the log was
// replaced, so nothing in memory counts any more.
func TestOpenOfReplacedLog(t *testing.T) {
	t.Parallel()
	w := newLog(t, db.Options{MaxConns: 4})
	for range 3 {
		w.opened()
	}
	open := NewOpen(NewRows(1 << 20))
	if n := w.listed(open); n != 3 {
		t.Fatalf("%d are listed", n)
	}
	w.loses(3)
	for _, more := range []int{2, 0} { // the number is passed, and then stays
		for range more {
			w.opened()
		}
		list, q := w.list(open, 10)
		got, err := list.Page()
		fine(t, err)
		want, err := w.Inbox(t.Context(), q)
		fine(t, err)
		if fmt.Sprint(idsOf(got.Rows)) != fmt.Sprint(idsOf(want.Rows)) || len(want.Rows) != 4 {
			t.Errorf("after the log was replaced %s are listed, not %s", idsOf(got.Rows), idsOf(want.Rows))
		}
	}
}

// TestKeptOfReplacedLog: what was kept while another log was followed is not shown on a page that
// was read after the log was replaced.
func TestKeptOfReplacedLog(t *testing.T) {
	t.Parallel()
	w := newLog(t, db.Options{MaxConns: 4})
	w.opened()
	w.opened()
	open := NewOpen(NewRows(1 << 20))
	list, q := w.list(open, 1)
	page, err := list.Page()
	fine(t, err)
	names := func(kept *Kept) (name string) {
		contacts, err := kept.Contacts(t.Context(), []db.ContactID{page.Rows[0].ContactID})
		fine(t, err)
		return contacts[0].Name
	}
	if name := names(list.Kept(w.ForWorkspace)); name != "Ada" {
		t.Fatalf("the contact's name is %s", name)
	}
	w.loses(2)
	_, err = w.db.DB.DB.ExecContext(t.Context(), "UPDATE contacts SET name = 'Eda' WHERE workspace_id = $1 AND id = $2", w.Key, page.Rows[0].ContactID)
	fine(t, err)
	w.opened()             // another event has the number
	for round := range 2 { // while the conversations are read, and afterwards
		read, err := w.Inbox(t.Context(), q)
		fine(t, err)
		kept, err := open.Kept(t.Context(), w.ForWorkspace, read.Head)
		fine(t, err)
		if round > 0 && kept == nil {
			t.Fatal("no rows are in memory")
		}
		if kept != nil && names(kept) != "Eda" {
			t.Errorf("the contact's name is %s", names(kept))
		}
		fine(t, open.Preload(t.Context(), w.ForWorkspace))
	}
}

func idsOf(rows []*db.Conversation) (ids []string) {
	for _, c := range rows {
		ids = append(ids, c.ID.String())
	}
	return ids
}

// TestReadersOfColdWorkspace: while the conversations are read, a few readers at a time are
// answered by other means, and the others wait until they are in memory.
func TestReadersOfColdWorkspace(t *testing.T) {
	t.Parallel()
	w := newLog(t, db.Options{MaxConns: 4})
	w.opened()
	open := NewOpen(NewRows(1 << 20))
	for range maxBuilds { // nothing is read yet
		open.builds <- struct{}{}
	}
	q := db.InboxQuery{View: db.ViewAll, Field: db.OpenedAt, Page: db.Page{Limit: 1}}
	const readers = 5 * maxInstead
	instead, let, ended := make(chan struct{}, readers), make(chan struct{}), make(chan *OpenList, readers)
	for range readers {
		go func() {
			list, err := open.List(t.Context(), w.ForWorkspace, q, func() error {
				instead <- struct{}{}
				<-let
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			ended <- list
		}()
	}
	for range maxInstead {
		<-instead
	}
	for range maxBuilds {
		<-open.builds
	}
	for n := range readers - maxInstead {
		if list := <-ended; list == nil || list.Len() != 1 {
			t.Errorf("reader %d was not answered from memory", n)
		}
	}
	close(let)
	for range maxInstead {
		if <-ended != nil {
			t.Error("a reader was answered twice")
		}
	}
	if len(instead) > 0 {
		t.Errorf("%d more were answered by other means", len(instead))
	}
}

// TestOpenIsDropped: when the open conversations of a workspace are dropped, so are the rows to
// which they refer.
func TestOpenIsDropped(t *testing.T) {
	t.Parallel()
	w := newLog(t, db.Options{MaxConns: 4})
	w.opened()
	rows := NewRows(1 << 20)
	open := NewOpen(rows)
	list, _ := w.list(open, 1)
	page, err := list.Page()
	fine(t, err)
	_, err = list.Kept(w.ForWorkspace).Contacts(t.Context(), []db.ContactID{page.Rows[0].ContactID})
	fine(t, err)
	kept := func() int {
		runtime.GC()
		rows.mu.Lock()
		defer rows.mu.Unlock()
		return rows.known.Len()
	}
	if n := kept(); n != 1 {
		t.Fatalf("%d rows are kept", n)
	}
	open.of.mu.Lock()
	clear(open.of.of)
	open.of.mu.Unlock()
	for late := time.After(time.Minute); kept() > 0; {
		select {
		case <-late:
			t.Fatal("the rows are still kept")
		default:
		}
	}
}
