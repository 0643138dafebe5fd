package live

import "time"

// A bucket is a token bucket: it holds at most burst tokens, gains perSecond of them each second,
// and every frame takes one.
type bucket struct {
	perSecond, burst int
	tokens           float64
	last             time.Time
}

// allow reports whether a frame received at now is within the rate. A negative perSecond means no
// limit.
func (b *bucket) allow(now time.Time) bool {
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
