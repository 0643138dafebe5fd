package feed

import (
	"errors"
	"testing"

	"switchboard/db"
)

// TestRestored: after a restore from a backup, or a failover that lost commits, the log continues
// from an earlier event and uses numbers again. Watchers that saw lost events get ErrExpired and no
// event of the new history.
func TestRestored(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]int{"shorter": 0, "a little shorter": 3, "as long": 4, "longer": 9, "much longer": 3 * batchSize} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJournal(t)
			f := New(open(t, j.url), Options{Log: quiet})
			pause := running(t, f)
			j.write(newEvents(10)...)
			up, lagging := watch(t, f, j.key, j.beginning()), watch(t, f, j.key, j.after(8))
			read(t, up, 10)
			lost, kept := j.after(8), j.after(6)

			pause()
			j.restore(6)
			j.write(newEvents(again)...)
			if events, err := next(timeoutContext(t), lagging); !errors.Is(err, ErrExpired) {
				t.Errorf("lagging: %d events, %v", len(events), err)
			}
			running(t, f)
			f.Poke(j.key)
			if events, err := next(timeoutContext(t), up); !errors.Is(err, ErrExpired) {
				t.Errorf("live: %d events, %v", len(events), err)
			}
			if _, err := f.Watch(t.Context(), j.key, lost); !errors.Is(err, ErrExpired) {
				t.Errorf("resumed: %v", err)
			}
			read(t, watch(t, f, j.key, kept), 6+db.Seq(again))
		})
	}
}
