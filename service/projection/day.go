package projection

import (
	"sort"
	"time"
)

// Days are those of a time zone's calendar: some have 23 hours, some 25, and some do not begin at
// midnight.

// day numbers the days of the calendar.
type day int

// dayOf returns the day of a time in a time zone.
func dayOf(t time.Time, zone *time.Location) day {
	year, month, number := t.In(zone).Date()
	return day(time.Date(year, month, number, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60))
}

// endOfDay returns the moment at which the next day begins in a time zone. Clocks are changed at
// full minutes.
func endOfDay(t time.Time, zone *time.Location) time.Time {
	today, minute := dayOf(t, zone), t.Truncate(time.Minute)
	const longest = 50 * 60 // minutes; where the date line moved, a day lasted 48 hours
	return minute.Add(time.Minute * time.Duration(sort.Search(longest, func(n int) bool {
		return dayOf(minute.Add(time.Minute*time.Duration(n)), zone) > today
	})))
}
