package projection

import (
	"testing"
	"time"
)

// TestDays: days begin at midnight in the time zone, however long they last.
func TestDays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, at, day, ends string }{
		{"UTC", "2026-03-01T23:59:59Z", "2026-03-01", "2026-03-02T00:00:00Z"},
		{"UTC", "2026-03-02T00:00:00Z", "2026-03-02", "2026-03-03T00:00:00Z"},
		{"Asia/Tokyo", "2026-03-01T15:00:00Z", "2026-03-02", "2026-03-02T15:00:00Z"},
		{"America/New_York", "2026-03-01T04:59:59.999999Z", "2026-02-28", "2026-03-01T05:00:00Z"},
		{"Asia/Kathmandu", "2026-03-01T18:14:00Z", "2026-03-01", "2026-03-01T18:15:00Z"},
		{"Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29", "2026-03-29T22:00:00Z"},     // 23 hours
		{"Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25", "2026-10-25T23:00:00Z"},     // 25 hours
		{"America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-03", "2018-11-04T03:00:00Z"}, // the next one begins at 01:00
		{"America/Havana", "2025-11-02T03:59:00Z", "2025-11-01", "2025-11-02T04:00:00Z"},    // midnight comes twice
		{"Pacific/Apia", "2011-12-29T12:00:00Z", "2011-12-29", "2011-12-30T10:00:00Z"},      // the next one is the 31st
		{"America/St_Johns", "2026-03-08T03:29:00Z", "2026-03-07", "2026-03-08T03:30:00Z"},  // half hours
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		date, err := time.Parse(time.DateOnly, c.day)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := dayOf(at, zone), dayOf(date, time.UTC); got != want {
			t.Errorf("%s %s is day %d, not %d", c.zone, c.at, got, want)
		}
		if ends := endOfDay(at, zone).UTC().Format(time.RFC3339); ends != c.ends {
			t.Errorf("%s %s: the day ends at %s, not %s", c.zone, c.at, ends, c.ends)
		}
	}
}
