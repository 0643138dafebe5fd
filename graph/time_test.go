package graph

import (
	"strings"
	"testing"
	"time"
)

// TestTimesSort: times always have six decimals, so that they sort as text.
func TestTimesSort(t *testing.T) {
	t.Parallel()
	at, before := time.Date(2026, 3, 1, 9, 30, 0, 0, time.FixedZone("", 3600)), ""
	for _, step := range []time.Duration{0, 10 * time.Microsecond, 250 * time.Millisecond, time.Second, 12 * time.Hour} {
		var text strings.Builder
		MarshalDateTime(at.Add(step)).MarshalGQL(&text)
		if len(text.String()) != len(`"2026-03-01T08:30:00.000000Z"`) || text.String() <= before {
			t.Errorf("after %s comes %s", before, text.String())
		}
		before = text.String()
	}
}
