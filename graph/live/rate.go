package live

import "time"

// A bucket holds burst tokens and gains perSecond of them; every frame takes one.
type bucket struct {
	perSecond, burst int
	tokens           float64
	last             time.Time
}

// take reports whether a frame at now is within the rate. A perSecond below zero lets everything pass.
func (b *bucket) take(now time.Time) bool {
	if b.perSecond < 0 {
		return true
	}
	if b.last.IsZero() {
		b.tokens = float64(b.burst)
	} else {
		b.tokens = min(float64(b.burst), b.tokens+now.Sub(b.last).Seconds()*float64(b.perSecond))
	}
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
