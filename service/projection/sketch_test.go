package projection

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestSketch: quantiles are within 2 % of those of the durations, in one sketch and in several
// merged ones.
func TestSketch(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var durations []time.Duration
		var parts [3]sketch
		for _, exponent := range rapid.SliceOfN(rapid.Float64Range(-1, 8.5), 0, 200).Draw(t, "powers of ten, in seconds") {
			d := time.Duration(math.Pow(10, exponent) * float64(time.Second)).Truncate(time.Microsecond)
			durations = append(durations, d)
			parts[rapid.IntRange(0, 2).Draw(t, "part")].add(d)
		}
		var all sketch
		for i := range parts {
			all.merge(&parts[i])
		}
		if err := near(quantiles(&all), durations); err != nil {
			t.Fatal(err)
		}
	})
	var short sketch
	for _, d := range []time.Duration{-time.Hour, 0, 999 * time.Nanosecond} {
		short.add(d)
	}
	if err := near(quantiles(&short), []time.Duration{0, 0, 0}); err != nil {
		t.Error(err)
	}
}

// near compares quantiles with those of the sorted durations.
func near(got Quantiles, durations []time.Duration) error {
	if got.Count != len(durations) {
		return fmt.Errorf("%d durations, not %d", got.Count, len(durations))
	}
	slices.Sort(durations)
	for part, seconds := range map[float64]*float64{0.5: got.P50, 0.9: got.P90} {
		if len(durations) == 0 {
			if seconds != nil {
				return fmt.Errorf("a quantile of nothing: %v", *seconds)
			}
			continue
		}
		want := durations[int(math.Ceil(part*float64(len(durations))))-1].Seconds()
		if seconds == nil {
			return fmt.Errorf("there is no quantile %v, which is %v", part, want)
		}
		if math.Abs(*seconds-want) > 0.0101*want {
			return fmt.Errorf("the quantile %v is given as %v, not %v", part, *seconds, want)
		}
	}
	return nil
}
