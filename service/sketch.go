package service

import (
	"math"
	"time"
)

// sketch remembers of many durations how many there were of about each length. Lengths
// that differ by less than 1 % from the middle of a bucket are in it together, so a
// quantile is at most 1 % off, and a duration costs one count however many there are
// (the buckets are those of DDSketch, https://arxiv.org/abs/1908.10693).
type sketch struct {
	counts []int // by bucket
	n      int
}

const sketchError = 0.01

// sketchBase is how much longer the longest duration of a bucket is than that of the one
// before, as a logarithm.
var sketchBase = math.Log((1 + sketchError) / (1 - sketchError))

// add takes one more duration; a negative one, which clocks that differ may make, is none.
func (s *sketch) add(d time.Duration) {
	bucket := 0
	if us := d.Microseconds(); us > 0 {
		bucket = 1 + int(math.Ceil(math.Log(float64(us))/sketchBase))
	}
	s.grow(bucket + 1)
	s.counts[bucket]++
	s.n++
}

// merge takes all that another one has.
func (s *sketch) merge(o *sketch) {
	s.grow(len(o.counts))
	for bucket, n := range o.counts {
		s.counts[bucket] += n
	}
	s.n += o.n
}

func (s *sketch) grow(buckets int) {
	if more := buckets - len(s.counts); more > 0 {
		s.counts = append(s.counts, make([]int, more)...)
	}
}

// quantile gives the shortest duration, in seconds, that at least this part of all does
// not exceed; nil if there are none.
func (s *sketch) quantile(part float64) *float64 {
	rank := int(math.Ceil(part * float64(s.n)))
	for bucket, n := range s.counts {
		if rank -= n; n > 0 && rank <= 0 {
			seconds := middle(bucket)
			return &seconds
		}
	}
	return nil
}

// middle is the length, in seconds, from which nothing in a bucket differs by more than 1 %.
func middle(bucket int) float64 {
	if bucket == 0 {
		return 0
	}
	longest := math.Exp(float64(bucket-1) * sketchBase)
	return longest * (1 - sketchError) / 1e6
}
