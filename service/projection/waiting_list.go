package projection

import (
	"container/heap"
	"time"
)

// wait is a contact's wait for an answer.
type wait struct {
	since time.Time
	in    *waitingList
	index int // in it
}

// end removes the wait from its list.
func (w *wait) end() { heap.Remove(&w.in.heaped, w.index) }

// waitingList holds the contacts that wait, ordered so that the longest wait is found at once.
type waitingList struct{ heaped }

// add enqueues a contact that has been waiting since t.
func (l *waitingList) add(t time.Time) *wait {
	w := &wait{since: t, in: l}
	heap.Push(&l.heaped, w)
	return w
}

// longest returns when the longest wait began, or nil if no contact waits.
func (l *waitingList) longest() *time.Time {
	if l == nil || len(l.heaped) == 0 {
		return nil
	}
	since := l.heaped[0].since
	return &since
}

// heaped is the list in the order of container/heap.
type heaped []*wait

func (h heaped) Len() int { return len(h) }

func (h heaped) Less(i, j int) bool { return h[i].since.Before(h[j].since) }

func (h heaped) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *heaped) Push(w any) {
	w.(*wait).index = len(*h)
	*h = append(*h, w.(*wait))
}

func (h *heaped) Pop() any {
	last := len(*h) - 1
	w := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return w
}
