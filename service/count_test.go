package service

import (
	"sync"
	"testing"
)

// TestReadersWaitTogether: of many who want the counts at once hardly any reads the log
// for itself, and all see what happened before they came.
func TestReadersWaitTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.InboxCounts(t.Context(), w.manager)
	fine(t, err)
	const readers = 100
	f := w.folds.get(w.manager.Workspace)
	f.turn <- struct{}{}
	before := f.began.Load()
	w.givenOpen("Ada")
	var came, read sync.WaitGroup
	came.Add(readers)
	for range readers {
		read.Go(func() {
			came.Done()
			if c, err := w.InboxCounts(t.Context(), w.manager); err != nil || c.All != 1 {
				t.Errorf("the counts are %+v, %v", c, err)
			}
		})
	}
	came.Wait()
	<-f.turn
	read.Wait()
	if times := f.began.Load() - before; times > readers/2 {
		t.Errorf("%d readers read the log %d times", readers, times)
	}
}
