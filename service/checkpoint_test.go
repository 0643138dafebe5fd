package service_test

import (
	"fmt"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// changeCheckpoint changes columns of a stored checkpoint.
func (w *world) changeCheckpoint(projection, change string) {
	w.T.Helper()
	changed, err := w.DB.ExecContext(w.Context(), "UPDATE checkpoints SET "+change+" WHERE projection = '"+projection+"'")
	servicetest.Fine(w.T, err)
	rows, err := changed.RowsAffected()
	servicetest.Fine(w.T, err)
	servicetest.Equal(w.T, "checkpoints", rows, 1)
}

// sevenClosed makes stored counts wrong.
const sevenClosed = `state = (jsonb_set(state::jsonb, '{All,Closed}', '7'))::json`

// TestCountsAfterRestart: counts are stored, and a restart goes on from there until they are counted
// anew, unless they are of another log or another version, or too much has happened since (I2).
func TestCountsAfterRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.Agent("Ada")
	counts := func(w *world) db.ViewCounts {
		t.Helper()
		c, err := w.InboxCounts(w.Context(), ada)
		servicetest.Fine(t, err)
		return c.ViewCounts
	}
	w.Open()
	w.Assign(w.Open(), ada)
	w.Closes(w.Open())
	w.Block(w.Open())
	want := db.ViewCounts{Mine: 1, Unassigned: 1, All: 2, Closed: 1, Blocked: 1}
	servicetest.Equal(t, "counts", counts(w), want)
	w.SaveCheckpoints(w.Context())
	servicetest.Equal(t, "after a restart", counts(w.anew()), want)

	stores := func(change string) {
		t.Helper()
		w.changeCheckpoint("counts", change)
	}
	stores(sevenClosed)
	w.Assign(w.Open(), ada)
	want.Mine, want.All = 2, 3
	again := w.anew()
	servicetest.Equal(t, "from what was stored", counts(again), db.ViewCounts{Mine: 2, Unassigned: 1, All: 3, Closed: 7, Blocked: 1})
	for deadline := time.Now().Add(time.Minute); counts(again) != want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("they are never counted anew: %v", counts(again))
		}
	}
	servicetest.Equal(t, "without a restart", counts(w), want)
	for name, change := range map[string]string{
		"another log": "event_id = gen_random_uuid()", "the future": "seq = seq + 1000", "no form": "state = '[]'", "an empty form": "state = '{}'",
		"another version": "state = (jsonb_set(state::jsonb, '{Version}', '0'))::json",
	} {
		_, err := w.DB.ExecContext(w.Context(), "DELETE FROM checkpoints")
		servicetest.Fine(t, err)
		counted := w.anew()
		servicetest.Equal(t, name+" has not come yet", counts(counted), want)
		counted.SaveCheckpoints(w.Context())
		stores(sevenClosed)
		stores(change)
		servicetest.Equal(t, name, counts(w.anew()), want)
	}
	w.SaveCheckpoints(w.Context())
	stores(sevenClosed)
	c := w.Open()
	want.Unassigned, want.All = 2, 4
	for i := range 101 {
		w.OK(w.UpdateContact(w.Context(), ada, service.UpdateContactInput{ContactID: c.ContactID, Name: new(fmt.Sprint("Cora ", i))}))
	}
	servicetest.Equal(t, "after much has happened", counts(w.anew()), want)
}

// TestCountsRenewed: what was stored is counted anew after a restart, again if that fails, and those
// who follow the counts wait for it.
func TestCountsRenewed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Open()
	_, err := w.InboxCounts(w.Context(), w.Manager)
	servicetest.Fine(t, err)
	w.SaveCheckpoints(w.Context())
	w.changeCheckpoint("counts", sevenClosed)

	again := w.anew()
	closed := func() int {
		t.Helper()
		counts, err := again.InboxCounts(w.Context(), w.Manager)
		servicetest.Fine(t, err)
		return counts.Closed
	}
	release := w.Locks("LOCK TABLE conversations IN ACCESS EXCLUSIVE MODE")
	servicetest.Equal(t, "at first", closed(), 7)
	w.WaitBlocked(1)
	w.WaitBlocked(0) // it waited too long for the lock
	servicetest.Equal(t, "after a failure", closed(), 7)
	w.WaitBlocked(1)
	streams := make(chan *service.Stream[service.Counts], 1)
	go func() {
		s, err := again.WatchCounts(w.Context(), w.Manager)
		if err != nil {
			t.Error(err)
		}
		streams <- s
	}()
	release()
	if s := <-streams; s != nil {
		defer s.Close()
		servicetest.Equal(t, "to those who follow the counts", next(t, s).Closed, 0)
	}
	servicetest.Equal(t, "at last", closed(), 0)
}
