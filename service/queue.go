package service

import (
	"container/heap"
	"time"
)

// wait is a contact's wait for an answer.
type wait struct {
	since time.Time
	in    *queue
	place int // in it
}

func (w *wait) end() { heap.Remove(&w.in.heaped, w.place) }

// queue holds those who wait, such that whoever has waited longest is known at once.
type queue struct{ heaped }

// add lets somebody wait who has done so since this time.
func (q *queue) add(since time.Time) *wait {
	w := &wait{since: since, in: q}
	heap.Push(&q.heaped, w)
	return w
}

// longest gives since when the first one waits; nil if nobody does.
func (q *queue) longest() *time.Time {
	if q == nil || len(q.heaped) == 0 {
		return nil
	}
	since := q.heaped[0].since
	return &since
}

// heaped is a queue as container/heap keeps it in order.
type heaped []*wait

func (h heaped) Len() int { return len(h) }

func (h heaped) Less(i, j int) bool { return h[i].since.Before(h[j].since) }

func (h heaped) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *heaped) Push(w any) {
	w.(*wait).place = len(*h)
	*h = append(*h, w.(*wait))
}

func (h *heaped) Pop() any {
	last := len(*h) - 1
	w := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return w
}
