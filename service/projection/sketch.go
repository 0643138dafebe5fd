package projection

import (
	"math"
	"time"
)

// sketch is a histogram of durations. A bucket includes the lengths that differ by less than 1 %
// from its middle, so a quantile is at most 1 % off, and the size does not grow with the number of
// durations (the buckets are those of DDSketch, https://arxiv.org/abs/1908.10693).
type sketch struct {
	counts []int // by bucket
	n      int
}

const sketchError = 0.01

// sketchBase is the logarithm of the ratio between the longest durations of neighbouring buckets.
var sketchBase = math.Log((1 + sketchError) / (1 - sketchError))

// add counts a duration. A negative one, possible when clocks differ, counts as zero.
func (s *sketch) add(d time.Duration) {
	bucket := 0
	if us := d.Microseconds(); us > 0 {
		bucket = 1 + int(math.Ceil(math.Log(float64(us))/sketchBase))
	}
	s.grow(bucket + 1)
	s.counts[bucket]++
	s.n++
}

// merge adds all durations of another sketch.
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

// quantile returns the shortest duration, in seconds, that at least this part of all durations does
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

// middle returns the length, in seconds, from which no duration of a bucket differs by more than 1
// %.
func middle(bucket int) float64 {
	if bucket == 0 {
		return 0
	}
	longest := math.Exp(float64(bucket-1) * sketchBase)
	return longest * (1 - sketchError) / 1e6
}
