package service_test

import (
	"fmt"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

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
		_, err := w.DB.ExecContext(w.Context(), "UPDATE checkpoints SET "+change+" WHERE projection = 'counts'")
		servicetest.Fine(t, err)
	}
	const other = `state = (jsonb_set(state::jsonb, '{All,Closed}', '7'))::json`
	stores(other)
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
		stores(other)
		stores(change)
		servicetest.Equal(t, name, counts(w.anew()), want)
	}
	w.SaveCheckpoints(w.Context())
	stores(other)
	c := w.Open()
	want.Unassigned, want.All = 2, 4
	for i := range 101 {
		w.OK(w.UpdateContact(w.Context(), ada, service.UpdateContactInput{ContactID: c.ContactID, Name: new(fmt.Sprint("Cora ", i))}))
	}
	servicetest.Equal(t, "after much has happened", counts(w.anew()), want)
}
