package feed

import (
	"errors"
	"fmt"
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

// cached returns a log of ten events, a feed that does not run any more, and a watcher at the end.
// Events 2 to 10 are in memory.
func cached(t *testing.T) (*journal, *Feed, *Watcher) {
	t.Helper()
	j := newJournal(t)
	f := New(open(t, j.url), Options{Log: quiet})
	pause := running(t, f)
	j.write(newEvents(1)...)
	w := watch(t, f, j.key, j.beginning())
	read(t, w, 1)
	j.write(newEvents(9)...)
	f.Poke(j.key)
	read(t, w, 10)
	pause()
	return j, f, w
}

// TestRestoredBeforeWatch: whoever comes after a restore gets no event of the lost log, even if the
// process has not read the log since and has lost events cached.
func TestRestoredBeforeWatch(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]db.Seq{"at the end": 0, "after the last event that was kept": 6, "after an earlier event": 3} {
		for _, again := range []int{0, 2, 4, 9} {
			t.Run(fmt.Sprint(name, ", ", again, " new events"), func(t *testing.T) {
				t.Parallel()
				j, f, _ := cached(t)
				j.restore(6)
				j.write(newEvents(again)...)
				var w *Watcher
				var err error
				if after == 0 {
					w, err = f.WatchFrom(t.Context(), *j.after(6 + db.Seq(again)))
				} else {
					w, err = f.Watch(t.Context(), j.key, j.after(after))
				}
				fine(t, err)
				t.Cleanup(w.Close)
				written := j.write(newEvents(1)...)
				running(t, f)
				f.Poke(j.key)
				r := read(t, w, 7+db.Seq(again))
				if last := r.ids[len(r.ids)-1]; last != written[0].ID {
					t.Errorf("the last event is %s, want %s", last, written[0].ID)
				}
			})
		}
	}
}

// TestConfirm: a watcher tells that the log was replaced by an older one, also while the process does
// not read the log, and ends.
func TestConfirm(t *testing.T) {
	t.Parallel()
	for _, again := range []int{0, 2, 4, 9} {
		t.Run(fmt.Sprint(again, " new events"), func(t *testing.T) {
			t.Parallel()
			j, _, w := cached(t)
			if !w.Confirm(t.Context()) {
				t.Error("the log is the same")
			}
			j.restore(6)
			j.write(newEvents(again)...)
			if w.Confirm(t.Context()) {
				t.Error("the log is another one")
			}
			if _, err := w.Next(t.Context()); !errors.Is(err, ErrExpired) {
				t.Errorf("the next events: %v", err)
			}
		})
	}
}
